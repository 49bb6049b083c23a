"""A live database that a deploy took something from, and beside it the backup restored, on a real server."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import SqlServer

from rollbook.action import Change
from rollbook.ops import Op
from rollbook.planner.readers import LiveReaders
from rollbook.planner.step import decode_op, encode_op
from rollbook.postgres.objects import told, unlike
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.targets.postgres.target import PostgresProbe
from rollbook.testing import FakeExecution

LIVE, BACKUP = "taken_live", "taken_backup"


@dataclass(frozen=True, slots=True)
class Taken:
    """Both databases; live is the target `db`."""

    url: str
    pool: TargetPool
    folder: Path

    @property
    def read(self) -> LiveReaders:
        return LiveReaders(self.pool, lambda: datetime.now(UTC), threading.Event())

    @property
    def reader(self) -> PostgresProbe:
        found = self.pool.reader("db")
        assert isinstance(found, PostgresProbe)
        return found

    def execute(self, statements: str, database: str = LIVE) -> None:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            connection.execute(statements.encode())

    def both(self, statements: str) -> None:
        for database in (LIVE, BACKUP):
            self.execute(statements, database)

    def rows(self, query: str, database: str = LIVE) -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def recover(self, **arguments: Any) -> Any:
        given = {"source": BACKUP, "folder": str(self.folder), "run": "20260101T000000Z-abc", **arguments}
        return build(action_type("sql.recover"), given)

    def plan(self, action: Any) -> Change[Any]:
        before = action.probe(self.read)
        after = action.desired(before)
        ops = tuple(decode_op(encode_op(op)) for op in action.ops(before, after))
        assert ops == action.ops(before, after)
        return Change(before, after, ops)

    def carry_out(self, *ops: Op) -> None:
        for op in ops:
            self.pool.execute(op, FakeExecution())

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
    redactor = Redactor()
    specs = {
        "local": TargetSpec("local", "local"),
        "db": TargetSpec("db", "postgres", {"url": f"{taken_url}{LIVE}"}),
    }
    found = Taken(taken_url, TargetPool(specs, SecretStore({}, redactor), redactor), tmp_path / "recovered")
    found.both("DROP SCHEMA IF EXISTS public, other CASCADE; CREATE SCHEMA public")
    yield found
    found.pool.close()
