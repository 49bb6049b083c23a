"""Rows and cells of tables that are there again, but empty: what is put back into them, and the SQL that finds it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op
from ..recovering import CELL, ParentsGone, refill_out_lines
from .catalog import Catalog, ForeignKey, Table, Unique
from .clashes import agree, keyed
from .names import Name, equal, listed, literal, paired, quote


@dataclass(frozen=True, slots=True)
class RowRefill:
    """
    A table whose missing rows are put back; *columns* are what both sides have, the *key* first.

    Rows that are there are compared by all of these but those whose cells are put back *apart*.
    """

    table: Name
    key: tuple[str, ...]
    columns: tuple[str, ...]
    apart: tuple[str, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """Name the columns in which a row that is there may differ from the source's."""
        return tuple(name for name in self.columns if name not in (*self.key, *self.apart))

    def __str__(self) -> str:
        return str(self.table)


@dataclass(frozen=True, slots=True)
class CellRefill:
    """A column whose cells are put back where they still hold *left*, as SQL; with `CELL`, it is made of theirs."""

    table: Name
    name: str
    key: tuple[str, ...]
    left: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def left_of(self, cell: str) -> str:
        """Give the SQL of what was left, where the source's cell is *cell*."""
        return self.left.replace(CELL, cell)


@dataclass(frozen=True, slots=True)
class RowsRefilled(Op):
    """Put the rows that tables lack back into them, parents first, in one transaction; no other row is touched."""

    op: ClassVar[str] = "postgres.refill_rows"
    target: str
    source: str
    tables: tuple[RowRefill, ...]
    parents_gone: ParentsGone
    folder: str

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        return ("BEGIN", *self._lines(), "COMMIT")

    def _lines(self) -> Iterator[str]:
        for one in self.tables:
            names = listed(one.columns)
            yield (
                f"INSERT INTO {one.table.sql} ({names}) SELECT {names} FROM …  -- rows of {self.source} whose"
                f" {', '.join(one.key)} is not there, unless a unique value is taken; parent gone: {self.parents_gone}"
            )
        yield f"-- the keys of the rows go to {self.folder}; sequences are advanced beyond them"


@dataclass(frozen=True, slots=True)
class CellsRefilled(Op):
    """Put cells back where they still hold what the column was made with, in small transactions."""

    op: ClassVar[str] = "postgres.refill_cells"
    target: str
    source: str
    columns: tuple[CellRefill, ...]
    folder: str

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        return tuple(
            f"UPDATE {one.table.sql} SET {quote(one.name)} = …  -- the cell of {self.source} by {', '.join(one.key)},"
            f" 10,000 rows a transaction, only where it still is {one.left_of('…')}"
            for one in self.columns
        )


@dataclass(frozen=True, slots=True)
class RefillOut(Op):
    """
    Take out rows and empty cells that were put back, told by the files in *folder*, in one transaction.

    Refused with `ConflictError` where somebody wrote into them since, or made other rows point at them.
    """

    op: ClassVar[str] = "postgres.refill_out"
    target: str
    source: str
    tables: tuple[RowRefill, ...]
    columns: tuple[CellRefill, ...]
    folder: str

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        cells = ((one.table.sql, quote(one.name), one.left_of(quote(one.name))) for one in self.columns)
        return refill_out_lines(self.source, self.folder, cells, (one.table.sql for one in reversed(self.tables)))


def left_in(table: Table, name: str, told: Mapping[str, str | None]) -> str | None:
    """
    Give the SQL of what a column's cells hold that nobody wrote, or None where nothing tells.

    That is what the operator *told*, else the column's own default, else NULL where it may be NULL. A default that
    calls something gave each row its own, or all of them that of the moment.
    """
    column = table.column(name)
    said = f"{table.name}.{name}"
    if said in told:
        return f"({literal(told[said])}::{column.type})"
    if column.default is not None:
        return None if "(" in column.default else f"({column.default})"  # computed for each row anew
    return None if column.required else "NULL"


def clashing(unique: Unique, key: Sequence[str], staged: str, live: str) -> str:
    """Give the keys of *staged* rows whose unique value another row of *live* has."""
    wanted, held = (keyed(key, unique, f"{one} AS x", "true") for one in (staged, live))
    return (
        f"SELECT {listed(key, 'w')} FROM ({wanted}) w JOIN ({held}) h ON {agree(unique, 'w', 'h')}"
        f" AND NOT ({equal(key, 'w', 'h')})"
    )


def parentless(key: ForeignKey, alias: str, parents: Sequence[str]) -> str:
    """Say that the row *alias* points at a row that none of the relations *parents* has; at itself it may."""
    pairs = tuple(zip(key.columns, key.parent_columns, strict=True))
    filled = [f"{alias}.{quote(name)} IS NOT NULL" for name in key.columns]
    absent = [f"NOT EXISTS (SELECT FROM {one} p WHERE {paired(pairs, alias, 'p')})" for one in parents]
    if key.child == key.parent:
        absent.append(f"NOT ({paired(pairs, alias, alias)})")
    return " AND ".join([*filled, *absent])


def circular(catalog: Catalog, tables: Sequence[Name]) -> tuple[str, ...]:
    """Give what alters the foreign keys by which tables, in their order, point at later ones and cannot wait."""
    place = {name: at for at, name in enumerate(tables)}
    return tuple(
        f"ALTER TABLE {key.child.sql} ALTER CONSTRAINT {quote(key.name)}"
        for key in catalog.foreign_keys
        if not key.deferrable and place.get(key.parent, -1) > place.get(key.child, len(tables))
    )


def uniques_over(table: Table, columns: Sequence[str]) -> tuple[Unique, ...]:
    """Give the uniques that writing *columns* of a table may break."""
    return tuple(one for one in table.uniques if not one.columns or {*columns} & {*one.columns})


def keys_over(catalog: Catalog, table: Table, columns: Sequence[str]) -> tuple[ForeignKey, ...]:
    """Give the foreign keys that writing *columns* of a table may break."""
    return tuple(one for one in catalog.foreign_keys if one.child == table.name and {*columns} & {*one.columns})
