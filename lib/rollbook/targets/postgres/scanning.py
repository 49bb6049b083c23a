"""
Tells of a table's rows, in one read of its pages, how many there are and which were written since a backup.

Pages are read a range at a time, so what the server holds is bounded, and by as many of its processes as there are
connections: it does not spread this over processes of its own, for none but the leader may tell a row's age.
"""

from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ...postgres.horizon import Since
from .differences import Side

if TYPE_CHECKING:
    from .session import Connection

_PAGES_AT_ONCE: Final = 4_096  # of at most some hundred rows each
_BY_PAGES: Final = 140_000  # the first version that finds a range of pages without reading all before it
_PAGES: Final = "SELECT pg_catalog.pg_relation_size(%s) / pg_catalog.current_setting('block_size')::bigint"


class Scanned(NamedTuple):
    """
    What a table has *within* a condition and *beyond* it; *marks*, in order, are of rows within, written since.

    With more marks than were asked for, these are some of them, and nothing is said of the rest.
    """

    marks: "array[int]"
    within: int
    beyond: int


def scan(side: Side, mark: str, since: Since, *, within: str = "true", most: int) -> Scanned:
    """
    Look for rows `t` *within* a condition that were written since, and give the *mark* of each, an integer of 64 bits.

    More than *most* of them are of no use.
    """
    by_pages = side.connection.info.server_version >= _BY_PAGES and not side.table.partitioned
    return (_by_pages if by_pages else _by_statements)(side, mark, since, within, most)


def _by_pages(side: Side, mark: str, since: Since, within: str, most: int) -> Scanned:
    (pages,) = side.connection.execute(_PAGES.encode(), (side.table.oid,)).fetchone() or (0,)
    starts, found = iter(range(0, max(1, pages), _PAGES_AT_ONCE)), array("q")
    query = (
        f"SELECT count(*) FILTER (WHERE {within}), count(*),"
        f" pg_catalog.array_agg({mark}) FILTER (WHERE {within} AND {since.newer('t')})::text"
        f" FROM {side.relation} AS t WHERE t.ctid >= "
    )
    readers = (side.connection,) if side.beside is None else (side.connection, side.beside)
    read = partial(_read, query=query, starts=starts, pages=pages, found=found, most=most)
    with ThreadPoolExecutor(len(readers)) as pool:
        counts = tuple(pool.map(read, readers))
    inside, rows = (sum(one) for one in zip(*counts, strict=True))
    return Scanned(_in_order(found, most), inside, rows - inside)


def _read(
    connection: "Connection", *, query: str, starts: Iterator[int], pages: int, found: "array[int]", most: int
) -> tuple[int, int]:
    """Read one range after the other while there are any, and add their marks to *found*; gives the counts."""
    within = rows = 0
    for start in starts:
        end = start + _PAGES_AT_ONCE
        # Put behind it, and not into it: names may have braces.
        statement = f"{query}'({start},0)'" + ("" if end >= pages else f" AND t.ctid < '({end},0)'")
        part, more, marks = connection.execute(statement.encode()).fetchone() or (0, 0, None)
        within, rows = within + part, rows + more
        if marks is not None:
            # As numbers of Python's they would take five times the room.
            found.extend(array("q", map(int, marks[1:-1].split(","))))
        if len(found) > most:
            break
    return within, rows


def _by_statements(side: Side, mark: str, since: Since, within: str, most: int) -> Scanned:
    """Do it where pages tell nothing: a table of partitions has none, and old servers read all of them for a range."""
    newer = f"{since.newer('t')} AND {within}"
    query = f"COPY (SELECT {mark} FROM {side.relation} AS t WHERE {newer} LIMIT {most + 1}) TO STDOUT"
    with side.connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        marks = array("q", (int(bytes(read)) for read in copy))
    if len(marks) > most:
        return Scanned(marks, 0, 0)
    query = f"SELECT count(*) FILTER (WHERE {within}), count(*) FROM {side.relation} AS t"
    inside, rows = side.connection.execute(query.encode()).fetchone() or (0, 0)
    return Scanned(_in_order(marks, most), int(inside), int(rows) - int(inside))


def _in_order(marks: "array[int]", most: int) -> "array[int]":
    return array("q", sorted(marks)) if len(marks) <= most else marks
