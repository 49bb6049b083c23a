"""
Finds the rows in which a table differs between two databases.

In memory are a sum for every chunk of both sides, and the rows of a few chunks at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.copytext import Cells, cells
from ...postgres.digest import Digest, integer_key, is_dense, make_digest
from ...postgres.names import quote
from ...postgres.shape import Shape

if TYPE_CHECKING:
    from .session import Connection

R = TypeVar("R")
Chunk = tuple[int, list[Cells]]


class Difference(NamedTuple):
    """A row that is not the same on both sides; None is a row that is not there."""

    key: Cells  # the whole row where the table has no key
    base: Cells | None
    live: Cells | None


@dataclass(frozen=True, slots=True)
class Side:
    """A table as one database has it; *relation* is what stands after FROM."""

    connection: "Connection"
    table: Table
    relation: str


def differences(shape: Shape, base: Side, live: Side) -> Iterator[Difference]:
    """
    Stream the rows that differ in the columns that the shape compares.

    Both connections belong to this until the stream has ended or is closed. Rows of a table without a key are
    counted: one that occurs twice more in live comes twice, with its whole text as its key.
    """
    yield from rows_of(survey(shape, base, live), shape, base, live)


class Survey(NamedTuple):
    """Which chunks of a table are to be looked at, of how many; *sums* are live's."""

    digest: Digest
    chunks: list[int]
    total: int
    sums: Mapping[int, bytes]


def survey(shape: Shape, base: Side, live: Side) -> Survey:
    """Compare the sums of both sides' chunks."""
    digest = _digest(shape, base, live)
    old, new = _at_once(lambda: _sums(base, digest), lambda: _sums(live, digest))
    bad = [chunk for chunk, found in new.items() if old.get(chunk) != found]
    bad += [chunk for chunk in old if chunk not in new]
    return Survey(digest, sorted(bad), len(old.keys() | new.keys()), new)


def survey_again(digest: Digest, before: Mapping[int, bytes], live: Side) -> Survey:
    """Compare the sums of live's chunks with those that it had *before*, by the same digest."""
    new = _sums(live, digest)
    moved = [chunk for chunk in new.keys() | before.keys() if new.get(chunk) != before.get(chunk)]
    return Survey(digest, sorted(moved), len(new.keys() | before.keys()), new)


def rows_of(found: Survey, shape: Shape, base: Side, live: Side) -> Iterator[Difference]:
    """Stream the rows that differ between base and live in the chunks of a survey."""
    if not found.chunks:
        return
    digest, most = found.digest, len(found.chunks) * 2 > found.total
    wanted = digest.rows(base.relation, found.chunks, most=most), digest.rows(live.relation, found.chunks, most=most)
    with _both(base, live, *wanted) as (old, new):
        for one, other in _side_by_side(old, new):
            yield from _counted(one, other) if not shape.key else _by_key(one, other, len(shape.key))


def _digest(shape: Shape, base: Side, live: Side) -> Digest:
    rows, dense = 0, False
    if integer_key(live.table, shape.key):
        name = quote(shape.key[0])
        query = f"SELECT count(*), min(t.{name}), max(t.{name}) FROM {live.relation} AS t"
        rows, lowest, highest = live.connection.execute(query).fetchone() or (0, 0, 0)
        dense = is_dense(rows, lowest or 0, highest or 0)
    else:
        counted = live.connection.execute(f"SELECT count(*) FROM {live.relation} AS t").fetchone()
        rows = counted[0] if counted else 0
    majors = {side.connection.info.server_version // 10_000 for side in (base, live)}
    return make_digest(
        base.table, live.table, shape.key, shape.compared, dense=dense, rows=rows, same_major=len(majors) == 1
    )


def _sums(side: Side, digest: Digest) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    with side.connection.cursor() as cursor, cursor.copy(digest.sums(side.relation)) as copy:
        for read in copy:
            chunk, _, rest = bytes(read).partition(b"\t")
            found[int(chunk)] = rest
    return found


@contextmanager
def _both(base: Side, live: Side, old: str, new: str) -> Iterator[tuple[Iterator[Chunk], Iterator[Chunk]]]:
    """Open both streams at once, so that the two servers sort at the same time."""
    with base.connection.cursor() as one, live.connection.cursor() as other:
        first, second = one.copy(old), other.copy(new)
        copies = _at_once(first.__enter__, second.__enter__)
        with ExitStack() as stack:
            stack.push(first)
            stack.push(second)
            yield _chunks(map(cells, copies[0])), _chunks(map(cells, copies[1]))


def _at_once(one: Callable[[], R], other: Callable[[], R]) -> tuple[R, R]:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one)
        second = other()
        return first.result(), second


def _chunks(rows: Iterator[Cells]) -> Iterator[Chunk]:
    for chunk, group in groupby(rows, key=itemgetter(0)):
        yield int(chunk), [row[1:] for row in group]


def _side_by_side(old: Iterator[Chunk], new: Iterator[Chunk]) -> Iterator[tuple[list[Cells], list[Cells]]]:
    left, right = next(old, None), next(new, None)
    while left or right:
        at = min(one[0] for one in (left, right) if one)
        yield left[1] if left and left[0] == at else [], right[1] if right and right[0] == at else []
        left = next(old, None) if left and left[0] == at else left
        right = next(new, None) if right and right[0] == at else right


def _by_key(old: list[Cells], new: list[Cells], width: int) -> Iterator[Difference]:
    before = {row[:width]: row for row in old}
    for row in new:
        key = row[:width]
        found = before.pop(key, None)
        if found != row:
            yield Difference(key, found, row)
    for key, row in before.items():
        yield Difference(key, row, None)


def _counted(old: list[Cells], new: list[Cells]) -> Iterator[Difference]:
    before, after = Counter(old), Counter(new)
    for row, times in (after - before).items():
        yield from (Difference(row, None, row) for _ in range(times))
    for row, times in (before - after).items():
        yield from (Difference(row, row, None) for _ in range(times))
