"""`sql.recoverable`: what has nothing to give is known before anything is done, on both families."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollbook.action import Change
from rollbook.errors import RefusedError
from rollbook.registry import action_type
from rollbook.schema import build

from .taken import Beside
from .taken_mariadb import open_taken

pytestmark = pytest.mark.server

SITE = """CREATE TABLE users (id int PRIMARY KEY, name varchar(9), nick varchar(9));
CREATE TABLE posts (id int PRIMARY KEY, body varchar(9));
CREATE TABLE notes (id int PRIMARY KEY);
INSERT INTO users VALUES (1, 'ann', 'a'), (2, 'bob', 'b');
INSERT INTO posts VALUES (1, 'x'), (2, 'y'), (3, 'z')"""
DEPLOY = "DROP TABLE posts;\nDROP TABLE notes;\nALTER TABLE users DROP COLUMN nick"


@pytest.fixture(params=["postgres", "mariadb"])
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Beside]:
    """Give live, which a deploy took something from, and beside it a database that has it."""
    if request.param == "postgres":
        found: Beside = request.getfixturevalue("taken")
    else:
        found = open_taken(request.getfixturevalue("mariadb_server").url, tmp_path / "recovered")
    found.both(SITE)
    found.execute(DEPLOY, found.live)
    yield found
    found.pool.close()


def recoverable(beside: Beside, *only: str, source: str = "") -> Any:
    return build(action_type("sql.recoverable"), {"source": source or beside.backup, "only": list(only)})


def test_what_it_can_give_is_told(beside: Beside) -> None:
    """Tables with their rows, and columns, that live lacks, are outputs and stand in the plan; nothing is written."""
    action = recoverable(beside, "posts", "users.nick", "no*")

    state = action.probe(beside.read)

    assert action.outputs(state, ()) == {
        "rows": {"notes": 0, "posts": 3}, "columns": ["users.nick"], "untold": [], "look": []
    }  # fmt: skip
    told = action.details(Change(state, state, ()))
    assert [line.split() for line in told][1][:2] == ["posts", "3"]
    assert [line.split()[0] for line in told] == ["notes", "posts", "users.nick"]
    assert action.probe(beside.read) == state


def test_what_live_has_too_is_said_to_be_there(beside: Beside) -> None:
    """A source that has what is named is right, also where live has it still, or has it again."""
    action = recoverable(beside, "users.id", "users.name")

    state = action.probe(beside.read)

    assert action.outputs(state, ()) == {"rows": {}, "columns": [], "untold": [], "look": []}
    assert "live has it too" in action.details(Change(state, state, ()))[0]


@pytest.mark.parametrize("kind", ["sql.recoverable", "sql.recover"])
def test_a_source_that_lacks_what_is_named_is_refused(beside: Beside, kind: str) -> None:
    """One of after the migration is refused with all that it lacks; a pattern may find nothing."""
    beside.execute("DROP TABLE posts;\nALTER TABLE users DROP COLUMN nick", beside.backup)
    given = {"source": beside.backup, "only": ["posts", "users.nick", "notes", "users.name", "talk*"]}
    more = {"folder": str(beside.folder), "run": "20260101T000000Z-abc"} if kind == "sql.recover" else {}

    with pytest.raises(RefusedError, match=f"{beside.backup} has no posts, users.nick: it cannot give that back"):
        build(action_type(kind), {**given, **more}).probe(beside.read)


def test_rows_that_no_key_tells_apart_are_refused(beside: Beside) -> None:
    """A table whose key is another by now cannot be filled, which is known while everything is still as it is."""
    beside.both("CREATE TABLE tags (id int PRIMARY KEY, name varchar(9), kind varchar(9))")
    drop = "DROP PRIMARY KEY" if "mysql" in beside.url else "DROP CONSTRAINT tags_pkey"
    beside.execute(f"ALTER TABLE tags {drop};\nALTER TABLE tags DROP COLUMN kind", beside.live)

    with pytest.raises(RefusedError, match="no key tells the rows of these apart"):
        recoverable(beside, "tags.kind").probe(beside.read)


def test_a_source_that_is_not_there_is_refused(beside: Beside) -> None:
    """A misspelt name is told as that."""
    with pytest.raises(RefusedError, match="db has no database nosuch"):
        recoverable(beside, source="nosuch").probe(beside.read)
