"""What became of rows and values, counted by table and column: what steps give as their output `tally`."""

from collections.abc import Mapping
from typing import Literal

from .dataclass import dataclass
from .schema import encode
from .values import Plain

Fate = Literal["counted", "saved", "absent", "recovered"]


@dataclass(frozen=True, slots=True)
class Tally:
    """
    One count of a step: a *thing* is a table, or table.column, and *count* its rows or values.

    Counted are rows that are there, saved those in a file of that *sha256*, recovered those that were put back. A thing
    that is absent was looked for and is not there. A column is saved with a row for each of its table, whether that has
    a value or not: *of* values. A report lays together what its steps tell of one thing.
    """

    thing: str
    fate: Fate
    count: int = 0
    sha256: str = ""
    of: Literal["rows", "values"] = "rows"


def tallied(fate: Fate, counts: Mapping[str, int]) -> list[Plain]:
    """Give counts by thing as the output `tally` has them."""
    return [encode(Tally(thing, fate, count)) for thing, count in counts.items()]
