"""Whom what was lost, or did not fit, concerns: where a site keeps its users, and the op that lists their addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..ops import Op
from .catalog import Catalog, Table
from .names import Name, beside_parameters, quote
from .passes import Exported

HEAD: Final = ("email", "user", "conflicts", "left_out", "taken", "tables")


@dataclass(frozen=True, slots=True)
class Users:
    """
    Where a site keeps its users.

    Which rows are whose is told by foreign keys to *key*; *refers* names, by table, columns that have none.
    """

    table: str = field(metadata={"help": "the table of users"})
    email: str = field(metadata={"help": "its column with the address"})
    key: str = field(default="id", metadata={"help": "its key"})
    refers: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, metadata={"help": "by table, columns with a user's key that no foreign key tells of"}
    )

    def of(self, table: str, catalog: Catalog) -> tuple[str, ...]:
        """Name the columns of *table* that say whose a row is."""
        if table == self.table:
            return (self.key,)
        told = (
            key.columns[0]
            for key in catalog.foreign_keys
            if str(key.child) == table and str(key.parent) == self.table and key.parent_columns == (self.key,)
        )
        return tuple(dict.fromkeys((*told, *self.refers.get(table, ()))))

    def has(self, table: str, key: str) -> bool:
        """Say whether what points at this column of a table points at a user."""
        return (table, key) == (self.table, self.key)

    def look_up(self, table: Table) -> str:
        """Give the query of the addresses of those whose keys are given as texts, in the users' *table*."""
        key = quote(self.key)
        given = f"(%s::text[])::{table.column(self.key).type}[]"
        of = beside_parameters(f"{key}::text, {quote(self.email)}::text FROM {table.name.sql} WHERE {key}")
        return f"SELECT {of} = ANY({given}) ORDER BY 1"


@dataclass(frozen=True, slots=True)
class AffectedUsers(Op):
    """Write the addresses of those whose rows stand in *exported* files or in *tables* to *path*, mode 0600."""

    op: ClassVar[str] = "postgres.affected_users"
    target: str
    database: str
    users: Users
    exported: tuple[Exported, ...]
    tables: tuple[str, ...]
    path: str

    def render(self) -> tuple[str, ...]:
        """Give what is read, and the file; no address."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from (f"read whose rows are in {one.path}: {one.what}" for one in self.exported)
        users = self.users.table
        yield from (
            f"SELECT column, count(*) FROM {table} GROUP BY 1  -- each column that refers to {users}"
            for table in self.tables
        )
        shown = f"SELECT {self.users.key}, {self.users.email} FROM {users} WHERE {self.users.key} = ANY(…)"
        yield f"{shown}\n    in {self.database}, read-only, to {self.path}"


def table_named(catalog: Catalog, name: str) -> Table | None:
    """Find a table by what it is called in outputs; None where there is none."""
    return next((table for one, table in catalog.tables.items() if str(one) == name), None)


def owners(table: Name, column: str) -> str:
    """Give the query that counts the rows of *table* by whom *column* names."""
    return f"SELECT {quote(column)}::text, count(*) FROM {table.sql} WHERE {quote(column)} IS NOT NULL GROUP BY 1"
