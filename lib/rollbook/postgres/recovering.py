"""What is to be recovered from a database that still has it, and the ops that bring it back and take it out again."""

from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..ops import Op
from ..recovering import ParentsGone, Part, PartsBack, Place
from .definition import ColumnDefinition, Definition, Reference, SchemaDefinition, TypeDefinition
from .names import Name, literal, quote
from .refilling import CellRefill, CellsRefilled, RefillOut, RowRefill, RowsRefilled

_MARK: Final = "rollbook {run} recovering"


def mark(run: str) -> str:
    """Give the comment that something bears while a run is bringing it back."""
    return _MARK.format(run=run)


def is_mark(comment: str | None) -> bool:
    """Say whether a comment is such a mark, of whatever run."""
    head, tail = _MARK.split("{run}")
    return comment is not None and comment.startswith(head) and comment.endswith(tail)


@dataclass(frozen=True, slots=True)
class Recovery:
    """
    What a source has and live lacks, and what is marked as being brought back, with how each of it is made.

    *rows* counts the source's rows of missing tables, *beside* names what live lacks and no recovery brings back.
    *row_refills* and *cell_refills* are there, but lack rows or cells that they can take.
    """

    types: tuple[TypeDefinition, ...]
    tables: tuple[Definition, ...]
    columns: tuple[ColumnDefinition, ...]
    begun_tables: tuple[Definition, ...]
    begun_columns: tuple[ColumnDefinition, ...]
    references: tuple[Reference, ...]
    rows: Mapping[str, int]
    beside: tuple[str, ...]
    keyless: tuple[str, ...]  # tables and columns that are to be filled, where no key tells the rows apart
    row_refills: tuple[RowRefill, ...] = ()
    cell_refills: tuple[CellRefill, ...] = ()
    untold: tuple[str, ...] = ()  # columns to be filled, of which nothing tells what their cells hold
    kept: tuple[str, ...] = ()  # what is not as in the source where nothing of it can be put back
    lacking: tuple[str, ...] = ()  # rights of the account
    account: str = ""
    schemas: tuple[SchemaDefinition, ...] = ()
    parts: tuple[Part, ...] = ()  # what tables that are filled had besides, and get again

    @property
    def altered(self) -> frozenset[str]:
        """Name the tables of live that are altered: those that columns come back to, and those pointed at anew."""
        pointed = (*self.references, *(one for table in self.tables for one in table.references))
        named = (one.table for one in (*self.columns, *self.begun_columns))
        return frozenset({str(name) for name in (*named, *(two for one in pointed for two in (one.child, one.parent)))})

    @property
    def begun(self) -> tuple[str, ...]:
        """Name what is back and not settled yet."""
        return tuple(sorted([*(str(one.name) for one in self.begun_tables), *map(str, self.begun_columns)]))

    @property
    def made(self) -> tuple[str, ...]:
        """Name what is made anew."""
        return (*(str(one.name) for one in (*self.tables, *self.begun_tables)), *map(str, self.columns))

    @property
    def fill(self) -> tuple[str, ...]:
        """Name what is there to be filled."""
        return tuple(str(one) for one in (*self.row_refills, *self.cell_refills))

    def back(self, place: Place) -> Iterator[Op]:
        """Give what brings all of it back."""
        name, source = place.target, place.source
        if self.tables:
            gone, folder = place.parents_gone, place.folder
            yield TablesBack(name, source, self.types, self.tables, gone, folder, place.run, self.schemas)
        for table in dict.fromkeys(one.table for one in self.columns):
            yield ColumnsBack(name, tuple(one for one in self.columns if one.table == table), place.run)
        if self.row_refills:
            yield RowsRefilled(name, source, self.row_refills, place.parents_gone, place.folder)
        tables = sorted((*self.tables, *self.begun_tables), key=lambda one: one.name)
        columns = sorted((*self.columns, *self.begun_columns), key=lambda one: (one.table, one.name))
        if tables or columns:
            yield SettleRecovery(name, source, tuple(tables), tuple(columns), self.references, place.folder)
        yield from (CellsRefilled(name, source, (one,), place.folder) for one in self.cell_refills)
        if self.parts:  # when all rows are there: a trigger would act on them
            yield PartsBack(name, self.parts)

    def away(self, place: Place, missing: Collection[str], unfilled: Collection[str]) -> Iterator[Op]:
        """Give what takes all of it out again, as far as it is there: *missing* and *unfilled* name what is not."""
        if {*self.fill} - {*unfilled}:
            yield RefillOut(place.target, place.source, self.row_refills, self.cell_refills, place.folder)
        if {*map(str, (*(one.name for one in self.tables), *self.columns))} - {*missing}:
            yield RecoveryOut(
                target=place.target,
                source=place.source,
                tables=tuple(one.name for one in self.tables),
                columns=tuple((one.table, one.name) for one in self.columns),
                references=self.references,
                types=tuple(one.name for one in self.types),
                schemas=tuple(one.name for one in self.schemas),
            )


@dataclass(frozen=True, slots=True)
class TablesBack(Op):
    """Make tables again and load their rows from the source, in one transaction; marked until they are settled."""

    op: ClassVar[str] = "postgres.tables_back"
    target: str
    source: str
    types: tuple[TypeDefinition, ...]
    tables: tuple[Definition, ...]
    parents_gone: ParentsGone
    folder: str
    run: str
    schemas: tuple[SchemaDefinition, ...] = ()

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        return ("BEGIN", *self._lines(), "COMMIT")

    def _lines(self) -> Iterator[str]:
        for schema in self.schemas:
            yield from schema.statements
        for made in self.types:
            yield from made.statements
        for one in self.tables:
            yield from one.before
        for one in self.tables:
            yield f"{one.loading}  -- the rows of {self.source}"
            yield from (f"SELECT setval('{name.sql}', …)  -- as in {self.source}" for name in one.sequences)
        for one in self.tables:
            yield from one.after
        for one in self.tables:
            for reference in one.references:
                yield f"{reference.statement}  -- rows whose parent is gone: {self.parents_gone}"
        yield from (f"COMMENT ON TABLE {one.name.sql} IS {literal(mark(self.run))}" for one in self.tables)


@dataclass(frozen=True, slots=True)
class ColumnsBack(Op):
    """Add columns to one table again, in one transaction; marked until their cells are back."""

    op: ClassVar[str] = "postgres.columns_back"
    target: str
    columns: tuple[ColumnDefinition, ...]
    run: str

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        return ("BEGIN", "SET LOCAL lock_timeout = '5s'  -- and again, up to ten times", *self.statements(), "COMMIT")

    def statements(self) -> tuple[str, ...]:
        """Give the statements of the transaction."""
        marks = (f"COMMENT ON COLUMN {one.sql} IS {literal(mark(self.run))}" for one in self.columns)
        return (*(one.add for one in self.columns), *marks)


@dataclass(frozen=True, slots=True)
class SettleRecovery(Op):
    """
    Fill the columns that came back, make the constraints and indexes that went with them, and take the marks away.

    Every part leaves alone what is done already, so it may be carried out twice.
    """

    op: ClassVar[str] = "postgres.settle_recovery"
    target: str
    source: str
    tables: tuple[Definition, ...]
    columns: tuple[ColumnDefinition, ...]
    references: tuple[Reference, ...]
    folder: str

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        for table, columns in self.by_table().items():
            names = ", ".join(quote(one.name) for one in columns)
            yield (
                f"UPDATE {table.sql} SET ({names}) = (…)  -- the cells of {self.source} by key, 10,000 rows a "
                "transaction, only where the cell is still as it was added"
            )
        for one in self.columns:
            yield from column_statements(one)
        yield from (f"{one.statement}  -- NOT VALID where rows point at nothing" for one in self.all_references())
        yield from (f"COMMENT ON TABLE {one.name.sql} IS {literal(one.comment)}" for one in self.tables)
        yield from (f"COMMENT ON COLUMN {one.sql} IS {literal(one.comment)}" for one in self.columns)

    def by_table(self) -> dict[Name, tuple[ColumnDefinition, ...]]:
        """Give the columns to fill, by table."""
        tables = dict.fromkeys(one.table for one in self.columns if not one.generated)
        return {
            table: tuple(one for one in self.columns if one.table == table and not one.generated) for table in tables
        }

    def all_references(self) -> tuple[Reference, ...]:
        """Give the foreign keys of the columns, and those of staying tables into the recovered ones, once each."""
        found = [*(one for column in self.columns for one in column.references), *self.references]
        return tuple(dict.fromkeys(found))


def column_statements(one: ColumnDefinition) -> Iterator[str]:
    """Give what is sent for a column once its cells are back, besides its foreign keys."""
    alter = f"ALTER TABLE {one.table.sql} ALTER COLUMN {quote(one.name)}"
    if one.later is not None:
        yield f"{alter} SET DEFAULT {one.later}"
    yield from (addition.statement for addition in one.additions)
    if one.required:
        yield f"{alter} SET NOT NULL  -- unless rows that came since have no value"


@dataclass(frozen=True, slots=True)
class RecoveryOut(Op):
    """
    Take recovered tables and columns out again, in one transaction, after looking that they are still as they came.

    Refused with `ConflictError` where somebody wrote into them since.
    """

    op: ClassVar[str] = "postgres.recovery_out"
    target: str
    source: str
    tables: tuple[Name, ...]
    columns: tuple[tuple[Name, str], ...]
    references: tuple[Reference, ...]
    types: tuple[Name, ...]
    schemas: tuple[str, ...] = ()

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        looked = f"-- first: the rows and cells must be those of {self.source}, or nothing is taken out"
        return (looked, "BEGIN", "SET LOCAL lock_timeout = '5s'", *self.statements(), "COMMIT")

    def statements(self) -> tuple[str, ...]:
        """Give the statements of the transaction."""
        names = ", ".join(one.sql for one in self.tables)
        return (
            *(f"ALTER TABLE {one.child.sql} DROP CONSTRAINT IF EXISTS {quote(one.name)}" for one in self.references),
            *(f"ALTER TABLE {table.sql} DROP COLUMN {quote(name)}" for table, name in self.columns),
            *([f"DROP TABLE {names}"] if self.tables else []),
            *(f"DROP TYPE {one.sql}" for one in reversed(self.types)),
            *(f"DROP SCHEMA {quote(name)}" for name in self.schemas),
        )
