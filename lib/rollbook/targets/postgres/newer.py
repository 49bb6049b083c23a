"""
Finds the rows in which a table may differ from the backup by the transactions that wrote them, and reads only these.

Rows that went leave no trace, but for their number: those that the backup has, less those that are as they were, less
those that were written since. Only where that is not nothing are rows counted by chunks.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ...postgres.digest import Digest, chunk_of, integer_key
from ...postgres.horizon import Since
from ...postgres.names import beside_parameters, quote
from ...postgres.shape import Shape
from .differences import Difference, Side, added, at_once, changed_rows, choose_digest, count, keyed, last_key
from .sums import hashed

if TYPE_CHECKING:
    from .session import Connection

_ROWS_AT_ONCE: Final = 5_000
_FEW: Final = 1_000  # rows of a table that are looked up, however small it is
_MOST: Final = 2_000_000  # keys in memory, of eight bytes each
_BY_PAGES: Final = 140_000  # the first version that reads ranges of pages by themselves


class Newer(NamedTuple):
    """
    The rows of a table that may differ from the backup's.

    *keys*, in order, are those of rows written since, and *chunks* those that rows went from, of which all rows are
    looked at; beyond *bound* neither backup nor base has any, and all *beyond* rows are new. *there* is how many rows
    the backup has, *here* how many there are in all.
    """

    digest: Digest
    keys: Sequence[int]
    chunks: list[int]
    bound: int
    beyond: int
    here: int
    there: int

    def new_lines(self, side: Side) -> Iterator[bytes]:
        """Stream the rows beyond the bound as COPY has them."""
        statement = self.digest.beyond(side.relation, self.bound)
        with side.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            yield from map(bytes, copy)

    def rows(self, base: Side, live: Side, *, beyond: bool) -> Iterator[Difference]:
        """Stream the rows that differ between base and live; with *beyond*, the new ones too."""
        chunks = frozenset(self.chunks)
        keys = iter(b"%d" % key for key in self.keys if chunk_of(key) not in chunks)
        while part := list(islice(keys, _ROWS_AT_ONCE)):
            before, after = at_once(lambda: keyed(base, self.digest, part), lambda: keyed(live, self.digest, part))
            for key in part:
                if before.get(key) != after.get(key):
                    yield Difference((key,), before.get(key), after.get(key))
        gone = changed_rows(self.digest, self.chunks, base, live)
        yield from (one for one in gone if int(one.key[0]) <= self.bound)
        if beyond:
            yield from map(added, self.new_lines(live))


def look_newer(
    since: Since, lined: Shape, pristine: Side, base: Side, live: Side, *, there: int | None = None
) -> Newer | str:
    """
    Find the rows of *live* that may differ from *pristine*, the backup's own, or why that is not to be had.

    *base* is the side that they are then compared with, which may be *pristine* itself. *there* is how many rows
    *pristine* has, where they were counted.
    """
    why = since.refusal(live.table.name, lined.carried)
    if why:
        return why
    if not all(integer_key(side.table, lined.key) for side in (pristine, base, live)):
        return "its key is no integer"
    digest = choose_digest(lined, base, live)
    if not digest.ranged:
        return "its keys lie far apart"
    last = max(last_key(pristine, digest), last_key(base, digest))
    rows = (lambda: count(pristine)) if there is None else (lambda: there)
    return _looked(since, digest, pristine, live, last, rows)


def _looked(
    since: Since, digest: Digest, pristine: Side, live: Side, bound: int, rows: Callable[[], int]
) -> Newer | str:
    key = f"t.{quote(digest.key[0])}"
    most = min(_MOST, max(_FEW, live.table.rows // 4))
    where = f"{since.newer('t')} AND {key} <= {bound}"
    keys, there = at_once(lambda: _keys(live, digest, where, most + 1), rows)
    if len(keys) > most:
        return "most of its rows were written since"
    touched, (within, beyond) = at_once(lambda: _touched(pristine, digest, keys), lambda: _parted(live, key, bound))
    gone = there - (within - len(keys)) - touched.total()
    chunks = _chunks_gone(digest, pristine, live, bound, keys, touched) if gone else {}
    if gone < 0 or sum(chunks.values()) != gone or min(chunks.values(), default=1) < 0:
        return "it has rows of before that the backup lacks"
    return Newer(digest, keys, sorted(chunks), bound, beyond, within + beyond, there)


def _keys(side: Side, digest: Digest, where: str, most: int) -> "array[int]":
    """Give the keys of the rows for which *where* holds, *most* of them or more; each half of the table by itself."""
    beside = side.beside
    if beside is None or side.connection.info.server_version < _BY_PAGES:
        return _in_order(_keys_read(side.connection, side, digest, where, most), most)
    # The server does not spread this over processes of its own: none but the leader may tell a row's age.
    pages = "pg_catalog.pg_relation_size(%s) / pg_catalog.current_setting('block_size')::bigint / 2"
    (half,) = beside.execute(f"SELECT {pages}".encode(), (side.table.oid,)).fetchone() or (0,)
    first, second = at_once(
        lambda: _keys_read(beside, side, digest, f"t.ctid < '({half},0)' AND {where}", most),
        lambda: _keys_read(side.connection, side, digest, f"t.ctid >= '({half},0)' AND {where}", most),
    )
    return _in_order(first + second, most)


def _in_order(keys: "array[int]", most: int) -> "array[int]":
    # As numbers of Python's they take five times the room, and so many are of no use.
    return array("q", sorted(keys)) if len(keys) < most else keys


def _keys_read(connection: "Connection", side: Side, digest: Digest, where: str, most: int) -> "array[int]":
    query = f"COPY (SELECT t.{quote(digest.key[0])} FROM {side.relation} AS t WHERE {where} LIMIT {most}) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        return array("q", (int(bytes(read)) for read in copy))


def _parted(side: Side, key: str, bound: int) -> tuple[int, int]:
    """Count the rows up to the bound, and those beyond it."""
    query = (
        f"SELECT count(*) FILTER (WHERE {key} <= {bound}), count(*) FILTER (WHERE {key} > {bound})"
        f" FROM {side.relation} AS t"
    )
    within, beyond = side.connection.execute(query.encode()).fetchone() or (0, 0)
    return int(within), int(beyond)


def _touched(pristine: Side, digest: Digest, keys: Sequence[int]) -> Counter[int]:
    """Count, by the chunk, under how many of these keys the backup has a row."""
    found: Counter[int] = Counter()
    left, key = iter(keys), f"t.{quote(digest.key[0])}"
    while part := list(islice(left, _ROWS_AT_ONCE)):
        query = beside_parameters(f"SELECT {key} FROM {pristine.relation} AS t WHERE {key} = ANY(") + "%s)"
        found.update(chunk_of(key) for (key,) in pristine.connection.execute(query.encode(), (part,)))
    return found


def _chunks_gone(
    digest: Digest, pristine: Side, live: Side, bound: int, keys: Sequence[int], touched: Counter[int]
) -> dict[int, int]:
    """Count, by the chunk, the rows that the backup has and that are gone."""
    within = f"t.{quote(digest.key[0])} <= {bound}"
    old, new = at_once(lambda: _counts(pristine, digest, within), lambda: _counts(live, digest, within))
    written = Counter(map(chunk_of, keys))
    gone = {
        chunk: old.get(chunk, 0) - touched[chunk] - (new.get(chunk, 0) - written[chunk])
        for chunk in old.keys() | new.keys()
    }
    return {chunk: rows for chunk, rows in gone.items() if rows}


def _counts(side: Side, digest: Digest, where: str) -> dict[int, int]:
    statement = digest.counts(side.relation, where)
    with hashed(side.connection), side.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        return {int(chunk): int(rows) for chunk, rows in (bytes(read).split(b"\t") for read in copy)}
