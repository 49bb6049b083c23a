"""The tables of one schema of a MySQL or MariaDB server, and what holds between them, as values."""

from collections.abc import Collection, Mapping

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column; *type* is whole, as in `decimal(10,2) unsigned`, *family* is `decimal`.

    *definition* is what follows its name in the server's own CREATE TABLE. *default* is its default's SQL as written
    there, None where it has none (or NULL). *extra* is what the server says of it besides, in lower case.
    """

    name: str
    type: str
    family: str
    required: bool
    default: str | None
    generated: bool
    extra: str
    collation: str | None
    comment: str
    definition: str

    @property
    def automatic(self) -> bool:
        """Say whether it counts by itself."""
        return "auto_increment" in self.extra

    @property
    def fills_itself(self) -> bool:
        """Say whether an insert may leave it out."""
        return not self.required or self.default is not None or self.automatic

    @property
    def binary(self) -> bool:
        """Say whether its values are bytes and no text."""
        return self.family in _BINARY


_BINARY = frozenset(
    {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry", "point", "linestring"}
    | {"polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection", "vector"}
)


@dataclass(frozen=True, slots=True)
class Index:
    """
    An index, primary or unique or neither; *definition* is its part of CREATE TABLE, *columns* lacks expressions.

    *lengths* are of the beginnings of texts that it is over, 0 for whole ones.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool
    primary: bool
    whole: bool  # over columns alone, and not over their beginnings
    definition: str
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; *columns* of *child* refer to *parent_columns* of *parent* in *parent_schema*."""

    name: str
    child: str
    columns: tuple[str, ...]
    parent_schema: str
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger; *sql_mode*, *charset* and *collation* are of the session that it was made in."""

    name: str
    table: str
    timing: str
    event: str
    body: str
    definer: str
    sql_mode: str
    charset: str
    collation: str


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table; *create* is the server's own CREATE TABLE.

    *rows* is an estimate, *next* what AUTO_INCREMENT gives next, None without such a column.
    """

    name: str
    engine: str
    rows: int
    next: int | None
    collation: str
    comment: str
    versioned: bool  # keeps rows' history by itself
    create: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]

    def column(self, name: str) -> Column:
        """Give a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def has(self, name: str) -> bool:
        """Say whether there is such a column."""
        return any(column.name == name for column in self.columns)

    @property
    def written(self) -> tuple[Column, ...]:
        """Give the columns that an insert writes."""
        return tuple(column for column in self.columns if not column.generated)

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Give the columns that may tell its rows apart, the primary key first."""
        required = {column.name for column in self.written if column.required}
        found = [one for one in self.indexes if one.unique and one.whole and required >= {*one.columns}]
        return tuple(
            one.columns for one in sorted(found, key=lambda one: (not one.primary, len(one.columns), one.name))
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """
    The tables of one *schema* at one instant; *version* as the server tells it.

    *others* names what the schema has besides, as in `view report`: views, routines, events, sequences.
    """

    schema: str
    version: str
    tables: Mapping[str, Table]
    foreign_keys: tuple[ForeignKey, ...]
    triggers: tuple[Trigger, ...]
    others: tuple[str, ...]

    @property
    def mariadb(self) -> bool:
        """Say whether the server is MariaDB."""
        return "mariadb" in self.version.lower()

    def firing(self, written: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Name the triggers that fire where these tables are *written* to, by event."""
        return tuple(f"{one.name} (on {one.table})" for one in self.triggers if one.table in written.get(one.event, ()))


def common_key(*tables: Table) -> tuple[str, ...]:
    """Give the columns by which the rows of all *tables* are told apart; empty where there are none."""
    first, *others = tables
    for columns in first.keys:
        if all(any({*columns} == {*one} for one in other.keys) for other in others):
            return columns
    return ()
