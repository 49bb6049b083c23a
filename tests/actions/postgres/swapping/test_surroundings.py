"""A swap among a standby and a pooler: nobody goes on reading the old database, no client of the pooler sees an error."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import script
from servers import SqlServer, start_pgbouncer, start_standby

from actions.conftest import Machine, use
from rollbook.targets.base import TargetSpec

from .conftest import Site

pytestmark = pytest.mark.server
Give = Callable[[str, Callable[[], SqlServer]], SqlServer]


@pytest.fixture
def bouncer(give: Give, site: Site, server_folder: Path) -> Iterator[SqlServer]:
    """Start a pgbouncer before the site."""
    folder = server_folder / f"bouncer-{site.live}"
    port, users = int(site.server.url.rsplit(":", 1)[1].strip("/")), [site.keeper, site.app]
    server = give("pgbouncer", lambda: start_pgbouncer(folder, port, [site.live], users))
    yield server
    server.stop()


@pytest.fixture
def standby(give: Give, site: Site, server_folder: Path) -> Iterator[SqlServer]:
    """Start a standby of the site's server."""
    folder, primary = server_folder / f"standby-{site.live}", site.url("postgres", "postgres")
    server = give("standby", lambda: start_standby(folder, primary))
    lag = "SELECT bool_and(replay_lsn IS NOT NULL) FROM pg_stat_replication"
    until(lambda: site.admin(lag) == [(True,)])  # it tells none at first
    yield server
    server.stop()


def address(server: SqlServer, user: str, database: str) -> str:
    return f"postgresql://{user}@{server.url.rsplit('@', 1)[1]}{database}"


def pooler(site: Site, server: SqlServer) -> TargetSpec:
    port = int(server.url.rsplit(":", 1)[1].strip("/"))
    return TargetSpec("pooler", "pgbouncer", {"host": "127.0.0.1", "port": port, "user": site.keeper})


@dataclass
class Client:
    """Somebody who works through the pooler all the time, by short transactions."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def work(self) -> None:
        with psycopg.connect(self.url, autocommit=True, prepare_threshold=None) as connection:
            while not self.stop.is_set():
                try:
                    row = connection.execute("SELECT title FROM book WHERE id = 3").fetchone()
                except psycopg.Error as error:
                    self.errors.append(str(error))
                    return
                self.seen.append(row[0] if row else "")
                time.sleep(0.002)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_clients_wait_and_standbys_follow(site: Site, bouncer: SqlServer, standby: SqlServer) -> None:
    """A client of the pooler sees the old rows, waits, and sees the new ones; a session on the standby is ended."""
    clients = [Client(address(bouncer, site.app, site.live)) for _ in range(3)]
    threads = [threading.Thread(target=one.work) for one in clients]
    replica = TargetSpec("replica", "postgres", {"url": address(standby, site.keeper, site.live)})
    machine = site.machine(replica=replica, pooler=pooler(site, bouncer))
    with suppress(psycopg.OperationalError):
        until(lambda: psycopg.connect(address(standby, site.app, site.live)).close() is None)
    inside = psycopg.connect(address(standby, site.app, site.live), autocommit=True)
    assert inside.execute("SELECT title FROM book WHERE id = 3").fetchone() == ("t3!",)
    action = use(
        "postgres.swap",
        incoming=site.names[1],
        kept=f"{site.live}_kept",
        run="r1",
        standbys=["replica"],
        pooler="pooler",
    )
    for thread in threads:
        thread.start()
    until(lambda: all(one.seen for one in clients))

    change = machine.apply(action)
    until(lambda: all(one.errors or one.seen[-1] == "t3" for one in clients))
    for one, thread in zip(clients, threads, strict=True):
        one.stop.set()
        thread.join()

    assert [one.errors for one in clients] == [[], [], []]
    assert all(list(dict.fromkeys(one.seen)) == ["t3!", "t3"] for one in clients)
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    inside.close()
    with psycopg.connect(address(standby, site.app, site.live)) as fresh:
        assert fresh.execute("SELECT title FROM book WHERE id = 3").fetchone() == ("t3",)
    found = machine.plan(action)
    assert found.ops == ()
    assert action.target_names() == ("db", "replica", "pooler")
    machine.undo(action, change)
    assert script(address(bouncer, site.app, site.live), "SELECT title FROM book WHERE id = 3") == [("t3!",)]


def test_a_pooler_that_was_left_paused_is_released(site: Site, bouncer: SqlServer) -> None:
    """Cut off after any write, what is left to do is the rest; at the end clients go on."""
    machine = site.machine(pooler=pooler(site, bouncer))
    action = use("postgres.swap", incoming=site.names[1], kept=f"{site.live}_kept", run="r1", pooler="pooler")
    script(address(bouncer, site.app, site.live), "SELECT 1")
    change = machine.plan(action)

    rests = []
    for op in change.ops:
        machine.carry_out(op)
        rests.append(action.ops(action.probe(machine.read), change.after))

    assert rests == [change.ops[1:], change.ops[2:], ()]
    assert script(address(bouncer, site.app, site.live), "SELECT title FROM book WHERE id = 3") == [("t3",)]


def findings(machine: Machine) -> dict[str, Any]:
    return {one.subject: one for one in machine.pool.target("db").check()}


def test_a_target_through_a_pooler_is_refused(site: Site, bouncer: SqlServer) -> None:
    """Preflight recognises a pooler between here and the server, and the server itself."""
    through = TargetSpec("db", "postgres", {"url": address(bouncer, site.keeper, site.live), "maintenance": site.live})

    assert findings(site.machine(db=through))["direct connection"].severity == "missing"
    assert "direct connection" not in findings(site.machine())


def test_preflight_tells_rights_and_standbys(site: Site, standby: SqlServer) -> None:
    """Each right is told as granted or missing, with the statement that grants it; a standby with its lag."""
    site.admin(f"ALTER ROLE {site.keeper} NOCREATEROLE")

    found = findings(site.machine())

    assert found["owns the live database"].severity == "ok"
    assert found["may keep roles from logging in"].severity == "warning"
    assert found["may keep roles from logging in"].advice == f'ALTER ROLE "{site.keeper}" CREATEROLE;'
    assert found["standby walreceiver"].message.endswith("KiB behind")

    site.admin(f"REVOKE pg_read_all_stats FROM {site.keeper}")
    hidden = findings(site.machine())["standby walreceiver"]
    assert (hidden.severity, hidden.message) == ("warning", "connected; its lag is not told to this account")
    assert f'GRANT pg_read_all_stats TO "{site.keeper}"' in hidden.advice


def test_a_database_that_is_closed_in_a_swap_is_still_reached(site: Site) -> None:
    """A run that was cut off while the live database takes no connections may be resumed."""
    site.admin(f"ALTER DATABASE {site.live} ALLOW_CONNECTIONS false")

    found = findings(site.machine())

    assert "reachable" in found
    assert all(one.severity != "missing" for one in found.values())
    site.admin(f"ALTER DATABASE {site.live} ALLOW_CONNECTIONS true")
