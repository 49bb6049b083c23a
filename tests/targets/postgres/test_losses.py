"""Live against the text of a dump, and against a restored database, on a real server."""

import subprocess
from contextlib import closing

import psycopg
import pytest
from carry_horizons import note_backup
from servers import _program

from rollbook.postgres.loss import Depth, TableLoss
from rollbook.targets.postgres.losses import database_losses, dump_losses
from rollbook.targets.postgres.session import connect

from .conftest import Trio

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id integer PRIMARY KEY, name text, seen timestamptz, spans tstzrange, extra text);
    INSERT INTO users SELECT i, E'n\\t' || i, '2024-06-01 12:00+02'::timestamptz + i * interval '1 hour',
        tstzrange('2024-01-01 00:00:00.5+00', NULL), 'x' FROM generate_series(1, 500) i;
    CREATE TABLE tags (post integer, tag text, PRIMARY KEY (tag, post)); INSERT INTO tags VALUES (1, 'a'), (2, 'a');
    CREATE TABLE log (line text); INSERT INTO log VALUES ('same'), ('same'), ('gone');
    CREATE TABLE parts (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO parts VALUES (1, '2024-05-05'), (2, '2025-05-05');
    CREATE TABLE doomed (id integer PRIMARY KEY); INSERT INTO doomed VALUES (1), (2);
"""
SINCE = """
    INSERT INTO users (id, name) VALUES (900, 'new'); DELETE FROM users WHERE id = 3;
    UPDATE users SET name = 'other' WHERE id IN (4, 5); ALTER TABLE users DROP COLUMN extra, ADD COLUMN fresh integer;
    INSERT INTO tags VALUES (3, 'b'); DELETE FROM log WHERE line = 'gone'; INSERT INTO log VALUES ('same');
    UPDATE parts SET at = '2025-06-06' WHERE id = 1; DROP TABLE doomed; CREATE TABLE late (id integer);
"""
EXPECTED = {
    "users": TableLoss("users", 500, 500, 1, 2, 1, "key", ("extra",), ("fresh",)),
    "tags": TableLoss("tags", 2, 3, 1, 0, 0, "key"),
    "log": TableLoss("log", 3, 3, 1, None, 1, "row"),
    "parts": TableLoss("parts", 2, 2, 1, 0, 1, "key"),
    "doomed": TableLoss("doomed", 2, None),
    "late": TableLoss("late", None, 0),
}


@pytest.fixture
def dumped(trio: Trio) -> tuple[Trio, list[bytes]]:
    """Make the site, dump it from a session in another time zone, and let the users go on."""
    for url in (trio.live, trio.base):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SITE)
    shown = subprocess.run(
        [_program("pg_dump"), "-d", trio.live],
        check=True,
        capture_output=True,
        env={"PGTZ": "Asia/Kolkata", "PATH": "/usr/bin"},
    )
    with psycopg.connect(trio.live, autocommit=True) as connection:
        connection.execute(SINCE)
    return trio, shown.stdout.splitlines(keepends=True)


def _found(trio: Trio, dump: list[bytes], depth: Depth) -> dict[str, TableLoss]:
    with closing(connect(trio.live, reading=True)) as live:
        return {one.table: one for one in dump_losses(live, dump, depth=depth)}


def test_a_dump_tells_what_came_after_it(dumped: tuple[Trio, list[bytes]]) -> None:
    """Every row added, changed or deleted since is counted, whatever time zone the dump is in."""
    trio, dump = dumped

    assert _found(trio, dump, "rows") == EXPECTED


def test_a_restored_database_tells_the_same(dumped: tuple[Trio, list[bytes]]) -> None:
    """What a dump tells and what the database tells that it was restored into are one."""
    trio, _ = dumped

    with closing(connect(trio.live, reading=True)) as live, closing(connect(trio.base, reading=True)) as base:
        found = {one.table: one for one in database_losses(live, base, depth="rows")}

    assert found == EXPECTED


def test_less_depth_tells_less(dumped: tuple[Trio, list[bytes]]) -> None:
    """By keys no change is seen, and by counts nothing but the counts."""
    trio, dump = dumped

    keys, counts = _found(trio, dump, "keys")["users"], _found(trio, dump, "counts")["users"]

    assert (keys.added, keys.changed, keys.deleted) == (1, None, 1)
    assert (counts.by, counts.backup, counts.live, counts.added) == ("count", 500, 500, None)


def test_what_differs_is_told(dumped: tuple[Trio, list[bytes]]) -> None:
    """A table that is as in the backup does not differ, every other does."""
    trio, dump = dumped
    with psycopg.connect(trio.live, autocommit=True) as connection:
        connection.execute("DELETE FROM tags WHERE post = 3")

    found = _found(trio, dump, "rows")

    assert [name for name, one in found.items() if not one.differs] == ["tags"]


def test_inserts_are_not_guessed_at(trio: Trio) -> None:
    """A dump of INSERT statements is told as one that cannot be compared."""
    with psycopg.connect(trio.live, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)")

    found = _found(trio, [b"INSERT INTO public.t VALUES (1);\n"], "rows")["t"]

    assert (found.backup, found.live, found.by) == (None, 1, "")
    assert "INSERT" in found.note


def test_a_restored_database_tells_what_was_renamed(trio: Trio) -> None:
    """Tables and columns that live calls otherwise are compared with what they were; the rest is told as it is."""
    for url in (trio.live, trio.base):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SITE)
    note_backup(trio.live, trio.base)
    with psycopg.connect(trio.live, autocommit=True) as connection:
        connection.execute("ALTER TABLE users RENAME TO people; ALTER TABLE people RENAME COLUMN name TO called")
        connection.execute("UPDATE people SET called = 'other' WHERE id IN (4, 5); CREATE TABLE users (id integer)")

    with closing(connect(trio.live, reading=True)) as live, closing(connect(trio.base, reading=True)) as base:
        found = {one.table: one for one in database_losses(live, base, depth="rows") if one.differs}

    told = ("people is users in the backup", "people.called is users.name in the backup")
    assert found == {
        "users": TableLoss("users", 500, 500, 0, 2, 0, "key", renamed=told),
        "users (new)": TableLoss("users (new)", None, 0),
    }
