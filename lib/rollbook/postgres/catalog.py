"""The tables of a database and what holds between them, as values."""

from collections.abc import Mapping
from typing import Final, Literal

from ..dataclass import dataclass
from .names import Name, quote

_ENABLE: Final = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; *type* carries its modifier, as in `character varying(20)`."""

    name: str
    type: str
    required: bool  # by itself or by its domain
    default: str | None
    identity: str  # "", "a"lways or by "d"efault
    generated: bool
    kind: str  # pg_type.typtype: "b"ase, "e"num, "d"omain, "c"omposite, "r"ange, "m"ultirange
    exact: bool = True  # texts that differ are never equal

    @property
    def fills_itself(self) -> bool:
        """Say whether an insert may leave it out."""
        return not self.required or self.default is not None or bool(self.identity)


@dataclass(frozen=True, slots=True)
class Unique:
    """A primary key, unique constraint or unique index; *columns* is empty where it is over expressions."""

    name: str
    columns: tuple[str, ...]
    expressions: tuple[str, ...]
    predicate: str | None
    primary: bool
    nulls_distinct: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A check constraint that the rows that are there keep."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """
    A trigger of the users' on *relation*, or a rule, which rewrites what is sent to it, as *sort* says.

    *enabled* is "O", "R", "A" or "D", as in pg_trigger and pg_rewrite.
    """

    relation: Name
    name: str
    enabled: str
    sort: Literal["TRIGGER", "RULE"] = "TRIGGER"

    def disable(self) -> str:
        """Give the statement that keeps it from acting."""
        return self._switch("DISABLE")

    def enable(self) -> str:
        """Give the statement that lets it act as before."""
        return self._switch(_ENABLE[self.enabled])

    def _switch(self, how: str) -> str:
        return f"ALTER TABLE {self.relation.sql} {how} {self.sort} {quote(self.name)}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; *on_delete* and *on_update* are the letters of pg_constraint, "a" being no action."""

    name: str
    child: Name
    columns: tuple[str, ...]
    parent: Name
    parent_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    full: bool  # MATCH FULL
    deferrable: bool
    deferred: bool
    validated: bool
    definition: str
    comment: str | None = None

    @property
    def acts(self) -> bool:
        """Say whether it does something to children, or refuses at once, instead of waiting for the end."""
        return (self.on_delete, self.on_update) != ("a", "a")


@dataclass(frozen=True, slots=True)
class Table:
    """A table that rows are carried to or from; of a partitioned one only the root."""

    name: Name
    oid: int
    partitioned: bool
    rows: int  # an estimate; -1 where the server never counted
    columns: tuple[Column, ...]
    uniques: tuple[Unique, ...]
    checks: tuple[Check, ...]
    excludes: bool  # has exclusion constraints
    source: str = ""  # what stands after FROM, where that is not its name

    @property
    def relation(self) -> str:
        """Give what stands after FROM: the table's own rows, without those of tables that inherit from it."""
        if self.source:
            return self.source
        return self.name.sql if self.partitioned else f"ONLY {self.name.sql}"

    @property
    def names(self) -> tuple[str, ...]:
        """Give what its columns are called."""
        return tuple(column.name for column in self.columns)

    @property
    def written(self) -> tuple[Column, ...]:
        """Give the columns that an insert writes."""
        return tuple(column for column in self.columns if not column.generated)

    def column(self, name: str) -> Column:
        """Give a column by its name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def keys(self) -> tuple[Unique, ...]:
        """Give what may tell its rows apart, the primary key first."""
        required = {column.name for column in self.written if column.required}
        found = [one for one in self.uniques if one.columns and one.predicate is None and required >= {*one.columns}]
        return tuple(sorted(found, key=lambda one: (not one.primary, len(one.columns), one.name)))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence; *next* is the value that it gives next, *users* the columns that it fills."""

    name: Name
    next: int
    step: int
    users: tuple[tuple[Name, str], ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables of one database at one instant; those of extensions and of Rollbook are not in it."""

    version: int  # server_version_num
    tables: Mapping[Name, Table]
    foreign_keys: tuple[ForeignKey, ...]
    triggers: tuple[Trigger, ...]
    sequences: tuple[Sequence, ...]

    @property
    def major(self) -> int:
        """Give the server's major version."""
        return self.version // 10_000

    def nullable(self, key: ForeignKey) -> tuple[str, ...]:
        """Give the columns of *key* to set to NULL when its parent is gone: none where that is not possible."""
        table = self.tables[key.child]
        free = tuple(name for name in key.columns if not table.column(name).required)
        writable = {column.name for column in table.written}
        if key.full and len(free) < len(key.columns):
            return ()
        return tuple(name for name in free if name in writable)
