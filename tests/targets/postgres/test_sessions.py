"""A database that a run made goes, whoever is in it that the account may end, or that the server ends."""

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from servers import SqlServer

from rollbook.targets.postgres.sessions import drop_with_sessions

pytestmark = pytest.mark.server

NAME = "to_be_dropped"
# One page takes a worker of autovacuum some tenths of a second.
VACUUMED = """
    CREATE TABLE vacuumed (id integer, filling text) WITH (autovacuum_vacuum_threshold = 1,
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
    INSERT INTO vacuumed SELECT n, repeat('x', 1000) FROM generate_series(1, 1000) n;
    DELETE FROM vacuumed WHERE id % 2 = 0"""
WORKER = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'autovacuum worker')"


@pytest.fixture
def owner(postgres_server: SqlServer) -> Iterator[str]:
    """Give the address of an account without rights over others, that owns a database; autovacuum runs often."""
    address = postgres_server.url.replace("+psycopg", "")
    often = ("ALTER SYSTEM SET autovacuum_naptime = '1s'", "ALTER SYSTEM RESET autovacuum_naptime")
    with psycopg.connect(f"{address}postgres", autocommit=True) as mighty:
        for statement in (
            "CREATE ROLE dropper LOGIN CREATEDB", f"CREATE DATABASE {NAME} OWNER dropper", often[0],
            "SELECT pg_reload_conf()",
        ):  # fmt: skip
            mighty.execute(statement.encode())
        yield address.replace("postgres@", "dropper@")
        for statement in (often[1], "SELECT pg_reload_conf()", f"DROP DATABASE IF EXISTS {NAME}", "DROP ROLE dropper"):
            mighty.execute(statement.encode())


def test_neither_autovacuum_nor_an_own_session_keeps_it(owner: str, postgres_server: SqlServer) -> None:
    """`WITH (FORCE)` may not end the one, a plain DROP DATABASE not the other; and once more changes nothing."""
    seeing = psycopg.connect(postgres_server.url.replace("+psycopg", "") + "postgres", autocommit=True)
    own = psycopg.connect(f"{owner}{NAME}", autocommit=True)
    own.execute(VACUUMED)
    with closing(seeing), closing(own), psycopg.connect(f"{owner}postgres", autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while seeing.execute(WORKER, (NAME,)).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.05)

        drop_with_sessions(connection, NAME)
        drop_with_sessions(connection, NAME)

        left = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (NAME,)).fetchone()
        assert left == (0,)
        with pytest.raises(psycopg.OperationalError):
            own.execute("SELECT 1")
