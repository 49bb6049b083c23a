"""Rows and cells of tables that are there again, but empty: what is put back into them, and the ops that do it."""

from collections.abc import Iterator
from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op
from ..recovering import CELL, ParentsGone, refill_out_lines
from .names import listed, quote, within


@dataclass(frozen=True, slots=True)
class RowRefill:
    """
    A table whose missing rows are put back; *columns* are what both sides have, the *key* first.

    Rows that are there are compared by all of these but those whose cells are put back *apart*.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    apart: tuple[str, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """Name the columns in which a row that is there may differ from the source's."""
        return tuple(name for name in self.columns if name not in (*self.key, *self.apart))

    def __str__(self) -> str:
        return self.table


@dataclass(frozen=True, slots=True)
class CellRefill:
    """A column whose cells are put back where they still hold *left*, as SQL; with `CELL`, it is made of theirs."""

    table: str
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
    """Put the rows that tables lack back into them, parents first; no other row is touched. Done again after a kill."""

    op: ClassVar[str] = "mysql.refill_rows"
    target: str
    source: str
    tables: tuple[RowRefill, ...]
    parents_gone: ParentsGone
    folder: str
    run: str
    replica: str = ""

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        for one in self.tables:
            names = listed(one.columns)
            yield (
                f"INSERT INTO {quote(one.table)} ({names}) SELECT {names} FROM {within(self.source, one.table)}"
                f"  -- whose {', '.join(one.key)} is not there, unless a unique value is taken; 10,000 rows a"
                f" transaction; parent gone: {self.parents_gone}"
            )
        yield f"-- the keys of the rows go to {self.folder}; AUTO_INCREMENT is advanced beyond them"


@dataclass(frozen=True, slots=True)
class CellsRefilled(Op):
    """Put cells back where they still hold what the column was made with, in small transactions."""

    op: ClassVar[str] = "mysql.refill_cells"
    target: str
    source: str
    columns: tuple[CellRefill, ...]
    folder: str
    replica: str = ""

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        return tuple(
            f"UPDATE {quote(one.table)} t JOIN {within(self.source, one.table)} s ON {', '.join(one.key)} SET"
            f" t.{quote(one.name)} = s.{quote(one.name)}  -- 10,000 rows a transaction, only where it is"
            f" {one.left_of(f's.{quote(one.name)}')}"
            for one in self.columns
        )


@dataclass(frozen=True, slots=True)
class RefillOut(Op):
    """
    Take out rows and empty cells that were put back, told by the files in *folder*, in one transaction.

    Refused with `ConflictError` where somebody wrote into them since, or made other rows point at them.
    """

    op: ClassVar[str] = "mysql.refill_out"
    target: str
    source: str
    tables: tuple[RowRefill, ...]
    columns: tuple[CellRefill, ...]
    folder: str

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        cells = ((quote(one.table), quote(one.name), one.left_of(quote(one.name))) for one in self.columns)
        return refill_out_lines(self.source, self.folder, cells, (quote(one.table) for one in reversed(self.tables)))
