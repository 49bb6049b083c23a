"""The kinds that recover keep the laws of every kind on a real MariaDB."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from servers import SqlServer

from rollbook.ops import Op, OpResult
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name text, nick varchar(9) NOT NULL DEFAULT 'n');
    INSERT INTO users (name) VALUES ('ann'), ('bob');
    CREATE TABLE posts (id int PRIMARY KEY, author int, CONSTRAINT wrote FOREIGN KEY (author) REFERENCES users (id));
    INSERT INTO posts VALUES (1, 1), (2, 2)
"""
FILL = {"only": ["users.*", "posts"], "existing": "fill"}
LOST = ["posts", "users.nick"]
CASES: list[tuple[str, Mapping[str, Any], str]] = [
    ("sql.recover", {}, "DROP TABLE posts;\nALTER TABLE users DROP COLUMN nick"),
    ("sql.recover", {}, "DROP TABLE posts"),
    ("sql.recover", {}, "SELECT 1"),
    ("sql.recover", FILL, "DELETE FROM posts;\nUPDATE users SET nick = 'n', name = NULL"),
    ("sql.recover", FILL, "DROP TABLE posts;\nUPDATE users SET name = NULL"),
    ("sql.recoverable", {"only": LOST}, "DROP TABLE posts;\nALTER TABLE users DROP COLUMN nick"),
    ("sql.recoverable", FILL, "UPDATE users SET name = NULL"),
]


class TwoSchemas(FakeWorld):
    """The laws' world: live and the schema beside it."""

    def __init__(self, taken: TakenOnMariadb) -> None:
        super().__init__()
        self.taken = taken
        self.read = taken.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry *ops* out on the real server."""
        return tuple(op.carry_out(self.taken.pool, self.execution) for op in ops)

    def contents(self) -> object:
        """Give what the laws compare."""
        tables = [str(name) for (name,) in self.taken.rows("SHOW TABLES")]
        return self.taken.objects(LIVE), {name: self.taken.exact(name) for name in tables}


@pytest.fixture
def taken(mariadb_server: SqlServer, tmp_path: Path) -> Iterator[TakenOnMariadb]:
    """Give both schemas, empty."""
    found = open_taken(mariadb_server.url, tmp_path / "recovered")
    yield found
    found.pool.close()


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments", "since"), CASES, ids=lambda value: str(value)[:40])
def test_laws(kind: str, arguments: Mapping[str, Any], since: str, law: Law, taken: TakenOnMariadb) -> None:
    """A kind keeps each law."""
    given = {"source": BACKUP, **({"folder": str(taken.folder)} if kind == "sql.recover" else {}), **arguments}

    def world() -> FakeWorld:
        taken.clear()
        taken.both(SITE)
        taken.execute(since)
        for file in taken.folder.glob("put-in-*"):
            file.unlink()
        return TwoSchemas(taken)

    law(Case(f"{kind} {since}", kind, given, world))
