"""`sql.recover` waits for a replica that falls behind."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from servers import SqlServer, start_mariadb, start_postgres

from rollbook.errors import TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.targets.mysql import batches
from rollbook.targets.mysql.lagging import replica_lag
from rollbook.targets.postgres import settling
from rollbook.targets.postgres.preflight import look
from rollbook.targets.postgres.target import PostgresTarget
from rollbook.targets.sql import SqlTarget
from rollbook.testing import FakeExecution

from .conftest import BACKUP as TAKEN
from .conftest import LIVE as SITE
from .conftest import Taken
from .taken import open_pool
from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server


def own_folder(server_folder: Path, tmp_path: Path) -> Path:
    """Make a folder for the servers of one test."""
    found = server_folder / tmp_path.name
    found.mkdir()
    found.chmod(0o755)
    return found


@pytest.fixture
def replicated(
    server_folder: Path, tmp_path: Path, give: Callable[[str, Callable[[], SqlServer]], SqlServer]
) -> Iterator[TakenOnMariadb]:
    """Give both schemas on a server that another one follows, which is the target `replica`."""
    here = own_folder(server_folder, tmp_path)
    primary = give("MariaDB", lambda: start_mariadb(here / "primary", "server-id=1", "log-bin=binlog"))
    follower = give("MariaDB", lambda: start_mariadb(here / "follower", "server-id=2"))
    found = open_taken(primary.url, tmp_path / "recovered")
    specs = {
        "local": TargetSpec("local", "local"),
        "db": TargetSpec("db", "sql", {"url": f"{primary.url}{LIVE}"}),
        "replica": TargetSpec("replica", "sql", {"url": f"{follower.url}mysql"}),
    }
    redactor = Redactor()
    given = replace(found, pool=TargetPool(specs, SecretStore({}, redactor), redactor))
    _ask(
        follower.url,
        f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={_port(primary.url)}, MASTER_USER='root', "
        "MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=4",
        "START SLAVE",
    )
    yield replace(given, url=primary.url)
    for one in (given, found):
        one.pool.close()
    follower.stop()
    primary.stop()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def _ask(url: str, *statements: str) -> None:
    with closing(pymysql.connect(host="127.0.0.1", port=_port(url), user="root", autocommit=True)) as connection:
        for statement in statements:
            connection.cursor().execute(statement)


def _target(taken: TakenOnMariadb) -> SqlTarget:
    found = taken.pool.target("db")
    assert isinstance(found, SqlTarget)
    return found


def _until_even(lag: Callable[[], float]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if lag() == 0.0:
                return
        except TargetError:
            pass
        time.sleep(0.1)
    raise AssertionError("the replica did not follow")


def test_a_replica_that_follows_is_waited_for_and_a_stopped_one_told(replicated: TakenOnMariadb) -> None:
    """Filling goes on while the replica keeps up, and ends with its name where it does not follow at all."""
    replicated.both("CREATE TABLE t (id int PRIMARY KEY, a text);\nINSERT INTO t SELECT seq, 'a' FROM seq_1_to_100")
    replicated.execute("ALTER TABLE t DROP COLUMN a")
    lag = replica_lag(_target(replicated), "replica")
    _until_even(lag)
    action = replicated.recover(replica="replica")
    change = replicated.plan(action)
    replicated.carry_out(*change.ops)
    _until_even(lag)

    probe: Any = replicated.pool.target("replica").reader()
    assert next(iter(probe.rows(f"SELECT count(a) AS n FROM {LIVE}.t")))["n"] == 100
    _ask(str(probe._settings.url), "STOP SLAVE")
    replicated.execute(f"UPDATE t SET a = NULL;\nUPDATE {BACKUP}.t SET a = 'b'")
    with pytest.raises(TargetError, match="the replica replica does not follow"):
        replicated.carry_out(*replicated.plan(replicated.recover(replica="replica", only=["t.a"], existing="fill")).ops)


def test_filling_waits_while_the_replica_is_behind(
    monkeypatch: pytest.MonkeyPatch, mariadb_server: SqlServer, tmp_path: Path
) -> None:
    """It looks again until the replica is near, and only then goes on."""
    taken = open_taken(mariadb_server.url, tmp_path / "recovered")
    waited: list[float] = []
    monkeypatch.setattr(batches.time, "sleep", waited.append)
    behind = iter([30.0, 11.0, 10.0])

    with closing(_target(taken).connect_mysql()) as live:
        batches.Pace(live, FakeExecution(), lambda: next(behind)).rest(5, "while it was tried")

    assert waited[1:] == [1, 1]
    assert next(behind, None) is None
    taken.pool.close()


def test_filling_waits_for_a_real_replica(replicated: TakenOnMariadb, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the replica does not carry out what was filled, no further batch is; once it does, all of it comes."""
    monkeypatch.setattr(batches, "_LAG", 1.0)
    monkeypatch.setattr(batches, "_BATCH", 1_000)
    replicated.both("CREATE TABLE t (id int PRIMARY KEY, a text);\nINSERT INTO t SELECT seq, 'a' FROM seq_1_to_9000")
    replicated.execute("UPDATE t SET a = NULL")
    lag, filled = replica_lag(_target(replicated), "replica"), "SELECT count(a) FROM t"
    _until_even(lag)
    probe: Any = replicated.pool.target("replica").reader()
    with closing(pymysql.connect(host="127.0.0.1", port=_port(str(probe._settings.url)), user="root")) as session:
        session.cursor().execute("FLUSH TABLES WITH READ LOCK")
        replicated.execute("CREATE TABLE later (id int)")  # something that it cannot carry out
        _until(lambda: lag() > 1)
        action = replicated.recover(existing="fill", only=["t.a"], replica="replica")
        filling = threading.Thread(target=replicated.carry_out, args=replicated.plan(action).ops)
        filling.start()
        _until(lambda: replicated.rows(filled) != [(0,)])
        time.sleep(3)
        meanwhile = replicated.rows(filled)
        session.cursor().execute("UNLOCK TABLES")
        filling.join(60)

    assert meanwhile == [(1000,)]
    assert replicated.rows(filled) == [(9000,)]


@pytest.fixture
def followed(
    server_folder: Path, tmp_path: Path, give: Callable[[str, Callable[[], SqlServer]], SqlServer]
) -> Iterator[tuple[Taken, str]]:
    """Give both databases on a PostgreSQL that a standby follows, and the standby's address."""
    here = own_folder(server_folder, tmp_path)
    primary = give("PostgreSQL", lambda: start_postgres(here / "primary"))
    url, data = primary.url.replace("+psycopg", ""), here / "standby" / "data"
    data.parent.mkdir()
    subprocess.run(
        ["pg_basebackup", "-d", url, "-D", str(data), "-R", "-X", "stream", "-c", "fast"], check=True, timeout=120
    )
    for path in (data.parent, data, *data.rglob("*")):  # the server runs as another account than its tools
        shutil.chown(path, (here / "primary" / "data").owner())
    standby = give("PostgreSQL", lambda: start_postgres(data.parent, "wal_receiver_status_interval=1"))
    with psycopg.connect(f"{url}postgres", autocommit=True) as session:
        for name in (SITE, TAKEN):
            session.execute(f"CREATE DATABASE {name}".encode())
    found = Taken(url, open_pool("postgres", f"{url}{SITE}"), tmp_path / "recovered")
    yield found, standby.url.replace("+psycopg", "")
    found.pool.close()
    standby.stop()
    primary.stop()


def test_filling_waits_for_a_standby(followed: tuple[Taken, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the standby does not replay what was filled, no further batch is; once it does, all of it comes."""
    taken, standby = followed
    monkeypatch.setattr(settling, "_LAG", 1.0)
    monkeypatch.setattr(settling, "_BATCH", 1_000)
    taken.both(
        "CREATE TABLE t (id integer PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' FROM generate_series(1, 9000) i"
    )
    taken.execute("UPDATE t SET a = NULL")
    filled = "SELECT count(a) FROM t"
    with psycopg.connect(f"{standby}postgres", autocommit=True) as session:
        session.execute("SELECT pg_wal_replay_pause()")
        taken.execute("CREATE TABLE later ()")  # something that it has not replayed
        _until(lambda: taken.rows("SELECT max(replay_lag) > '1s' FROM pg_stat_replication") == [(True,)])
        action = taken.recover(existing="fill", only=["t.a"])
        filling = threading.Thread(target=taken.carry_out, args=taken.plan(action).ops)
        filling.start()
        _until(lambda: taken.rows(filled) != [(0,)])
        time.sleep(3)
        meanwhile = taken.rows(filled)
        session.execute("SELECT pg_wal_replay_resume()")
        filling.join(60)

    assert meanwhile == [(1000,)]
    assert taken.rows(filled) == [(9000,)]


def test_an_account_that_is_not_told_the_lag_is_told_how_it_is(followed: tuple[Taken, str]) -> None:
    """An account that may not see how far a standby is would not wait for it: the statement that lets it is there."""
    taken, _ = followed
    taken.execute("CREATE ROLE plain LOGIN")
    pool = open_pool("postgres", taken.url.replace("postgres@", "plain@") + SITE)
    target = pool.target("db")
    assert isinstance(target, PostgresTarget)
    _until(lambda: taken.rows("SELECT count(*) FROM pg_stat_replication") == [(1,)])

    def of_standby() -> list[tuple[str, str]]:
        return [(one.message, one.advice) for one in look(target) if one.subject.startswith("standby")]

    ((said, advice),) = of_standby()
    taken.execute(advice.partition(";")[0])

    assert "its lag is not told to this account" in said
    assert "its lag is not told" not in of_standby()[0][0]
    pool.close()


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
