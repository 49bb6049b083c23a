"""Differences between two databases, on a real server."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook.postgres.digest import Digest, in_chunks
from rollbook.postgres.horizon import Horizon, Since
from rollbook.postgres.names import Name
from rollbook.postgres.shape import shape
from rollbook.targets.postgres.catalog import read_catalog
from rollbook.targets.postgres.differences import Difference, Side, differences
from rollbook.targets.postgres.horizons import read_horizon
from rollbook.targets.postgres.newer import look_newer
from rollbook.targets.postgres.session import connect

if TYPE_CHECKING:
    from rollbook.targets.postgres.session import Connection

pytestmark = pytest.mark.server

FAR = 1_000_000_000
DEEDS = {
    "insert": "INSERT INTO public.t VALUES ({0}, 'new') ON CONFLICT DO NOTHING",
    "update": "UPDATE public.t SET a = a || '.' WHERE id = {0}",
    "empty": "UPDATE public.t SET a = NULL WHERE id = {0}",
    "delete": "DELETE FROM public.t WHERE id = {0}",
    "move": "UPDATE public.t SET id = 2000 + {0} WHERE id = {0} AND id < 700"
    " AND NOT EXISTS (SELECT FROM public.t o WHERE o.id = 2000 + {0})",
    "again": "WITH gone AS (DELETE FROM public.t WHERE id = {0} RETURNING *) SELECT * FROM gone",
    "back": "UPDATE public.t SET a = a || '.' WHERE id = {0}; UPDATE public.t SET a = left(a, -1) WHERE id = {0}",
    "swap": "UPDATE public.t SET a = (SELECT o.a FROM public.t o WHERE o.id = 2 * {0} + 1 - t.id)"
    " WHERE id IN ({0}, {0} + 1)",
}


def compare(trio: Any, before: Sequence[str], after: Sequence[str], table: str = "t") -> list[Difference]:
    """Make both databases by *before*, change live by *after*, and compare one table."""
    name = Name("public", table)
    for url, statements in ((trio.base, before), (trio.live, (*before, *after))):
        with closing(connect(url)) as connection:
            connection.execute("SET search_path = public")
            connection.execute(";".join(statements).encode())
            connection.commit()
    with closing(connect(trio.base, reading=True)) as base, closing(connect(trio.live, reading=True)) as live:
        old, new = read_catalog(base).tables[name], read_catalog(live).tables[name]
        sides = Side(base, old, old.relation), Side(live, new, new.relation)
        return sorted(differences(shape(old, new, old, decided=True), *sides))


@pytest.mark.parametrize("type_", ["integer", "numeric"])
def test_two_rows_that_swap_a_cell_differ(trio: Any, type_: str) -> None:
    """Sums over a chunk do not hide that the same values stand in other rows."""
    made = f"CREATE TABLE t (id integer PRIMARY KEY, a {type_}, b text)"
    rows = "INSERT INTO t VALUES (1, 10, 'x'), (2, 20, 'x')"

    found = compare(trio, (made, rows), ("UPDATE t SET a = 30 - a",))

    assert found == [
        ((b"1",), (b"1", b"10", b"x"), (b"1", b"20", b"x")),
        ((b"2",), (b"2", b"20", b"x"), (b"2", b"10", b"x")),
    ]


@pytest.mark.parametrize("type_", ["varchar(20)", "varchar", "char(20)", "varchar(20)[]"])
def test_texts_of_any_type_differ_by_their_contents(trio: Any, type_: str) -> None:
    """Two rows that swap a text are found, and one that is written again as it was is not."""
    value = "'{%s}'" if type_.endswith("]") else "'%s'"
    made = (
        f"CREATE TABLE t (id integer PRIMARY KEY, a {type_})",
        f"INSERT INTO t VALUES (1, {value % 'x'}), (2, {value % 'y'}), (3, {value % 'z'})",
    )
    swapped = "UPDATE t SET a = (SELECT o.a FROM t o WHERE o.id = 3 - t.id) WHERE id < 3"

    found = compare(trio, made, (swapped, "UPDATE t SET a = a"))

    assert [one.key for one in found] == [(b"1",), (b"2",)]


@pytest.mark.parametrize("key", ["bigint PRIMARY KEY", "text PRIMARY KEY", "numeric PRIMARY KEY"])
def test_inserts_updates_and_deletes_are_found_among_many(trio: Any, key: str) -> None:
    """Whatever the key's type, exactly the rows that differ come, with both sides."""
    made = (
        f"CREATE TABLE t (id {key}, a text)",
        "INSERT INTO t SELECT g * 7 - 9000, g FROM generate_series(1, 5000) g",
    )
    changes = (
        "UPDATE t SET a = 'new' WHERE id::text IN ('-8993', '26000')",
        "DELETE FROM t WHERE id::text = '-5'",
        "INSERT INTO t SELECT 9000000 + g, NULL FROM generate_series(1, 300) g",
        "DELETE FROM t WHERE a = '4321'",
    )

    found = compare(trio, made, changes)

    assert sum(one.base is None for one in found) == 300
    assert sum(one.live is None for one in found) == 2
    assert [one for one in found if one.base and one.live] == [
        ((b"-8993",), (b"-8993", b"1"), (b"-8993", b"new")),
        ((b"26000",), (b"26000", b"5000"), (b"26000", b"new")),
    ]


def test_a_row_there_twice_does_not_hide_another_one(trio: Any) -> None:
    """Two equal rows without a key that became two other equal ones are found, although each chunk has as many rows."""
    made = ("CREATE TABLE t (a text)", "INSERT INTO t VALUES ('x'), ('x'), ('z')")

    found = compare(trio, made, ("UPDATE t SET a = 'y' WHERE a = 'x'",))

    assert [(one.base, one.live) for one in found] == [((b"x",), None)] * 2 + [(None, (b"y",))] * 2


def test_rows_without_a_key_are_counted(trio: Any) -> None:
    """A row that occurs twice more in live comes twice; one that occurs once less, once."""
    made = ("CREATE TABLE t (a text, b int)", "INSERT INTO t VALUES ('x', 1), ('x', 1), (NULL, 2)")

    found = compare(trio, made, ("INSERT INTO t VALUES (NULL, 2), (NULL, 2)", "DELETE FROM t WHERE ctid = '(0,1)'"))

    assert [(one.base is None, one.key) for one in found] == [(True, (b"\\N", b"2"))] * 2 + [(False, (b"x", b"1"))]


@pytest.mark.parametrize("type_", ["double precision", "timestamptz", "interval", "bytea", "json", "numeric"])
def test_equal_rows_are_equal_whatever_the_server_is_set_to(trio: Any, type_: str) -> None:
    """The settings of a role or database do not make rows differ."""
    value = {"bytea": "'\\x00'", "json": "'{\"a\": 1}'", "numeric": "1.50", "double precision": "0.1::float8 + 0.2"}
    given = value.get(type_, "'2024-05-06 07:08:09.5+02'" if type_ == "timestamptz" else "'1 mon 2 days'")
    made = (f"CREATE TABLE t (id text PRIMARY KEY, a {type_})", f"INSERT INTO t VALUES ('k', {given})")
    with closing(connect(trio.live)) as live:
        for setting in (
            "TimeZone = 'Asia/Tokyo'",
            "DateStyle = 'German'",
            "IntervalStyle = 'iso_8601'",
            "bytea_output = 'escape'",
            "extra_float_digits = -3",
        ):
            live.execute(f"ALTER DATABASE {live.info.dbname} SET {setting}".encode())
        live.commit()

    found = compare(trio, made, ())

    assert found == []


def test_scattered_changes_are_looked_up_range_by_range(trio: Any) -> None:
    """However many ranges of keys are to be read, none is compared with every row of the table."""
    with closing(connect(trio.live)) as live:
        live.autocommit = True
        live.execute("CREATE TABLE public.t (id bigint PRIMARY KEY, a text)")
        live.execute("INSERT INTO public.t SELECT g, repeat('x', 60) FROM generate_series(1, 200000) g")
        live.execute("VACUUM ANALYZE public.t")
        table = read_catalog(live).tables[Name("public", "t")]
        chunks = in_chunks(table.relation, "id", range(0, 1500, 6))

        plan = live.execute(f"EXPLAIN (FORMAT json) SELECT t.* FROM {chunks} ORDER BY t.id".encode()).fetchone()

    assert plan is not None
    assert "Join Filter" not in str(plan[0])
    assert "Index Cond" in str(plan[0])


@pytest.fixture
def pair(trio: Any) -> Iterator[tuple["Connection", "Connection"]]:
    """Give sessions in base and live, with a table of 700 rows in each."""
    with closing(connect(trio.base)) as base, closing(connect(trio.live)) as live:
        for connection in (base, live):
            connection.execute("CREATE TABLE public.t (id bigint PRIMARY KEY, a text)")
            connection.execute("INSERT INTO public.t SELECT g, 'row ' || g FROM generate_series(1, 700) g")
            connection.commit()
        yield base, live


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deeds=st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), st.integers(1, 900) | st.just(FAR)), max_size=30),
    estimate=st.sampled_from([-1, 0, 700, 10**9]),
)
def test_exactly_the_rows_differ_that_do_when_all_are_read(
    pair: tuple["Connection", "Connection"], deeds: list[tuple[str, int]], estimate: int
) -> None:
    """
    Whatever was written, and however wrong the server's estimate is, it finds what comparing every row finds.

    So do the transactions that wrote the rows.
    """
    base, live = pair
    live.rollback()
    then = now(live)
    for deed, key in deeds:
        found = live.execute(DEEDS[deed].format(key).encode())
        if deed == "again" and (row := found.fetchone()):
            live.execute("INSERT INTO public.t VALUES (%s, %s)", row)
    old, new = (read_catalog(one).tables[Name("public", "t")] for one in pair)
    old, new = replace(old, rows=estimate), replace(new, rows=estimate)
    sides = Side(base, old, old.relation), Side(live, new, new.relation)

    lined = shape(old, new, old, decided=True)
    found_rows = sorted(differences(lined, *sides))
    newer = look_newer(Since(then, now(live)), lined, sides[0], *sides)

    before, after = _rows(base), _rows(live)
    naive = sorted(key for key in before.keys() | after.keys() if before.get(key, 0) != after.get(key, 0))
    assert sorted(int(one.key[0]) for one in found_rows) == naive
    assert all((one.base is None, one.live is None) == _missing(one, before, after) for one in found_rows)
    if isinstance(newer, str):
        assert (newer, FAR in after) == ("its keys lie far apart", True)
    else:
        assert sorted(newer.rows(*sides, beyond=True)) == found_rows
        assert (newer.here, newer.there) == (len(after), len(before))
        assert newer.beyond == sum(key > newer.bound for key in after)


def now(connection: "Connection") -> Horizon:
    found = read_horizon(connection)
    assert found is not None
    return found


def _rows(connection: "Connection") -> dict[int, str | None]:
    return {key: text for key, text in connection.execute("SELECT id, a FROM public.t")}  # noqa: C416  # typed so


def _missing(one: Difference, *sides: dict[int, str | None]) -> tuple[bool, ...]:
    return tuple(int(one.key[0]) not in side for side in sides)


def test_rows_of_a_table_hardly_ever_share_a_hash(trio: Any) -> None:
    """All 64 bits of a row's hash count: of 300,000 rows with as many hashes of 32 bits, some ten would be alike."""
    digest = Digest(("id",), ("id",), ranged=True, buckets=1, same_major=True, quick=True, folded=True)
    query = f"SELECT count(DISTINCT {digest.mark}) FROM generate_series(1, 300000) AS t (id)"

    with closing(connect(trio.live)) as live:
        counted = live.execute(query.encode()).fetchone()

    assert counted == (300_000,)
