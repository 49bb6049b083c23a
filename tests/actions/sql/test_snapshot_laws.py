"""The kinds for snapshots keep the laws of all kinds, on a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollbook.ops import Op, OpResult
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .conftest import Taken
from .snapshots import RUN, load, save

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id serial PRIMARY KEY, name text, nick text NOT NULL DEFAULT 'n');
    INSERT INTO users (name) VALUES ('ann'), ('bob');
    CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users); INSERT INTO posts VALUES (1, 1), (2, 2);
"""
LOADED = "law_loaded"
CASES: list[tuple[str, dict[str, Any]]] = [
    ("sql.snapshot", {"into": "FOLDER/made", "tables": ["posts"], "columns": ["users.nick"], "run": RUN}),
    ("sql.snapshot", {"into": "FOLDER/made", "run": RUN}),
    ("sql.snapshot_check", {"snapshot": "FOLDER/given", "environment": "stage"}),
    ("sql.snapshot_load", {"snapshot": "FOLDER/given", "run": RUN}),
    ("sql.snapshot_list", {"folder": "FOLDER", "environment": "stage"}),
    ("sql.snapshot_list", {"folder": "FOLDER/nothing", "optional": True}),
    ("sql.drop_scratch", {"database": LOADED, "run": "given"}),
    ("sql.drop_scratch", {"database": "", "run": "given"}),
]


class SnapshotWorld(FakeWorld):
    """A live database, a snapshot of it, and one that is loaded."""

    def __init__(self, taken: Taken, folder: Path) -> None:
        super().__init__()
        self._taken, self._folder = taken, folder
        self.read = taken.read  # type: ignore[assignment]  # readers of the real targets
        for name in _scratch(taken):
            taken.drop(name)
        shutil.rmtree(folder / "made", ignore_errors=True)
        load(taken, str(folder / "given"), run="given", into=LOADED)

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry *ops* out on the real server."""
        return tuple(op.carry_out(self._taken.pool, self.execution) for op in ops)

    def contents(self) -> object:
        """Give what the laws compare."""
        return sorted(map(str, self._folder.rglob("*"))), sorted(_scratch(self._taken))


def _scratch(taken: Taken) -> list[str]:
    query = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'rollbook %'"
    return [name for (name,) in taken.rows(query, "postgres")]


@pytest.fixture
def folder(taken: Taken, tmp_path: Path) -> Iterator[Path]:
    """Take a snapshot."""
    taken.both(SITE)
    path = save(taken, tmp_path, tables=["posts"], columns=["users.nick"], environment="stage", run="given")
    Path(path).rename(tmp_path / "given")
    yield tmp_path
    for name in _scratch(taken):
        taken.drop(name)


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments"), CASES, ids=lambda value: str(value)[:40])
def test_laws(kind: str, arguments: dict[str, Any], law: Law, taken: Taken, folder: Path) -> None:
    """A kind keeps each law."""
    given = {
        name: value.replace("FOLDER", str(folder)) if isinstance(value, str) else value
        for name, value in arguments.items()
    }

    law(Case(kind, kind, given, lambda: SnapshotWorld(taken, folder)))
