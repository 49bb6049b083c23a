"""`sql.recover` on MariaDB, with tables and rows of hypothesis's making: what was there before is there again."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import SqlServer

from .taken_mariadb import BACKUP, LIVE, TakenOnMariadb, open_taken
from .worlds import World, definitions, worlds

pytestmark = pytest.mark.server

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
LATIN = st.text("abcÄÖÜéß ' \\\"%", max_size=8)
MOMENT = st.datetimes().map(lambda at: at.replace(year=max(at.year, 1000)).isoformat(" ", "microseconds"))
# A type → values that it takes, each as a parameter.
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "tinyint": st.integers(-128, 127),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "bigint unsigned": st.integers(0, 2**64 - 1),
    "decimal(30,10)": st.decimals(-(10**18), 10**18, places=10).map(str),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100).map(
        repr
    ),
    "double": st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300).map(repr),
    "bit(13)": st.integers(0, 2**13 - 1),
    "varchar(40)": TEXT,
    "varchar(40) CHARACTER SET latin1 COLLATE latin1_german1_ci": LATIN,
    "varchar(40) COLLATE utf8mb4_bin": TEXT,
    "char(10)": LATIN,
    "longtext": TEXT,
    "enum('a','B','','it''s')": st.sampled_from(["a", "B", "", "it's"]),
    "set('x','y','z')": st.sampled_from(["", "x", "y,z", "x,y,z"]),
    "json": st.sampled_from(['{"b": 1, "a": null}', "[1.50, 2e3]", '"😀"', "null"]),
    "varbinary(20)": st.binary(max_size=20),
    "binary(4)": st.binary(max_size=4),
    "longblob": st.binary(max_size=60),
    "date": st.sampled_from(["0000-00-00", "2026-02-31", "1000-01-01", "9999-12-31", "2026-00-05"]),
    "datetime(6)": MOMENT | st.just("0000-00-00 00:00:00"),
    "timestamp(3) NULL": st.sampled_from(["1970-01-01 00:00:01", "2037-12-31 23:59:59.999", "0000-00-00 00:00:00"]),
    "time(6)": st.sampled_from(["-838:59:59.000000", "838:59:59", "00:00:00.000001"]),
    "year": st.sampled_from([0, 1901, 2155]),
    "uuid": st.uuids().map(str),
    "inet6": st.sampled_from(["::1", "fe80::1:2"]),
}
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "varchar(30) COLLATE utf8mb4_bin": st.text("abcdÄé😀 '", min_size=1, max_size=6).map(lambda text: f"{text}."),
    "varbinary(6)": st.binary(max_size=6),
    "datetime(6)": MOMENT,
    "decimal(20,4)": st.decimals(-(10**9), 10**9, places=4).map(str),
}


@pytest.fixture(scope="module")
def both(mariadb_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenOnMariadb]:
    """Give both schemas."""
    found = open_taken(mariadb_server.url, tmp_path_factory.mktemp("law") / "recovered")
    yield found
    found.pool.close()


def _build(taken: TakenOnMariadb, world: World) -> None:
    keys, types, rows = world
    taken.both("SET foreign_key_checks = 0;\nDROP TABLE IF EXISTS whole, part")
    for table in ("whole", "part"):
        taken.both(f"CREATE TABLE {table} {definitions(world, '`')}")
    with closing(taken.connect(BACKUP)) as connection, connection.cursor() as cursor:
        if rows:
            cursor.executemany(f"INSERT INTO whole VALUES ({', '.join(['%s'] * (len(keys) + len(types)))})", rows)
        cursor.execute("INSERT INTO part SELECT * FROM whole")
    for table in ("whole", "part"):
        taken.execute(f"INSERT INTO {table} SELECT * FROM {BACKUP}.{table}")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(KEYS, TYPES))
def test_what_was_there_is_there_again(both: TakenOnMariadb, world: World) -> None:
    """A table that is dropped, or emptied, and columns that are dropped, or emptied, come back bit for bit; the undo takes out all."""
    _build(both, world)
    columns = [f"`c {at}`" for at in range(len(world[1]))]
    both.execute(f"DROP TABLE whole;\nALTER TABLE part {', '.join(f'DROP COLUMN {name}' for name in columns)}")
    objects, rows = both.objects(LIVE), both.exact("part")
    action = both.recover()
    change = both.plan(action)

    both.carry_out(*change.ops)

    assert both.differences() == set()
    assert [both.exact(name) for name in ("whole", "part")] == [both.exact(name, BACKUP) for name in ("whole", "part")]
    both.carry_out(*action.ops(action.probe(both.read), action.undo(change).goal))
    assert (both.objects(LIVE), both.exact("part")) == (objects, rows)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(KEYS, TYPES))
def test_what_was_emptied_is_filled_again(both: TakenOnMariadb, world: World) -> None:
    """Rows of an emptied table, and cells of emptied columns, come back bit for bit; the undo empties them again."""
    _build(both, world)
    columns = [f"`c {at}`" for at in range(len(world[1]))]
    both.execute(f"DELETE FROM whole;\nUPDATE part SET {', '.join(f'{name} = NULL' for name in columns)}")
    before = [both.exact(name) for name in ("whole", "part")]
    action = both.recover(only=["whole", "part.c *"], existing="fill")
    change = both.plan(action)

    both.carry_out(*change.ops)

    assert [both.exact(name) for name in ("whole", "part")] == [both.exact(name, BACKUP) for name in ("whole", "part")]
    assert both.plan(action).ops == ()
    both.carry_out(*action.ops(action.probe(both.read), action.undo(change).goal))
    assert [both.exact(name) for name in ("whole", "part")] == before
