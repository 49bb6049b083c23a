"""Reads the rows that are known by their natural keys, and puts the right ids into the rows that point at them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.copytext import NULL, Cells, cells
from ...postgres.names import listed, literal, quote
from ...postgres.natural import Named, Natural, Translation
from ...postgres.shape import Shape
from .differences import Difference, Side

if TYPE_CHECKING:
    from .session import Connection

Moves = Mapping[int, Translation]  # by position in a row: what its ids become


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the rows of one database are read from, with the columns that point at translated tables."""

    connection: "Connection"
    relation: str
    moves: Mapping[str, Mapping[bytes, bytes]]


def read_natural(named: Named, reading: Reading) -> Natural:
    """Read natural keys with their ids; ids inside of natural keys are translated."""
    found: dict[Cells, Cells] = {}
    moves = [reading.moves.get(name, {}) for name in named.natural]
    query = f"COPY (SELECT {listed(named.columns, 't')} FROM {reading.relation} AS t) TO STDOUT"
    with reading.connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for read in copy:
            key, *natural = cells(read)
            if NULL not in natural:
                found[tuple(move.get(cell, cell) for move, cell in zip(moves, natural, strict=True))] = (key,)
    return found


def renamed(found: Iterator[Difference], moves: Moves, width: int) -> Iterator[Difference]:
    """Translate the ids in a stream of differences; *width* is that of the key."""
    for one in found:
        live = _moved(one.live, {at: move.live for at, move in moves.items()})
        base = _moved(one.base, {at: move.base for at, move in moves.items()})
        key = (live or base or one.key)[:width]
        if live is not None and base is not None and live[:width] != base[:width]:
            yield one  # two rows that only share an id: they cannot be told as one row that changed
        else:
            yield Difference(key, base, live)


def _moved(row: Cells | None, moves: Mapping[int, Mapping[bytes, bytes]]) -> Cells | None:
    if row is None:
        return None
    return tuple(moves[at].get(cell, cell) if at in moves else cell for at, cell in enumerate(row))


def rows_with(side: Side, shape: Shape, translation: Translation, wanted: set[bytes]) -> list[Cells]:
    """Read live's rows, as the shape has them, whose translated ids are *wanted*."""
    back = {ours: theirs for theirs, ours in translation.live.items()}
    at = shape.carried.index(translation.named.key)
    theirs = {back.get(one, one): one for one in wanted}
    ids = ", ".join(literal(one.decode()) for one in theirs)
    query = (
        f"COPY (SELECT {listed(shape.compared, 't')} FROM {side.relation} AS t"
        f" WHERE t.{quote(translation.named.key)}::text IN ({ids})) TO STDOUT"
    )
    found = []
    with side.connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for read in copy:
            row = cells(read)
            found.append((*row[:at], theirs[row[at]], *row[at + 1 :]))
    return found
