"""Tables of a loaded snapshot that are not what they seem: parts of tables, and stand-ins for others' keys."""

from collections.abc import Iterable, Iterator
from typing import Final

from ..dataclass import dataclass
from .definition import Reference
from .names import Name, listed, literal, paired, quote

PART: Final = "rollbook part of a table"
STAND_IN: Final = "rollbook stand-in for a table"


def marked(table: Name, comment: str) -> str:
    """Give the statement that marks a table."""
    return f"COMMENT ON TABLE {table.sql} IS {literal(comment)}"


@dataclass(frozen=True, slots=True)
class StandIn:
    """
    A table that only holds what foreign keys of saved tables want of it, made without its own rows.

    *columns* are lines of CREATE TABLE by their names; *keys* are what is referred to.
    """

    name: Name
    columns: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, ...], ...]
    owner: str

    def statements(self, references: Iterable[Reference]) -> Iterator[str]:
        """Make it, with a row for each that *references* to it have, which are made afterwards."""
        if self.name.schema != "public":
            yield f"CREATE SCHEMA IF NOT EXISTS {quote(self.name.schema)}"
        lines = ", ".join(line for _, line in self.columns)
        yield f"CREATE TABLE {self.name.sql} ({lines})"
        yield f"ALTER TABLE {self.name.sql} OWNER TO {quote(self.owner)}"
        for key in self.keys:
            wanting = [one for one in references if one.parent == self.name and one.parent_columns == key]
            yield from (self._filled(one) for one in wanting)
            yield f"ALTER TABLE {self.name.sql} ADD UNIQUE ({listed(key)})"
        yield marked(self.name, STAND_IN)

    def _filled(self, one: Reference) -> str:
        pairs = tuple(zip(one.columns, one.parent_columns, strict=True))
        there = f"SELECT FROM {self.name.sql} p WHERE {paired(pairs, 'c', 'p')}"
        cells = ", ".join(f"c.{quote(name)}" for name in one.columns)
        filled = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in one.columns)
        return (
            f"INSERT INTO {self.name.sql} ({listed(one.parent_columns)}) SELECT DISTINCT {cells} "
            f"FROM {one.child.sql} c WHERE {filled} AND NOT EXISTS ({there})"
        )
