"""A live database that a deploy took something from, and beside it the backup restored, on a real server."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from servers import SqlServer

from rollbook.postgres.objects import told, unlike
from rollbook.targets.postgres.sessions import drop_with_sessions
from rollbook.targets.postgres.target import PostgresProbe

from .taken import Beside, open_pool

LIVE, BACKUP = "taken_live", "taken_backup"


@dataclass(frozen=True, slots=True)
class Taken(Beside):
    """Both databases on PostgreSQL."""

    live: ClassVar[str] = LIVE
    backup: ClassVar[str] = BACKUP

    @property
    def reader(self) -> PostgresProbe:
        found = self.pool.reader("db")
        assert isinstance(found, PostgresProbe)
        return found

    def execute(self, statements: str, database: str = LIVE) -> None:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            connection.execute(statements.encode())

    def rows(self, query: str, database: str = LIVE) -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def drop(self, database: str) -> None:
        with psycopg.connect(f"{self.url}postgres", autocommit=True) as connection:
            drop_with_sessions(connection, database)

    def exact(self, table: str, database: str = LIVE) -> list[tuple[Any, ...]]:
        return self.rows(f"TABLE {table} ORDER BY 1", database)

    def differences(self) -> tuple[str, ...]:
        ours, theirs = self.reader.objects(BACKUP), self.reader.objects(LIVE)
        return told(unlike(ours, theirs), ours, theirs)


@pytest.fixture(scope="session")
def taken_url(postgres_server: SqlServer) -> Iterator[str]:
    """Make the databases of an account that is no superuser; gives its address without a database."""
    address = postgres_server.url.replace("+psycopg", "")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE taken_owner LOGIN CREATEDB")
        for name in (LIVE, BACKUP):
            connection.execute(f"CREATE DATABASE {name} OWNER taken_owner".encode())
    yield address.replace("postgres@", "taken_owner@")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        for name in (LIVE, BACKUP):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute("DROP ROLE taken_owner")


@pytest.fixture
def taken(taken_url: str, tmp_path: Path) -> Iterator[Taken]:
    """Give both databases, empty."""
    found = Taken(taken_url, open_pool("postgres", f"{taken_url}{LIVE}"), tmp_path / "recovered")
    found.both('DROP SCHEMA IF EXISTS public, other, "lo""st" CASCADE; CREATE SCHEMA public')
    yield found
    found.pool.close()
