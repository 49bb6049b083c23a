"""`sql.recover` on PostgreSQL, with tables and rows of hypothesis's making: what was there before is there again."""

from collections.abc import Iterator, Sequence
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from .conftest import BACKUP, LIVE, Taken
from .taken import open_pool
from .worlds import World, definitions, worlds

pytestmark = pytest.mark.server

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MOMENT = st.datetimes().map(lambda at: at.isoformat(" ", "microseconds"))
DAYS = ["infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC", "2026-02-28", "294276-12-31"]
DOUBLES = st.floats(allow_nan=True, allow_infinity=True).map(repr)
# A type → values that it takes, each as a text.
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.decimals(-(10**25), 10**25, places=12) | st.just("NaN"),
    "numeric(30,10)": st.decimals(-(10**18), 10**18, places=10),
    "real": st.floats(width=32, allow_nan=True, allow_infinity=True).map(repr),
    "double precision": DOUBLES,
    "boolean": st.sampled_from(["t", "f"]),
    "text": TEXT,
    "varchar(40)": TEXT,
    "char(10)": st.text("abÄß ", max_size=10),
    "text COLLATE ignoring": TEXT,
    "bytea": st.binary(max_size=60).map(lambda content: f"\\x{content.hex()}"),
    "json": st.sampled_from(['{"b": 1,  "a": null, "b": 2}', "[1.50, 2e3]", '"😀"', "null"]),
    "jsonb": st.sampled_from(['{"b": 1, "a": null}', "[1.50, 2e3]", '"😀"', "null"]),
    "date": st.sampled_from(DAYS[:5]),
    "timestamp": MOMENT | st.sampled_from(DAYS),
    "timestamptz": MOMENT | st.sampled_from(DAYS[:5]),
    "time": st.sampled_from(["00:00:00.000001", "24:00:00"]),
    "timetz": st.sampled_from(["12:00:00.5+13", "24:00:00-15:59"]),
    "interval": st.sampled_from(["1 year -2 days 03:04:05.6", "-178000000 years", "1 mon 30 days", "30 days 24 hours"]),
    "uuid": st.uuids(),
    "inet": st.sampled_from(["10.0.0.1/8", "::1", "10.0.0.1"]),
    "macaddr8": st.just("08:00:2b:01:02:03:04:05"),
    "integer[]": st.sampled_from(["{}", "{1,NULL,3}", "[0:1]={7,8}", "{{1,2},{3,4}}"]),
    "text[]": st.lists(TEXT | st.none(), max_size=3),
    "int4range": st.sampled_from(["empty", "[1,5)", "(,)", "[2,)"]),
    "tsrange": st.sampled_from(["empty", "[2026-01-01,infinity)", "(,2026-01-01]"]),
    "bit(5)": st.text("01", min_size=5, max_size=5),
    "bit varying": st.text("01", max_size=9),
    "mood": st.sampled_from(["ok", "it's", ""]),
    "short": st.text("abc", max_size=4),
    "pair": st.sampled_from(["(1,)", '(2,"a, ""b""")', "(,)"]),
    "point": st.sampled_from(["(1.5,-0)", "(NaN,Infinity)"]),
    "tsvector": st.sampled_from(["'a':1 'b':2A", ""]),
    "money": st.sampled_from(["-1.05", "92233720368547758.07"]),
    "xml": st.sampled_from(["<a>é</a>", "plain <b/>"]),
}
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "text": st.text("abcdÄé😀 '", max_size=6),
    "text COLLATE ignoring": st.text("abÄ😀", max_size=6),
    "bytea": TYPES["bytea"],
    "timestamptz": MOMENT,
    "numeric(20,4)": st.decimals(-(10**9), 10**9, places=4),
    "uuid": st.uuids(),
    "mood": TYPES["mood"],
}
WORDS = """
DROP SCHEMA IF EXISTS public, other CASCADE; CREATE SCHEMA public;
CREATE TYPE mood AS ENUM ('ok', 'it''s', ''); CREATE DOMAIN short AS varchar(9) CHECK (VALUE <> 'bad');
CREATE TYPE pair AS (a integer, b text);
CREATE COLLATION ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
"""


@pytest.fixture(scope="module")
def both(taken_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """Give both databases, with the types."""
    found = Taken(taken_url, open_pool("postgres", f"{taken_url}{LIVE}"), tmp_path_factory.mktemp("law") / "recovered")
    found.both(WORDS)
    yield found
    found.both("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    found.pool.close()


def _build(taken: Taken, world: World) -> None:
    keys, types, rows = world
    made = definitions(world, '"')
    taken.both("DROP TABLE IF EXISTS whole, part")
    for table in ("whole", "part"):
        taken.both(f"CREATE TABLE {table} {made}")
    casts = ", ".join(f"%s::{kind}" for kind in (*keys, *types))
    with psycopg.connect(f"{taken.url}{BACKUP}", autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO whole VALUES ({casts}) ON CONFLICT DO NOTHING".encode(), rows)
    taken.execute("INSERT INTO part TABLE whole", BACKUP)
    with (
        psycopg.connect(f"{taken.url}{BACKUP}") as source,
        psycopg.connect(f"{taken.url}{LIVE}") as live,
    ):
        for table in ("whole", "part"):
            with (
                source.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as read,
                live.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as written,
            ):
                for piece in read:
                    written.write(piece)


def _exact(
    taken: Taken, database: str = LIVE, tables: Sequence[str] = ("whole", "part")
) -> list[list[tuple[Any, ...]]]:
    """Give the rows of *tables* in order, as the server prints them, which loses nothing of any of these types."""
    return [taken.rows(f'SELECT r::text COLLATE "C" FROM {table} r ORDER BY 1', database) for table in tables]


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(KEYS, TYPES))
def test_what_was_there_is_there_again(both: Taken, world: World) -> None:
    """A table and columns that were dropped come back bit for bit, as they were made; the undo takes out all."""
    _build(both, world)
    columns = ", ".join(f'DROP COLUMN "c {at}"' for at in range(len(world[1])))
    both.execute(f"DROP TABLE whole; ALTER TABLE part {columns}")
    objects, rows = both.reader.objects(LIVE), _exact(both, tables=("part",))
    action = both.recover()
    change = both.plan(action)

    both.carry_out(*change.ops)

    assert both.differences() == ()
    assert _exact(both) == _exact(both, BACKUP)
    both.carry_out(*action.ops(action.probe(both.read), action.undo(change).goal))
    assert (both.reader.objects(LIVE), _exact(both, tables=("part",))) == (objects, rows)


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(KEYS, TYPES))
@example(world=(["mood"], ["pair"], [("ok", "(1,)"), ("", "(,)"), ("it's", None)]))
def test_what_was_emptied_is_filled_again(both: Taken, world: World) -> None:
    """Rows of an emptied table, and cells of emptied columns, come back bit for bit; the undo empties them again."""
    _build(both, world)
    emptied = ", ".join(f'"c {at}" = NULL' for at in range(len(world[1])))
    both.execute(f"DELETE FROM whole; UPDATE part SET {emptied}")
    before = _exact(both)
    action = both.recover(only=["whole", "part.c *"], existing="fill", folder=mkdtemp(dir=both.folder.parent))
    change = both.plan(action)

    both.carry_out(*change.ops)

    assert _exact(both) == _exact(both, BACKUP)
    assert both.plan(action).ops == ()
    both.carry_out(*action.ops(action.probe(both.read), action.undo(change).goal))
    assert _exact(both) == before
