"""`sql.recover` on MariaDB waits for a replica that falls behind."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest
from servers import SqlServer, start_mariadb

from rollbook.errors import TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.targets.mysql import batches
from rollbook.targets.mysql.lagging import replica_lag
from rollbook.targets.sql import SqlTarget
from rollbook.testing import FakeExecution

from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server


@pytest.fixture
def replicated(
    server_folder: Path, tmp_path: Path, give: Callable[[str, Callable[[], SqlServer]], SqlServer]
) -> Iterator[TakenOnMariadb]:
    """Give both schemas on a server that another one follows, which is the target `replica`."""
    primary = give("MariaDB", lambda: start_mariadb(server_folder / "primary", "server-id=1", "log-bin=binlog"))
    follower = give("MariaDB", lambda: start_mariadb(server_folder / "follower", "server-id=2"))
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
