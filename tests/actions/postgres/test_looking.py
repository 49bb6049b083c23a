"""The kinds that look at databases: query, count, compare, data_loss, and export, on a real server."""

import csv
import gzip
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import SqlServer, _program

from rollbook.action import Change
from rollbook.errors import TargetError
from rollbook.planner.readers import LiveReaders
from rollbook.registry import action_type
from rollbook.schema import build, encode
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution

pytestmark = pytest.mark.server

LIVE, OTHER = "steps_live", "steps_other"


@dataclass(frozen=True, slots=True)
class Forum:
    """Two databases of one server: the live one under the target `db`, and another beside it."""

    url: str
    pool: TargetPool
    folder: Path

    @property
    def read(self) -> LiveReaders:
        return LiveReaders(self.pool, lambda: datetime.now(UTC), threading.Event())

    def execute(self, statements: str, database: str = LIVE) -> None:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            connection.execute(statements.encode())

    def rows(self, query: str, database: str = LIVE) -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self.url}{database}", autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def action(self, kind: str, **arguments: Any) -> Any:
        return build(action_type(kind), arguments)


@pytest.fixture(scope="session")
def keeper_url(postgres_server: SqlServer) -> Iterator[str]:
    """Make an account that may make databases and is no superuser; gives its address without a database."""
    address = postgres_server.url.replace("+psycopg", "")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE steps_keeper LOGIN CREATEDB")
        for name in (LIVE, OTHER):
            connection.execute(f"CREATE DATABASE {name} OWNER steps_keeper".encode())
    yield address.replace("postgres@", "steps_keeper@")
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        for name in (LIVE, OTHER):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute("DROP ROLE steps_keeper")


@pytest.fixture
def forum(keeper_url: str, tmp_path: Path) -> Iterator[Forum]:
    """Give both databases, empty."""
    redactor = Redactor()
    specs = {
        "local": TargetSpec("local", "local"),
        "db": TargetSpec("db", "postgres", {"url": f"{keeper_url}{LIVE}"}),
    }
    found = Forum(keeper_url, TargetPool(specs, SecretStore({}, redactor), redactor), tmp_path)
    for database in (LIVE, OTHER):
        found.execute("DROP SCHEMA IF EXISTS public, rollbook CASCADE; CREATE SCHEMA public", database)
    yield found
    found.pool.close()


USERS = """
    CREATE TABLE users (id integer PRIMARY KEY, name text, joined timestamptz DEFAULT '2026-01-01 12:00+00');
    INSERT INTO users VALUES (1, 'ann'), (2, 'bob;%s'), (3, NULL);
"""


def test_a_query_gives_rows_to_later_steps(forum: Forum) -> None:
    """Rows come with their columns' names, parameters are bound, and what is beyond the limit is said to be there."""
    forum.execute(USERS)
    query = forum.action("postgres.query", query="SELECT id, joined FROM users WHERE id > :low ORDER BY id",
                         params={"low": 1}, limit=1)  # fmt: skip

    found = query.outputs(query.probe(forum.read), ())

    assert found == {
        "rows": [{"id": 2, "joined": "2026-01-01 12:00:00+00:00"}],
        "first": {"id": 2, "joined": "2026-01-01 12:00:00+00:00"},
        "count": 1,
        "more": True,
    }


def test_a_query_gives_what_json_cannot_hold_as_the_server_writes_it(forum: Forum) -> None:
    """A number that is none, one without end, and bytes are text, so that any row can be kept in the journal."""
    query = forum.action(
        "postgres.query",
        query="SELECT 'NaN'::float8 AS n, ARRAY['-Infinity'::float8, 1] AS a, decode('00ff', 'hex') AS b, "
        "'NaN'::numeric AS d",
    )

    state = query.probe(forum.read)

    assert encode(state)["rows"] == [{"n": "NaN", "a": ["-Infinity", 1.0], "b": r"\x00ff", "d": "NaN"}]


@pytest.mark.parametrize("value", ["'infinity'::timestamptz", "'-infinity'::date", "'4000-01-01 BC'::timestamp"])
def test_a_time_without_end_is_told_with_a_way_to_read_it(forum: Forum, value: str) -> None:
    """A time that has no place in a calendar of four digits is refused with what to write instead."""
    query = forum.action("postgres.query", query=f"SELECT {value} AS until")

    with pytest.raises(TargetError, match="only the server can hold") as caught:
        query.probe(forum.read)

    assert "::text" in (caught.value.advice or "")


def test_a_query_cannot_write(forum: Forum) -> None:
    """A query that writes is refused by the server, even where it begins like one that reads."""
    forum.execute(USERS)

    with pytest.raises(TargetError):
        forum.action("postgres.query", query="WITH d AS (DELETE FROM users RETURNING 1) SELECT * FROM d").probe(
            forum.read
        )

    assert forum.rows("SELECT count(*) FROM users") == [(3,)]


@pytest.mark.parametrize(("rows", "refused"), [(3, False), (2, True)])
def test_another_number_of_rows_refuses_the_run(forum: Forum, rows: int, refused: bool) -> None:
    """With expect_rows, a query that gives more or fewer rows stops the runbook while it is planned."""
    forum.execute(USERS)
    query = forum.action("postgres.query", query="SELECT id FROM users", expect_rows=rows)

    assert (query.refusal(query.probe(forum.read)) is not None) is refused


def test_views_are_counted_as_well(forum: Forum) -> None:
    """What gives rows by its name is not told as missing."""
    forum.execute(USERS + "CREATE VIEW seen AS TABLE users; CREATE MATERIALIZED VIEW kept AS SELECT 1")
    count = forum.action("postgres.count", tables=["seen", "kept", "users_pkey"])

    found = count.outputs(count.probe(forum.read), ())

    assert found == {"rows": {"seen": 3, "kept": 1}, "missing": ["users_pkey"], "total": 4}


def test_a_missing_table_is_counted_as_missing(forum: Forum) -> None:
    """A table that a deploy dropped is told, beside the counts of the others."""
    forum.execute(USERS + 'CREATE TABLE "We""ird" (id integer)')
    count = forum.action("postgres.count", tables=["users", 'We"ird', "gone", "other.t"])

    found = count.outputs(count.probe(forum.read), ())

    assert found == {"rows": {"users": 3, 'We"ird': 0}, "missing": ["gone", "other.t"], "total": 3}


@pytest.mark.parametrize(
    ("since", "rows", "passed"),
    [
        ("", "same", True),
        ("INSERT INTO users VALUES (4, 'new')", "same", False),
        ("INSERT INTO users VALUES (4, 'new')", "kept", True),
        ("DELETE FROM users WHERE id = 1", "kept", False),
        ("UPDATE users SET name = 'x' WHERE id = 1", "kept", False),
        ("DROP TABLE users", "kept", False),
        ("CREATE INDEX by_name ON users (name)", "none", False),
    ],
)
def test_two_databases_are_compared(forum: Forum, since: str, rows: str, passed: bool) -> None:
    """What is made of other objects, or lost or changed rows, does not pass; new rows do where rows are to be kept."""
    forum.execute(USERS)
    forum.execute(USERS, OTHER)
    forum.execute(since or "SELECT 1")

    outcome = forum.action("postgres.compare", against=OTHER, rows=rows).probe(forum.read)

    assert outcome.passed is passed, outcome.message


def test_losses_are_told_before_anything_is_done(forum: Forum) -> None:
    """The plan names what is gone, counts what came since, and gives both to later steps."""
    forum.execute(USERS + "CREATE TABLE posts (id integer PRIMARY KEY)", OTHER)
    forum.execute(USERS)
    forum.execute("ALTER TABLE users DROP COLUMN joined; INSERT INTO users VALUES (9, 'new')")
    loss = forum.action("postgres.data_loss", against=OTHER)

    state = loss.probe(forum.read)

    given = loss.outputs(state, ())
    assert (given["gone"], given["added"], given["differing"]) == (["posts", "users.joined"], 1, ["posts", "users"])
    assert state.gone == ("posts", "users.joined")


def test_large_objects_are_named_as_not_compared(forum: Forum) -> None:
    """No table's rows hold them, so counting rows says nothing of them."""
    forum.execute(USERS + "SELECT lo_from_bytea(0, 'a')")
    forum.execute(USERS, OTHER)
    loss = forum.action("postgres.data_loss", against=OTHER)

    state = loss.probe(forum.read)
    details = loss.details(Change(state, state))
    forum.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")

    assert "NOT compared, and not carried by going back: 1 large objects of live" in details


def test_an_export_is_for_its_owner_only(forum: Forum, tmp_path: Path) -> None:
    """The rows come with a head, values with commas and percent signs as they are, in a file of mode 0600."""
    forum.execute(USERS)
    path = tmp_path / "kept" / "users.csv"
    export = forum.action(
        "postgres.export", query="SELECT id, name FROM users WHERE id >= :low AND name LIKE 'b%' ORDER BY id;",
        params={"low": 2}, path=str(path),
    )  # fmt: skip
    before = export.probe(forum.read)
    after = export.desired(before)

    (result,) = [op.carry_out(forum.pool, FakeExecution()) for op in export.ops(before, after)]

    assert list(csv.reader(path.read_text().splitlines())) == [["id", "name"], ["2", "bob;%s"]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert result.outputs["rows"] == 1
    assert export.ops(export.probe(forum.read), after) == ()


def test_an_export_cannot_write(forum: Forum, tmp_path: Path) -> None:
    """A statement smuggled into the query changes nothing, and leaves no file."""
    forum.execute(USERS)
    path = tmp_path / "users.csv"
    export = forum.action(
        "postgres.export", query="SELECT 1) TO STDOUT; DELETE FROM users; COPY (SELECT 1", path=str(path)
    )
    before = export.probe(forum.read)

    with pytest.raises(TargetError):
        forum.pool.execute(*export.ops(before, export.desired(before)), FakeExecution())

    assert forum.rows("SELECT count(*) FROM users") == [(3,)]
    assert not path.exists()


@pytest.mark.parametrize("form", ["plain", "gzip", "custom", "directory", "tar"])
def test_dumps_of_every_form_tell_the_losses(forum: Forum, tmp_path: Path, form: str) -> None:
    """Whatever pg_dump wrote, and whoever called it, what came since is counted."""
    forum.execute(USERS)
    path = tmp_path / "dump"
    letter = "plain" if form == "gzip" else form
    subprocess.run(
        [_program("pg_dump"), "-d", f"{forum.url}{LIVE}", f"--format={letter}", f"--file={path}"], check=True
    )
    if form == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    forum.execute("DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (7), (8)")
    loss = forum.action("postgres.data_loss", backup=str(path))

    given = loss.outputs(loss.probe(forum.read), ())

    assert (given["added"], given["changed"], given["deleted"]) == (2, 0, 1)


def backed_up(forum: Forum, folder: Path) -> str:
    """Back live up; gives the path."""
    backup = forum.action("postgres.backup", folder=str(folder), run="20260102T030405.678Z-1a2b3c")
    before = backup.probe(forum.read)
    (made,) = [op.carry_out(forum.pool, FakeExecution()) for op in backup.ops(before, backup.desired(before))]
    return str(made.outputs["path"])


def test_a_table_that_was_renamed_is_compared_with_its_manifest(forum: Forum, tmp_path: Path) -> None:
    """Of tables that took each other's names, too, only what was written since counts; the new names are told."""
    forum.execute(
        "CREATE TABLE cats (id integer PRIMARY KEY, name text); CREATE TABLE dogs (LIKE cats INCLUDING ALL);"
        "INSERT INTO cats SELECT g, 'cat ' || g FROM generate_series(1, 500) g;"
        "INSERT INTO dogs SELECT g, 'dog ' || g FROM generate_series(1, 300) g;"
        "CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (1) TO (1000); INSERT INTO parts VALUES (1), (900)"
    )
    backup = backed_up(forum, tmp_path)
    forum.execute(
        "ALTER TABLE cats RENAME TO spare; ALTER TABLE dogs RENAME TO cats; ALTER TABLE spare RENAME TO dogs;"
        "ALTER TABLE cats RENAME COLUMN name TO called; ALTER TABLE parts RENAME TO pieces;"
        "INSERT INTO dogs VALUES (900, 'cat'); UPDATE cats SET called = 'x' WHERE id = 7; DELETE FROM cats WHERE id = 8;"
        "INSERT INTO pieces VALUES (901)"
    )
    loss = forum.action("postgres.data_loss", backup=backup)

    state = loss.probe(forum.read)

    assert {one.table: (one.added, one.changed, one.deleted) for one in state.tables} == {
        "cats": (1, 0, 0),
        "dogs": (0, 1, 1),
        "parts": (1, 0, 0),
    }
    assert state.gone == ()
    told = "dogs   300 -> 299 rows, 1 changed, 1 deleted, cats is dogs in the backup, cats.called is dogs.name"
    assert any(line.startswith(told) for line in loss.details(Change(state, state)))


@pytest.mark.parametrize(
    ("migration", "since"),
    [
        ("ALTER TABLE moods ALTER mood TYPE text", "INSERT INTO moods VALUES (900, '2026-01-01', 'other')"),
        (
            "ALTER TABLE moods ALTER mood TYPE text; DROP TYPE mood",
            "INSERT INTO moods VALUES (900, '2026-01-01', 'ok')",
        ),
        ("ALTER TABLE moods ALTER id TYPE bigint", "INSERT INTO moods VALUES (5000000000, '2026-01-01', 'ok')"),
        ("ALTER TABLE moods ALTER id TYPE text", "INSERT INTO moods VALUES ('900', '2026-01-01', 'ok')"),
        (
            "ALTER TABLE moods DROP CONSTRAINT moods_pkey; ALTER TABLE moods ADD PRIMARY KEY (id, day)",
            "INSERT INTO moods VALUES (900, '2026-01-01', 'ok')",
        ),
    ],
)
def test_a_table_that_was_migrated_is_compared_with_its_manifest(
    forum: Forum, tmp_path: Path, migration: str, since: str
) -> None:
    """Where a value, a type or the key itself is none that the backup knows, the rows are read and counted as ever."""
    forum.execute(
        "DROP TYPE IF EXISTS mood CASCADE; CREATE TYPE mood AS ENUM ('ok', 'sad');"
        "CREATE TABLE moods (id integer PRIMARY KEY, day date NOT NULL, mood mood);"
        "INSERT INTO moods SELECT g, '2026-01-01', 'ok' FROM generate_series(1, 500) g"
    )
    backup = backed_up(forum, tmp_path)
    forum.execute(
        f"{migration}; DELETE FROM moods WHERE id::text = '300'; UPDATE moods SET mood = 'sad' WHERE id::text = '4'"
    )
    forum.execute(since)
    loss = forum.action("postgres.data_loss", backup=backup)

    given = loss.outputs(loss.probe(forum.read), ())

    assert (given["added"], given["changed"], given["deleted"]) == (1, 1, 1)


def test_a_dump_that_is_not_there_is_told(forum: Forum) -> None:
    """A path with nothing at its end is an error that names it, and not a dump without rows."""
    with pytest.raises(TargetError, match="no-such-dump"):
        forum.action("postgres.data_loss", backup="/nowhere/no-such-dump").probe(forum.read)


def test_a_damaged_archive_is_told(forum: Forum, tmp_path: Path) -> None:
    """An archive that cannot be read to its end gives no counts."""
    forum.execute(USERS)
    path = tmp_path / "dump"
    subprocess.run([_program("pg_dump"), "-Fc", "-d", f"{forum.url}{LIVE}", f"--file={path}"], check=True)
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(TargetError):
        forum.action("postgres.data_loss", backup=str(path)).probe(forum.read)


SITE = """
    CREATE TABLE users (id integer PRIMARY KEY, name text, seen timestamptz DEFAULT '2026-01-01 12:00+05', gone text);
    INSERT INTO users SELECT i, 'n' || i FROM generate_series(1, 2000) i;
    CREATE TABLE tags (post integer, tag text, size integer GENERATED ALWAYS AS (post * 2) STORED, PRIMARY KEY (tag, post));
    INSERT INTO tags SELECT i, 't' FROM generate_series(1, 500) i;
    CREATE TABLE log (line text); INSERT INTO log VALUES ('same'), ('same'), ('gone');
    CREATE TABLE parts (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts DEFAULT; INSERT INTO parts VALUES (1, '2024-05-05'), (2, '2025-05-05');
    CREATE TABLE doomed (id integer PRIMARY KEY); INSERT INTO doomed VALUES (1), (2);
    CREATE TABLE still (id integer PRIMARY KEY); INSERT INTO still VALUES (1);
"""
SINCE = {
    "new rows": "INSERT INTO users SELECT i, 'new' FROM generate_series(2001, 4000) i",
    "scattered": "UPDATE users SET name = 'x' WHERE id % 700 = 0; DELETE FROM users WHERE id = 3;"
    "DELETE FROM tags WHERE post = 9; UPDATE tags SET post = 9000 WHERE post = 8",
    "a column went": "ALTER TABLE users DROP COLUMN gone; UPDATE users SET name = 'x' WHERE id = 5",
    "tables": "DROP TABLE doomed; CREATE TABLE late (id integer); INSERT INTO late VALUES (1)",
    "without a key": "INSERT INTO log VALUES ('same'); DELETE FROM log WHERE line = 'gone'",
    "partitions": "UPDATE parts SET at = '2026-06-06' WHERE id = 1",
    "nothing": "ANALYZE",
}


@pytest.mark.parametrize("manifest", ["full", "counts", "none"])
@pytest.mark.parametrize("since", SINCE.values(), ids=SINCE)
def test_a_manifest_tells_the_losses_that_a_restore_would(
    forum: Forum, tmp_path: Path, since: str, manifest: str
) -> None:
    """With sums or without, the counts are those of a comparison with the restored backup."""
    forum.execute(SITE)
    forum.execute(SITE, OTHER)
    backup = forum.action("postgres.backup", folder=str(tmp_path), manifest=manifest, run="20260101T000000Z-abc")
    forum.pool.execute(*backup.ops(backup.probe(forum.read), backup.desired(backup.probe(forum.read))), FakeExecution())
    forum.execute(since)
    path = str(backup.probe(forum.read).path)

    told = forum.action("postgres.data_loss", backup=path).probe(forum.read)

    restored = forum.action("postgres.data_loss", against=OTHER).probe(forum.read)
    assert sorted(told.tables, key=lambda one: one.table) == sorted(restored.tables, key=lambda one: one.table)


def test_new_rows_are_counted_without_reading_the_backup(forum: Forum, tmp_path: Path) -> None:
    """Where only new rows came, in ranges of keys that the backup does not have, its sums are enough."""
    forum.execute(SITE)
    backup = forum.action("postgres.backup", folder=str(tmp_path), run="20260101T000000Z-abc")
    forum.pool.execute(*backup.ops(backup.probe(forum.read), backup.desired(backup.probe(forum.read))), FakeExecution())
    forum.execute("INSERT INTO users SELECT i, 'new' FROM generate_series(20001, 20500) i")
    path = Path(str(backup.probe(forum.read).path))
    for file in (path / "dump").iterdir():
        file.unlink()

    told = forum.action("postgres.data_loss", backup=str(path)).probe(forum.read)

    assert [(one.table, one.added, one.changed, one.deleted) for one in told.tables if one.differs] == [
        ("users", 500, 0, 0)
    ]
