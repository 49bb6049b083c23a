"""
Finds the rows in which a table may differ from the backup by the transactions that wrote them, and reads only these.

Rows that went leave no trace, but for their number: those that the backup has, less those that are as they were, less
those that were written since. Only where that is not nothing are rows counted by chunks.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from ...postgres.digest import Digest, chunk_of, integer_key
from ...postgres.horizon import Since
from ...postgres.names import beside_parameters, quote
from ...postgres.shape import Shape
from .differences import (
    Difference,
    Side,
    added,
    at_once,
    changed_rows,
    choose_digest,
    count,
    keyed,
    last_key,
    read_counts,
)
from .scanning import scan

_ROWS_AT_ONCE: Final = 5_000
_FEW: Final = 1_000  # rows of a table that are looked up, however small it is
_MOST: Final = 2_000_000  # keys in memory, of eight bytes each


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
    most = min(_MOST, max(_FEW, live.table.rows // 4))
    key = f"t.{quote(digest.key[0])}"
    bounded = f"{key} <= {bound}"
    (keys, within, beyond), there = at_once(lambda: scan(live, key, since, within=bounded, most=most), rows)
    if len(keys) > most:
        return "most of its rows were written since"
    touched = _touched(pristine, digest, keys)
    gone = there - (within - len(keys)) - touched.total()
    chunks = _chunks_gone(digest, pristine, live, bound, keys, touched) if gone else {}
    if gone < 0 or sum(chunks.values()) != gone or min(chunks.values(), default=1) < 0:
        return "it has rows of before that the backup lacks"
    return Newer(digest, keys, sorted(chunks), bound, beyond, within + beyond, there)


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
    old, new = at_once(lambda: read_counts(pristine, digest, within), lambda: read_counts(live, digest, within))
    written = Counter(map(chunk_of, keys))
    gone = {
        chunk: old.get(chunk, 0) - touched[chunk] - (new.get(chunk, 0) - written[chunk])
        for chunk in old.keys() | new.keys()
    }
    return {chunk: rows for chunk, rows in gone.items() if rows}
