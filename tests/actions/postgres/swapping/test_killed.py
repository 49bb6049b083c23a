"""Runs that are killed at any instant, resumed, undone: one live database, open, with every row."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psycopg
import pytest
from databases import script

from actions.conftest import use
from rollbook.ops import Op
from rollbook.planner.step import encode_op

from .conftest import Site
from .desk import GoingBack

pytestmark = pytest.mark.server
_KILLS = 4


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> GoingBack:
    made = GoingBack(tmp_path, site)
    made.write()
    script(site.url(), "INSERT INTO book (shelf, title) SELECT 1 + g % 10, 'many' || g FROM generate_series(1, 3000) g")
    return made


def live_ones(site: Site) -> list[tuple[str, bool]]:
    """Give what has the live name, with whether it takes connections."""
    return site.admin(f"SELECT datname, datallowconn FROM pg_database WHERE datname = '{site.live}'")


def records(desk: GoingBack) -> int:
    """Count the records of all journals."""
    return sum(folder.journal.read_bytes().count(b"\n") for folder in desk.runs.all() if folder.journal.exists())


def killed(desk: GoingBack, rng: Random, words: tuple[str, ...]) -> bool:
    """Type a command and kill it a moment after a random record of its journal; says whether it was killed."""
    process, wanted = desk.start(*words), records(desk) + rng.randint(1, 6)
    while process.poll() is None and records(desk) < wanted:
        time.sleep(0.002)
    time.sleep(rng.choice((0.0, rng.uniform(0.0, 0.1), rng.uniform(0.0, 0.4))))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def brought_to_its_end(desk: GoingBack, *begin: str, begun: bool) -> None:
    """Type what an operator does after kills: resume, or begin where nothing has begun."""
    code, said = desk.type("resume", "last", "--yes") if begun else desk.type(*begin)
    if "before it began" in said:
        code, said = desk.type(*begin)
    assert code == 0 or "is over" in said, said


def carried_out(desk: GoingBack, rng: Random) -> int:
    """Kill the run and its resumes a few times, then let it end; gives how often it was killed."""
    kills = 0
    for _ in range(_KILLS):
        kills += killed(desk, rng, ("resume", "last", "--yes") if desk.runs.all() else desk.go())
    brought_to_its_end(desk, *desk.go(), begun=bool(desk.runs.all()))
    return kills


def app_enters(site: Site) -> bool:
    try:
        psycopg.connect(site.url(user=site.app)).close()
    except psycopg.OperationalError:
        return False
    return True


def test_an_undisturbed_run_swaps_and_its_undo_goes_back(desk: GoingBack) -> None:
    """All steps end well; the undo brings the old database back with a row that was written since."""
    site = desk.site
    before = script(site.url(), "SELECT count(*) FROM book")[0][0]

    code, said = desk.type(*desk.go())

    assert code == 0, said
    assert desk.last().status == "succeeded"
    assert app_enters(site)
    assert live_ones(site) == [(site.live, True)]
    assert script(site.url(), "SELECT count(*) FROM book WHERE title LIKE 'many%'") == [(3000,)]
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (1, 'since')")
    code, said = desk.type("undo", "last", "--yes")
    assert code == 0, said
    assert app_enters(site)
    assert script(site.url(), "SELECT count(*) FROM book") == [(before + 1,)]
    assert script(site.url(), "SELECT count(*) FROM book WHERE title = 'since'") == [(1,)]


def test_the_undo_of_the_undo_keeps_what_was_written_meanwhile(desk: GoingBack) -> None:
    """Rows written, changed and deleted after the undo are so in the restored database, when it is live again."""
    site = desk.site
    said = [desk.type(*desk.go())]
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (1, 'since')")
    said.append(desk.type("undo", "last", "--yes"))
    script(
        site.url(user=site.app),
        "INSERT INTO book (shelf, title) VALUES (2, 'after')",
        "DELETE FROM book WHERE title = 'new one'",
        "UPDATE book SET title = 't20' WHERE id = 20",  # which users had edited before the run
        "UPDATE book SET title = 'changed' WHERE id = 41",
    )

    said.append(desk.type("undo", "last", "--yes"))

    assert [code for code, _ in said] == [0, 0, 0], said[-1][1]
    query = "SELECT title FROM book WHERE title IN ('since', 'after', 'new one', 't20', 'edited', 'changed', 't7')"
    assert {title for (title,) in script(site.url(), query)} == {"since", "after", "t20", "changed", "t7"}
    assert live_ones(site) == [(site.live, True)]
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]
    assert app_enters(site)
    code, told = desk.type("undo", "last", "--yes")
    assert code == 0, told
    assert {title for (title,) in script(site.url(), query)} == {"since", "after", "t20", "changed"}


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_run_is_resumed(desk: GoingBack, seed: int) -> None:
    """SIGKILL at random instants of the run and its resumes changes nothing of the end."""
    site, rng = desk.site, Random(seed)
    expected = {title for (title,) in script(site.url(), "SELECT title FROM book WHERE title !~ '!$'")}

    kills = carried_out(desk, rng)

    assert kills > 0
    assert desk.last().status == "succeeded"
    found = {title for (title,) in script(site.url(), "SELECT title FROM book")}
    assert expected <= found
    assert {"t7", "t57", "t107", "t157"} <= found
    assert app_enters(site)
    assert live_ones(site) == [(site.live, True)]
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_undo_is_resumed(desk: GoingBack, seed: int) -> None:
    """SIGKILL at random instants of the undo loses no row that was written since, and the old database is live."""
    site, rng = desk.site, Random(100 + seed)
    (oid,) = site.admin(f"SELECT oid FROM pg_database WHERE datname = '{site.live}'")
    before = script(site.url(), "SELECT id, title FROM book ORDER BY id")
    code, said = desk.type(*desk.go())
    assert code == 0, said
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (1, 'since'), (2, 'since')")
    done = desk.last().id

    kills = 0
    for _ in range(_KILLS):
        begun = desk.last().id != done
        kills += killed(desk, rng, ("resume", "last", "--yes") if begun else ("undo", done, "--yes"))
    brought_to_its_end(desk, "undo", done, "--yes", begun=desk.last().id != done)

    assert kills > 0
    assert site.admin(f"SELECT oid FROM pg_database WHERE datname = '{site.live}'") == [oid]
    after = script(site.url(), "SELECT id, title FROM book ORDER BY id")
    assert after[: len(before)] == before
    assert [title for _, title in after[len(before) :]] == ["since", "since"]
    assert app_enters(site)


_PROGRAM = """
import sys
import rollbook.targets.postgres.swapping, rollbook.targets.postgres.swapping_back, psycopg
from rollbook.planner.step import decode_op
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution
import json
redactor = Redactor()
pool = TargetPool({"db": TargetSpec("db", "postgres", {"url": sys.argv[1]})}, SecretStore({}, redactor), redactor)
op = decode_op(json.loads(sys.argv[2]))
pool.target("db")
print("begins", flush=True)
op.carry_out(pool, FakeExecution())
print("ended", flush=True)
"""


def cut_off(site: Site, op: Op, seconds: float) -> bool:
    """Carry one op out in a process of its own that is killed *seconds* after it began; says whether it had ended."""
    argv = [sys.executable, "-c", _PROGRAM, site.url(), json.dumps(encode_op(op))]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begins\n"
    time.sleep(seconds)
    process.kill()
    rest = process.communicate()[0]
    return rest == b"ended\n"


@pytest.mark.parametrize("seed", range(3))
def test_the_swap_itself_may_be_cut_off_anywhere(site: Site, seed: int) -> None:
    """Wherever the swap, or its way back, is killed: what is planned then leads to one live database that is open."""
    rng, action = Random(200 + seed), use("postgres.swap", incoming=site.names[1], kept=f"{site.live}_kept", run="r1")
    machine, cut = site.machine(), 0
    oids = {name: oid for oid, name in site.admin("SELECT oid::bigint, datname FROM pg_database")}
    first, before = (oids[site.live], oids[site.names[1]]), action.probe(machine.read)
    goals = [action.desired(before), before]

    for turn in range(6):
        goal = goals[turn % 2]
        ops = action.ops(action.probe(machine.read), goal)
        cut += not cut_off(site, ops[0], rng.uniform(0.0, 0.2))
        assert len(live_ones(site)) == 1
        machine.carry_out(*action.ops(action.probe(machine.read), goal))
        found = action.probe(machine.read)

        assert found.swapped is goal.swapped
        assert live_ones(site) == [(site.live, True)]
        assert site.admin(f"SELECT oid::bigint FROM pg_database WHERE datname = '{site.live}'") == [
            (first[(turn + 1) % 2],)
        ]

    assert cut > 0
