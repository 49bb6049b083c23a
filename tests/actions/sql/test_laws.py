"""Kinds that look at two databases, or recover one from the other, keep the laws on a real server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollbook.ops import Op, OpResult
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .conftest import BACKUP, Taken

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id serial PRIMARY KEY, name text, nick text NOT NULL DEFAULT 'n');
    INSERT INTO users (name) VALUES ('ann'), ('bob');
    CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users); INSERT INTO posts VALUES (1, 1), (2, 2);
"""
CASES: list[tuple[str, Mapping[str, Any], str]] = [
    (
        "sql.recover",
        {"source": BACKUP, "folder": "{folder}/kept"},
        "DROP TABLE posts; ALTER TABLE users DROP COLUMN nick",
    ),
    ("sql.recover", {"source": BACKUP, "folder": "{folder}/kept"}, "DROP TABLE posts"),
    ("sql.recover", {"source": BACKUP, "folder": "{folder}/kept"}, "SELECT 1"),
    (
        "sql.recover",
        {
            "source": BACKUP,
            "folder": "{folder}/kept",
            "only": ["users.*", "posts"],
            "existing": "fill",
        },
        "DELETE FROM posts; UPDATE users SET nick = 'n', name = NULL",
    ),
    (
        "sql.recoverable",
        {"source": BACKUP, "only": ["posts", "users.nick"]},
        "DROP TABLE posts; ALTER TABLE users DROP COLUMN nick",
    ),
    ("sql.recoverable", {"source": BACKUP, "only": ["users.*"], "existing": "fill"}, "UPDATE users SET nick = 'n'"),
    ("postgres.data_loss", {"against": BACKUP}, "DROP TABLE posts; INSERT INTO users (name) VALUES ('new')"),
    (
        "postgres.affected_users",
        {"users": {"table": "users", "email": "name"}, "tables": ["posts"], "path": "{folder}/users.csv"},
        "SELECT 1",
    ),
    (
        "postgres.cures",
        {"backup": "/nowhere/none.dump", "tables": [{"table": "posts", "backup": 2, "live": None}]},
        "DROP TABLE posts",
    ),
    ("postgres.compare", {"against": BACKUP}, "DROP TABLE posts"),
    ("postgres.compare", {"against": BACKUP, "rows": "kept"}, "INSERT INTO users (name) VALUES ('new')"),
    ("postgres.query", {"query": "SELECT id, name FROM users ORDER BY id"}, "SELECT 1"),
    ("postgres.count", {"tables": ["users", "gone"]}, "SELECT 1"),
    ("postgres.export", {"query": "SELECT id FROM users ORDER BY id", "path": "{folder}/users.csv"}, "SELECT 1"),
]


class TwoDatabases(FakeWorld):
    """The laws' world: live and the backup beside it."""

    def __init__(self, taken: Taken, folder: Path) -> None:
        super().__init__()
        self.taken, self.folder = taken, folder
        self.read = taken.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry *ops* out on the real server."""
        return tuple(op.carry_out(self.taken.pool, self.execution) for op in ops)

    def contents(self) -> object:
        """Give what the laws compare."""
        tables = [name for (name,) in self.taken.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rows = {name: self.taken.rows(f'TABLE public."{name}" ORDER BY 1') for name in tables}
        return self.taken.differences(), rows, sorted(self.folder.rglob("*"))


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments", "since"), CASES, ids=lambda value: str(value)[:40])
def test_laws(kind: str, arguments: Mapping[str, Any], since: str, law: Law, taken: Taken, tmp_path: Path) -> None:
    """A kind keeps each law."""
    folder = tmp_path / "written"
    given = {
        name: value.format(folder=folder) if name in ("folder", "path") else value for name, value in arguments.items()
    }

    def world() -> FakeWorld:
        taken.both("DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + SITE)
        taken.execute(since)
        for file in folder.rglob("*.csv"):
            file.unlink()
        folder.mkdir(exist_ok=True)
        return TwoDatabases(taken, folder)

    law(Case(f"{kind} {since}", kind, given, world))
