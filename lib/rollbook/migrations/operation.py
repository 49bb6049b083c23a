"""An operation of a migration, judged by what becomes of rows and values."""

from typing import Final, Literal

from ..dataclass import dataclass
from ..values import Plain

Effect = Literal[
    "destroys_table",
    "destroys_column",
    "narrows",
    "deletes_rows",
    "rewrites",
    "undetermined",
    "renames",
    "harmless",
]

DESTRUCTIVE: Final[tuple[Effect, ...]] = ("destroys_table", "destroys_column", "narrows", "deletes_rows", "rewrites")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """
    A column that is to hold less: of type *to* where that changes, and never NULL where *required*.

    *filled* is what NULL becomes then, None where that is not known.
    """

    column: str
    to: str = ""
    required: bool = False
    filled: str | bool | int | float | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """
    What one operation, or one statement of it, does; tables and columns as they are called before the first.

    *open* says that more may go with it than is named. *defaults* are what a row has in a doomed column where nobody
    filled it in.
    """

    app: str
    migration: str
    operation: str
    effect: Effect
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    note: str = ""
    sql: str = ""
    location: str = ""
    open: bool = False
    narrowing: tuple[Narrowing, ...] = ()
    defaults: tuple[tuple[str, Plain], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def destructive(self) -> bool:
        """Say whether rows or values go, or may not fit any more."""
        return self.effect in DESTRUCTIVE

    @property
    def undetermined(self) -> bool:
        """Say whether nobody can tell all that it does without reading it."""
        return self.effect == "undetermined" or self.open

    @property
    def things(self) -> tuple[str, ...]:
        """Name what it is about."""
        return (*self.tables, *self.columns)

    def __str__(self) -> str:
        where = f"{self.app}.{self.migration}" if self.app else self.migration
        return f"{where} {self.operation}"
