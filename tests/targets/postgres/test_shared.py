"""Queries in other databases share a session for as long as a look takes, on a real server."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from databases import script

from rollbook.errors import TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import PostgresReader, TargetSpec

from .conftest import Trio

pytestmark = pytest.mark.server

OTHER = "carry_restored"
PROCESS = "SELECT pg_catalog.pg_backend_pid() AS pid"
SESSIONS = (
    "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = 'carry_restored' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def reader(trio: Trio) -> Iterator[PostgresReader]:
    redactor = Redactor()
    spec = TargetSpec("db", "postgres", {"url": trio.live})
    pool = TargetPool({"db": spec}, SecretStore({}, redactor), redactor)
    found = pool.target("db").reader()
    assert isinstance(found, PostgresReader)
    yield found
    pool.close()


def process(reader: PostgresReader) -> int:
    return int(next(reader.rows_in(OTHER, PROCESS))["pid"])


def nobody_is_left(trio: Trio) -> bool:
    """Tell whether the database's sessions end; a process of the server goes a moment after its client."""
    until = time.monotonic() + 10
    while script(trio.live, SESSIONS) != [(0,)]:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_inside_one_session_answers_and_outside_each_has_its_own(reader: PostgresReader) -> None:
    """What is held together is asked of one process of the server, what is not of a new one each time."""
    with reader.together():
        inside = {process(reader), process(reader)}
        with reader.together():
            inside.add(process(reader))
    apart = {process(reader), process(reader)}

    assert (len(inside), len(apart)) == (1, 2)


def test_no_session_outlives_what_held_it(trio: Trio, reader: PostgresReader) -> None:
    """Afterwards nobody is in the database: a session would keep it from being renamed or dropped."""
    with reader.together():
        process(reader)
        reader.catalog(OTHER)
        during = script(trio.live, SESSIONS)

    assert during == [(2,)]
    assert nobody_is_left(trio)


def test_no_session_outlives_a_failure(trio: Trio, reader: PostgresReader) -> None:
    """Nor is anybody there when what was held together failed."""

    def look() -> None:
        with reader.together():
            reader.catalog(OTHER)
            list(reader.rows_in(OTHER, "SELECT nonsense"))

    with pytest.raises(TargetError):
        look()

    assert nobody_is_left(trio)


def test_each_look_sees_what_is_there_then(trio: Trio, reader: PostgresReader) -> None:
    """A table that somebody makes between two looks is seen by the second: no snapshot is held."""
    with reader.together():
        before = reader.catalog(OTHER).tables
        script(trio.restored, "CREATE TABLE new (id integer)")
        after = reader.catalog(OTHER).tables

    assert (len(before), len(after)) == (0, 1)


def test_after_a_lost_session_the_next_look_has_another(trio: Trio, reader: PostgresReader) -> None:
    """A session that the server ended fails one look, and not those after it."""
    ended = SESSIONS.replace("count(*)", "pg_terminate_backend(pid)")
    with reader.together():
        reader.catalog(OTHER)
        with psycopg.connect(trio.mighty().live, autocommit=True) as mighty:
            mighty.execute(ended.encode())
        with pytest.raises(TargetError):
            reader.catalog(OTHER)

        assert reader.catalog(OTHER).tables == {}


def test_a_server_that_goes_away_from_its_maintenance_database_does_not_answer(
    trio: Trio, reader: PostgresReader
) -> None:
    """Whether live is closed is asked from beside: a session lost there is an answer that did not come, and no defect."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND usename = 'keeper'"
    with reader.together():
        assert not reader.closed()
        with psycopg.connect(trio.mighty().live, autocommit=True) as mighty:
            mighty.execute(ended.encode())

        assert not reader.closed()


def test_threads_share_nothing(reader: PostgresReader) -> None:
    """What one thread holds together is not another's: a session answers one question at a time."""
    found: list[int] = []
    with reader.together():
        mine = process(reader)
        beside = threading.Thread(target=lambda: found.append(process(reader)))
        beside.start()
        beside.join()

    assert found != [mine]
