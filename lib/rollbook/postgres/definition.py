"""How a table, or a column, that is gone is made again: the statements, as its old database has it."""

from ..dataclass import dataclass
from .names import Name, listed, quote


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key that is to come back; *columns* of *child* refer to *parent_columns* of *parent*."""

    name: str
    child: Name
    columns: tuple[str, ...]
    parent: Name
    parent_columns: tuple[str, ...]
    statement: str
    nullable: bool  # every one of its columns may be NULL

    def __str__(self) -> str:
        return f"{self.child}.{self.name}"


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """An enum or a domain, what makes it, and whom it belongs to."""

    name: Name
    statement: str
    owner: str = ""

    @property
    def statements(self) -> tuple[str, ...]:
        """Give what makes it and hands it over."""
        return (self.statement, *([f"ALTER TYPE {self.name.sql} OWNER TO {quote(self.owner)}"] if self.owner else []))


@dataclass(frozen=True, slots=True)
class SchemaDefinition:
    """A schema, and what makes it with its comment and who may use it."""

    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addition:
    """A constraint or an index that is made where its *name* is missing on *table*."""

    table: Name
    name: str
    statement: str


@dataclass(frozen=True, slots=True)
class Definition:
    """
    A table: what is sent before its rows are loaded, and after.

    *columns* are those that rows are loaded into; *references* its own foreign keys, *sequences* what it owns,
    *comment* its own. One that is *partitioned* has no rows of its own.
    """

    name: Name
    columns: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    references: tuple[Reference, ...]
    sequences: tuple[Name, ...]
    partitioned: bool = False
    comment: str | None = None

    @property
    def loading(self) -> str:
        """Give the COPY that its rows are loaded with."""
        columns = f" ({listed(self.columns)})" if self.columns else ""  # a table may have none
        return f"COPY {self.name.sql}{columns} FROM STDIN"


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """
    A column that is gone from a table which stays: *add* makes it again, NULL or with its default in every row.

    *default* is what it is added with; *later* one that is computed anew for each row, set once the cells are back.
    *additions* are the constraints and indexes that went with it.
    """

    table: Name
    name: str
    add: str
    comment: str | None
    default: str | None
    later: str | None
    required: bool
    generated: bool
    additions: tuple[Addition, ...] = ()
    references: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    @property
    def sql(self) -> str:
        """Give what stands after ON COLUMN."""
        return f"{self.table.sql}.{quote(self.name)}"
