"""Which rows of a table were written since, told in one read of its pages, on a real server."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from carry_horizons import read_sealed
from databases import script

from rollbook.postgres.horizon import Since
from rollbook.postgres.names import Name
from rollbook.targets.postgres import scanning
from rollbook.targets.postgres.catalog import read_catalog
from rollbook.targets.postgres.differences import Side
from rollbook.targets.postgres.session import connect, connect_beside

from .conftest import Trio

pytestmark = pytest.mark.server

# Some 4000 rows on many pages, of which every seventh is written again behind the note, and the last are new.
MADE = """
    INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 4000) g"""
LATER = """
    UPDATE t SET a = 'edited' WHERE id % 7 = 0;
    DELETE FROM t WHERE id = 100;
    INSERT INTO t SELECT g, 'new' FROM generate_series(4001, 4500) g"""
WHOLE = "CREATE TABLE t (id bigint PRIMARY KEY, a text)"
PARTS = (
    "CREATE TABLE t (id bigint PRIMARY KEY, a text) PARTITION BY RANGE (id);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (2000); CREATE TABLE t2 PARTITION OF t DEFAULT"
)
EDITED = [key for key in range(1, 4001) if key % 7 == 0]


@contextmanager
def written(trio: Trio, made: str, *, beside: bool) -> Iterator[tuple[Side, Since]]:
    """Give live's side of a table that was written to since a note, read by one or two connections."""
    script(trio.live, made, MADE)
    then = read_sealed(trio.live)
    script(trio.live, LATER)
    with closing(connect(trio.live, reading=True)) as live, closing(connect_beside(trio.live, live)) as other:
        table = read_catalog(live).tables[Name("public", "t")]
        yield Side(live, table, table.relation, beside=other if beside else None), Since(then, then)


@pytest.mark.parametrize("made", [WHOLE, PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
@pytest.mark.parametrize("pages", [1, 7, 4096])
def test_every_row_is_told_once_however_the_pages_are_shared(
    trio: Trio, monkeypatch: pytest.MonkeyPatch, made: str, pages: int, *, beside: bool
) -> None:
    """Each row is counted once, and found where it was written since, over ranges of any size and both readers."""
    monkeypatch.setattr(scanning, "_PAGES_AT_ONCE", pages)

    with written(trio, made, beside=beside) as (side, since):
        found = scanning.scan(side, "t.id", since, within="t.id <= 4000", most=1000)

    assert (found.marks.tolist(), found.within, found.beyond) == (EDITED, 3999, 500)


@pytest.mark.parametrize("made", [WHOLE, PARTS], ids=["whole", "parts"])
def test_reading_ends_where_more_was_written_than_is_of_use(
    trio: Trio, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """Of a table that was mostly written anew not every key is taken into memory; that there are more is told."""
    monkeypatch.setattr(scanning, "_PAGES_AT_ONCE", 1)

    with written(trio, made, beside=True) as (side, since):
        found = scanning.scan(side, "t.id", since, within="t.id <= 4000", most=100)

    assert 100 < len(found.marks) < len(EDITED)


def test_a_table_without_a_page_has_nothing(trio: Trio) -> None:
    """An empty table has no row, and none that was written since."""
    script(trio.live, WHOLE)
    since = Since(read_sealed(trio.live), read_sealed(trio.live))
    with closing(connect(trio.live, reading=True)) as live:
        table = read_catalog(live).tables[Name("public", "t")]

        found = scanning.scan(Side(live, table, table.relation), "t.id", since, within="t.id <= 4000", most=100)

    assert (found.marks.tolist(), found.within, found.beyond) == ([], 0, 0)


def test_names_with_braces_are_no_places_to_fill_in(trio: Trio) -> None:
    """A key that is called by what looks like a place in a text is read like any other."""
    script(trio.live, 'CREATE TABLE t ("i{}d{0}" bigint PRIMARY KEY); INSERT INTO t VALUES (7)')
    since = Since(read_sealed(trio.live), read_sealed(trio.live))
    script(trio.live, "INSERT INTO t VALUES (8)")
    with closing(connect(trio.live, reading=True)) as live:
        table = read_catalog(live).tables[Name("public", "t")]

        found = scanning.scan(Side(live, table, table.relation), 't."i{}d{0}"', since, most=100)

    assert (found.marks.tolist(), found.within) == ([8], 2)
