"""A snapshot that is killed while it is taken or loaded, and begun again, comes to what an undisturbed one does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from rollbook.ops import Op
from rollbook.planner.step import encode_op

from .conftest import BACKUP, LIVE, Taken
from .snapshots import RUN, carry_out, drop, save, use

pytestmark = pytest.mark.server
SITE = """
    CREATE TABLE users (id serial PRIMARY KEY, nick text);
    INSERT INTO users (nick) SELECT 'n' || i FROM generate_series(1, 40000) i;
    CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users, body text);
    INSERT INTO posts SELECT i, i, repeat('x', i % 300) FROM generate_series(1, 40000) i;
"""
PROGRAM = """
import json, sys
import rollbook.snapshots.loading, rollbook.snapshots.taking
from rollbook.planner.step import decode_op
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution
redactor = Redactor()
specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", sys.argv[2], {"url": sys.argv[1]})}
op = decode_op(json.loads(sys.stdin.read()))
print("begun", flush=True)
TargetPool(specs, SecretStore({}, redactor), redactor).execute(op, FakeExecution())
"""


def killed(op: Op, url: str, kind: str, random: Random, *, longest: float) -> None:
    """Carry an op out in a process of its own, and kill that some moment later."""
    argv = [sys.executable, "-c", PROGRAM, url, kind]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(encode_op(op)).encode())
        process.stdin.close()
        assert process.stdout.readline() == b"begun\n"
        time.sleep(random.uniform(0.05, longest))
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_one_is_begun_again(taken: Taken, tmp_path: Path, seed: int) -> None:
    """SIGKILL at random moments leaves nothing that counts, and the next attempt comes to the same."""
    random = Random(seed)
    taken.both(SITE)
    saving = use("sql.snapshot", into=str(tmp_path), tables=["posts"], columns=["users.nick"], run=RUN)

    for _ in range(2):
        if not saving.probe(taken.read).exists:
            killed(*taken.plan(saving).ops, f"{taken.url}{LIVE}", "postgres", random, longest=0.7)
    path = str(carry_out(taken, saving)["path"])
    loading = use("sql.snapshot_load", snapshot=path, run=RUN)
    for _ in range(2):
        if not loading.probe(taken.read).exists:
            killed(*taken.plan(loading).ops, f"{taken.url}{LIVE}", "postgres", random, longest=1.5)
    database = str(carry_out(taken, loading)["database"])

    taken.execute("DROP TABLE posts; ALTER TABLE users DROP COLUMN nick")
    taken.do(taken.recover(source=database))
    drop(taken, database)
    assert [entry.name for entry in tmp_path.iterdir()] == [Path(path).name]
    assert taken.differences() == ()
    for table in ("users", "posts"):
        assert taken.rows(f"TABLE {table} ORDER BY id") == taken.rows(f"TABLE {table} ORDER BY id", BACKUP)


def test_a_half_is_no_snapshot(taken: Taken, tmp_path: Path) -> None:
    """Until it is complete there is none under its name, and another run's is beside it."""
    taken.both(SITE)
    first = save(taken, tmp_path, tables=["posts"], run="first")
    (tmp_path / f".{LIVE}_second.partial" / "rows").mkdir(parents=True)

    second = save(taken, tmp_path, tables=["posts"], run="second")

    assert sorted(map(str, tmp_path.iterdir())) == sorted([first, second])
