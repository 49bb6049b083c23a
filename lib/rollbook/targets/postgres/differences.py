"""
Finds the rows in which a table differs between two databases.

Chunks are compared first, then the hashes of the rows in those that differ, and only rows that differ are read. Where
chunks are no ranges of a key, all rows of the chunks that differ are. In memory are a sum for every chunk of both
sides, and the hashes or rows of some chunks at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.copytext import Cells, cells
from ...postgres.digest import Digest, chunk_of, integer_key, is_dense, make_digest
from ...postgres.names import quote
from ...postgres.shape import Shape
from .sums import Summed, hashed, read_sums, rows_in

if TYPE_CHECKING:
    from .session import Connection

R = TypeVar("R")
S = TypeVar("S")
Chunk = tuple[int, list[Cells]]

_CHUNKS_AT_ONCE: Final = 512
_ROWS_AT_ONCE: Final = 5_000
_BIT_XOR: Final = 14  # the first major that has it


class Difference(NamedTuple):
    """A row that is not the same on both sides; None is a row that is not there."""

    key: Cells  # the whole row where the table has no key
    base: Cells | None
    live: Cells | None


class _Marks(NamedTuple):
    """The keys of a chunk's rows and their hashes, in the same order, as the server puts them together."""

    keys: bytes
    hashes: bytes

    def by_key(self) -> Mapping[bytes, bytes]:
        """Take them apart."""
        return dict(zip(self.keys.split(b","), self.hashes.split(b","), strict=True)) if self.keys else {}


_NONE: Final = _Marks(b"", b"")


@dataclass(frozen=True, slots=True)
class Side:
    """
    A table as one database has it; *relation* is what stands after FROM, *summed* for one that nobody writes to.

    *beside* is another connection with the same snapshot, so that two processes of the server can read.
    """

    connection: "Connection"
    table: Table
    relation: str
    summed: Summed | None = None
    beside: "Connection | None" = None


def added(line: bytes) -> Difference:
    """Make the difference that a line of a row with one key column is, of which base has nothing."""
    row = cells(line)
    return Difference(row[:1], None, row)


def differences(shape: Shape, base: Side, live: Side) -> Iterator[Difference]:
    """
    Stream the rows that differ in the columns that the shape compares.

    Both connections belong to this until the stream has ended or is closed. Rows of a table without a key are
    counted: one that occurs twice more in live comes twice, with its whole text as its key.
    """
    yield from rows_of(survey(shape, base, live), shape, base, live)


class Survey(NamedTuple):
    """
    Which chunks of a table are to be looked at, of how many; *sums* are live's, where they were read.

    *added* are those of the chunks that base is known to have no rows in; *rows* are base's where they were counted.
    """

    digest: Digest
    chunks: list[int]
    total: int
    sums: Mapping[int, bytes]
    added: AbstractSet[int] = frozenset()
    rows: int = 0

    def beyond(self, last: int) -> frozenset[int]:
        """Give the chunks that base has nothing in and whose keys are all beyond *last*."""
        return frozenset(chunk for chunk in self.added if chunk > chunk_of(last)) if self.digest.ranged else frozenset()

    def without(self, chunks: AbstractSet[int]) -> "Survey":
        """Leave chunks out of what is to be looked at."""
        rest = [chunk for chunk in self.chunks if chunk not in chunks]
        return self._replace(chunks=rest, added=self.added - chunks)


def survey(shape: Shape, base: Side, live: Side) -> Survey:
    """Compare the sums of both sides' chunks."""
    digest = choose_digest(shape, base, live)
    old, new = at_once(lambda: _sums(base, digest), lambda: _sums(live, digest))
    bad = {chunk for chunk, found in new.items() if old.get(chunk) != found} | (old.keys() - new.keys())
    rows = sum(map(rows_in, old.values()))
    return Survey(digest, sorted(bad), len(old.keys() | new.keys()), new, new.keys() - old.keys(), rows)


def survey_again(digest: Digest, before: Mapping[int, bytes], base: Side, live: Side) -> Survey:
    """Compare the sums of live's chunks with those that it had *before*, by the same digest."""
    new = _sums(live, digest)
    moved = {chunk for chunk in new.keys() | before.keys() if new.get(chunk) != before.get(chunk)}
    return _of_moved(digest, moved, base, new.keys() | before.keys())._replace(sums=new)


def survey_moved(digest: Digest, moved: AbstractSet[int], before: AbstractSet[int], base: Side) -> Survey:
    """Look at the chunks in which live *moved*; *before* it had rows in these."""
    return _of_moved(digest, moved, base, moved | before)


def _of_moved(digest: Digest, moved: AbstractSet[int], base: Side, every: AbstractSet[int]) -> Survey:
    last = chunk_of(last_key(base, digest)) if digest.ranged else None
    added = frozenset(chunk for chunk in moved if last is not None and chunk > last)
    return Survey(digest, sorted(moved), len(every), {}, added)


def last_key(side: Side, digest: Digest) -> int:
    """Give the last key of a side; 0 where it has none."""
    query = f"SELECT coalesce(max(t.{quote(digest.key[0])}), 0) FROM {side.relation} AS t"
    (last,) = side.connection.execute(query.encode()).fetchone() or (0,)
    return int(last)


def rows_of(found: Survey, shape: Shape, base: Side, live: Side) -> Iterator[Difference]:
    """Stream the rows that differ between base and live in the chunks of a survey."""
    if found.digest.ranged:
        yield from changed_rows(found.digest, [one for one in found.chunks if one not in found.added], base, live)
        yield from map(added, new_lines(live, found.digest, found.added))
    elif found.chunks:
        digest, most = found.digest, len(found.chunks) * 2 > found.total
        wanted = (
            digest.rows(base.relation, found.chunks, most=most),
            digest.rows(live.relation, found.chunks, most=most),
        )
        with _both(base, live, *wanted) as (old, new):
            for one, other in _side_by_side(old, new):
                yield from _counted(one, other) if not shape.key else _by_key(one, other, len(shape.key))


def changed_rows(digest: Digest, chunks: Iterable[int], base: Side, live: Side) -> Iterator[Difference]:
    """Stream the rows that differ in some chunks, by the hashes of all rows in them; only where these are ranges."""
    left = iter(chunks)
    while some := list(islice(left, _CHUNKS_AT_ONCE)):
        old, new = at_once(partial(_marks, base, digest, some), partial(_marks, live, digest, some))
        apart = (_apart(old.get(chunk, _NONE), new.get(chunk, _NONE)) for chunk in old.keys() | new.keys())
        keys = iter(sorted(chain.from_iterable(apart), key=int))
        while part := list(islice(keys, _ROWS_AT_ONCE)):
            before, after = at_once(partial(keyed, base, digest, part), partial(keyed, live, digest, part))
            for key in part:
                yield Difference((key,), before.get(key), after.get(key))


def _marks(side: Side, digest: Digest, chunks: Sequence[int]) -> Mapping[bytes, _Marks]:
    """Give the hashes of the rows in some chunks, by the chunk."""
    statement = digest.marks(side.relation, chunks)
    with hashed(side.connection), side.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        parts = (bytes(read)[:-1].split(b"\t") for read in copy)
        return {chunk: _Marks(keys, hashes) for chunk, keys, hashes in parts}


def _apart(old: _Marks, new: _Marks) -> Iterator[bytes]:
    """Give the keys, in any order, under which a chunk differs; nearly all rows of most chunks are alike."""
    if old.keys == new.keys:
        rows = zip(new.keys.split(b","), old.hashes.split(b","), new.hashes.split(b","), strict=True)
        yield from (key for key, before, after in rows if before != after)
    else:
        before, after = old.by_key(), new.by_key()
        yield from (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def keyed(side: Side, digest: Digest, keys: Sequence[bytes]) -> Mapping[bytes, Cells]:
    """Give the rows under some keys, by the key; only where chunks are ranges of it."""
    with side.connection.cursor() as cursor, cursor.copy(digest.keyed(side.relation, keys).encode()) as copy:
        return {row[0]: row for row in map(cells, copy)}


def new_lines(side: Side, digest: Digest, chunks: AbstractSet[int]) -> Iterator[bytes]:
    """Stream the rows of some chunks as COPY has them; only where chunks are ranges of a key."""
    if chunks:
        statement = digest.ranges(side.relation, sorted(chunks))
        with side.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            yield from map(bytes, copy)


def choose_digest(shape: Shape, base: Side, live: Side) -> Digest:
    """Choose how a table is compared between two databases."""
    ranged = integer_key(live.table, shape.key) and integer_key(base.table, shape.key)
    dense, rows = _density(live, shape.key[0]) if ranged else (False, count(live))
    majors = {side.connection.info.server_version // 10_000 for side in (base, live)}
    return make_digest(
        base.table,
        live.table,
        shape.key,
        shape.compared,
        dense=dense,
        rows=rows,
        majors=majors,
        folded=bool(shape.key) and min(majors) >= _BIT_XOR,
    )


def _density(side: Side, key: str) -> tuple[bool, int]:
    """
    Say whether chunks are ranges of an integer *key*, by its ends, which its index tells at once; and how many rows.

    Rows are counted only where the catalog's estimate does not settle it; else 0, for nobody asks then.
    """
    query = f"SELECT min(t.{quote(key)}), max(t.{quote(key)}) FROM {side.relation} AS t"
    lowest, highest = side.connection.execute(query.encode()).fetchone() or (None, None)
    ends = lowest or 0, highest or 0
    if is_dense(max(0, side.table.rows), *ends):
        return True, 0
    rows = count(side)
    return is_dense(rows, *ends), rows


def count(side: Side, where: str = "true") -> int:
    """Count the rows `t` of a side for which *where* holds."""
    query = f"SELECT count(*) FROM {side.relation} AS t WHERE {where}"
    (rows,) = side.connection.execute(query.encode()).fetchone() or (0,)
    return int(rows)


def read_counts(side: Side, digest: Digest, where: str = "true") -> dict[int, int]:
    """Count, by the chunk, the rows `t` of a side for which *where* holds."""
    statement = digest.counts(side.relation, where)
    with hashed(side.connection), side.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        return {int(chunk): int(rows) for chunk, rows in (bytes(read).split(b"\t") for read in copy)}


def _sums(side: Side, digest: Digest) -> Mapping[int, bytes]:
    read = read_sums if side.summed is None else side.summed.read
    return read(side.connection, digest, side.relation)


@contextmanager
def _both(base: Side, live: Side, old: str, new: str) -> Iterator[tuple[Iterator[Chunk], Iterator[Chunk]]]:
    """Open both streams at once, so that the two servers sort at the same time."""
    with base.connection.cursor() as one, live.connection.cursor() as other:
        first, second = one.copy(old), other.copy(new)
        copies = at_once(first.__enter__, second.__enter__)
        with ExitStack() as stack:
            stack.push(first)
            stack.push(second)
            yield _chunks(map(cells, copies[0])), _chunks(map(cells, copies[1]))


def at_once(one: Callable[[], R], other: Callable[[], S]) -> tuple[R, S]:
    """Do two things of two connections at the same time."""
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
