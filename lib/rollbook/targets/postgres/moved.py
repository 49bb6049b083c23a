"""
Finds the chunks in which a table of live moved since a pass, by the transactions that wrote its rows.

No row is hashed for that. What was inserted or changed tells its own age. Rows that went leave no trace but their
number: a chunk in which nothing was written since has those rows of then that did not go, so as many as then only where
none did.
"""

from collections.abc import Collection, Mapping
from typing import Final

from ...postgres.digest import Digest, in_chunks
from ...postgres.horizon import Since
from .differences import Side, read_counts
from .scanning import scan

_FEW: Final = 1_000  # rows of a table that are looked at anew, however small it is
_MOST: Final = 2_000_000  # chunks in memory, of eight bytes each


def moved_since(since: Since, digest: Digest, before: Mapping[int, int], live: Side) -> frozenset[int] | None:
    """
    Give the chunks of *live* in which a row came, went or was changed since; None where that is more than is of use.

    *before* is how many rows each chunk had then; a chunk with a negative number is one of them, whatever it has.
    """
    anyway = frozenset(chunk for chunk, rows in before.items() if rows < 0)
    before = {chunk: rows for chunk, rows in before.items() if rows >= 0}
    most = min(_MOST, max(_FEW, sum(before.values()) // 4))
    found = scan(live, digest.chunk, since, most=most)
    if len(found.marks) > most:
        return None
    written = frozenset(found.marks) | anyway
    if written and not digest.ranged:
        return written | _gone(digest, before, live)
    rest = sum(rows for chunk, rows in before.items() if chunk not in written)
    if found.within - _count_in(digest, live, written) == rest:
        return written
    return written | _gone(digest, before, live)


def _count_in(digest: Digest, live: Side, chunks: Collection[int]) -> int:
    if not chunks:
        return 0
    query = f"SELECT count(*) FROM {in_chunks(live.relation, digest.key[0], sorted(chunks))}"
    (rows,) = live.connection.execute(query.encode()).fetchone() or (0,)
    return int(rows)


def _gone(digest: Digest, before: Mapping[int, int], live: Side) -> frozenset[int]:
    """Give the chunks that have another number of rows than before."""
    now = read_counts(live, digest)
    return frozenset(chunk for chunk in before.keys() | now.keys() if before.get(chunk, 0) != now.get(chunk, 0))
