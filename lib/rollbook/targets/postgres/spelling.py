"""Tells a row whose key users spelled otherwise, which its type or collation takes for the same, from two rows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Final

from ...postgres.catalog import Table
from ...postgres.copytext import Cells, cells, line, value
from ...postgres.digest import hashes_exactly
from ...postgres.names import beside_parameters, listed, quote
from ...postgres.shape import Shape
from .differences import Difference, Side

_AT_ONCE: Final = 5_000  # rows
_IN_MEMORY: Final = 1 << 20  # bytes, before they go to a file


def may_be_respelled(key: Sequence[str], ours: Table, theirs: Table) -> bool:
    """Say whether one key can be written in two ways, and both sides take the same ones for one."""
    pairs = [(ours.column(name), theirs.column(name)) for name in key]
    return any(not hashes_exactly(one) for one, _ in pairs) and all(one.type == other.type for one, other in pairs)


def respelled(found: Iterable[Difference], shape: Shape, base: Side, live: Side) -> Iterator[Difference]:
    """
    Give the differences, those of one row under two spellings of its key as one.

    Until they have all been read, for both sides are busy until then, rows that one side alone has lie in a file; then
    some thousands are in memory at a time, and the other side is asked for the row that has the same key.
    """
    with SpooledTemporaryFile(_IN_MEMORY) as aside:
        for one in found:
            if one.live is None or one.base is None:
                aside.write((b"-" if one.live is None else b"+") + line(one.base or one.live or ()))
            else:
                yield one
        aside.seek(0)
        while some := list(islice(aside, _AT_ONCE)):
            rows = [(read[:1] == b"-", cells(read[1:])) for read in some]
            yield from _gone([row for gone, row in rows if gone], shape, live)
            yield from _new([row for gone, row in rows if not gone], shape, base)


def _gone(rows: Sequence[Cells], shape: Shape, live: Side) -> Iterator[Difference]:
    for row, other in zip(rows, _others(rows, shape, live), strict=True):
        yield Difference(row[: len(shape.key)], row, other)


def _new(rows: Sequence[Cells], shape: Shape, base: Side) -> Iterator[Difference]:
    """Leave out those of which base has the row under another spelling: they come with that."""
    for row, other in zip(rows, _others(rows, shape, base), strict=True):
        if other is None:
            yield Difference(row[: len(shape.key)], None, row)


def _others(some: Sequence[Cells], shape: Shape, side: Side) -> Sequence[Cells | None]:
    """Give the rows of a side that have the keys of some, however they are spelled there."""
    found: list[Cells | None] = [None] * len(some)
    if not some:
        return found
    names = [f"k{at}" for at in range(len(shape.key))]
    types = [side.table.column(name).type for name in shape.key]
    same = " AND ".join(
        f"t.{quote(name)} = (w.{one})::{type_}" for name, one, type_ in zip(shape.key, names, types, strict=True)
    )
    shown = beside_parameters(f"{listed(shape.compared, 't')} FROM {side.relation} AS t")
    given = ", ".join("%s::text[]" for _ in shape.key)
    query = (
        f"COPY (SELECT w.at, {shown} JOIN unnest({given}) WITH ORDINALITY AS w ({listed(names)}, at)"
        f" ON {beside_parameters(same)}) TO STDOUT"
    )
    texts = [[value(row[at]) for row in some] for at in range(len(shape.key))]
    with side.connection.cursor() as cursor, cursor.copy(query.encode(), texts) as copy:
        for read in copy:
            at, *row = cells(read)
            found[int(at) - 1] = tuple(row)
    return found
