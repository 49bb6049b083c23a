"""What is to be recovered from a schema that still has it, and the ops that bring it back and take it out again."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..ops import Op
from ..recovering import ParentsGone, Part, PartsBack, Place
from .definition import ColumnDefinition, Definition, Reference
from .names import listed, literal, quote, within
from .refilling import CellRefill, CellsRefilled, RefillOut, RowRefill, RowsRefilled

FILLING: Final = "rbfill"

_MARK: Final = "rollbook {run} {state}"
_LONGEST: Final = 64
_LOCKS: Final = "SET SESSION lock_wait_timeout = 5  -- and again, up to ten times"


def mark(run: str, state: str = "recovering") -> str:
    """Give the comment that something bears while a run is bringing it back."""
    return _MARK.format(run=run, state=state)


def marked_by(comment: str, state: str = "recovering") -> str | None:
    """Give the run whose mark a comment is; None for others."""
    head, tail = _MARK.format(run="\n", state=state).split("\n")
    marked = comment.startswith(head) and comment.endswith(tail) and len(comment) > len(head) + len(tail)
    return comment[len(head) : len(comment) - len(tail)] if marked else None


def working_name(run: str, table: str, tag: str = "rb") -> str:
    """Name a table while it is being built, or while rows for it are beside; a name has 64 letters at most."""
    tail = f"_{tag}_{run}"
    room = _LONGEST - len(tail)
    if len(table) > room:
        table = f"{table[: room - 9]}_{sha256(table.encode()).hexdigest()[:8]}"
    return f"{table}{tail}"


@dataclass(frozen=True, slots=True)
class MysqlRecovery:
    """
    What a source has and live lacks, and what is marked as being brought back, with how each of it is made.

    *built* are whole, but not in their place yet. *rows* counts the source's rows of missing tables, *beside* names
    what live lacks and no recovery brings back. *row_refills* and *cell_refills* are there, but lack rows or cells.
    """

    tables: tuple[Definition, ...]
    columns: tuple[ColumnDefinition, ...]
    built: tuple[Definition, ...]
    begun_tables: tuple[Definition, ...]
    begun_columns: tuple[ColumnDefinition, ...]
    references: tuple[Reference, ...]
    rows: Mapping[str, int]
    beside: tuple[str, ...]
    keyless: tuple[str, ...]
    row_refills: tuple[RowRefill, ...]
    cell_refills: tuple[CellRefill, ...]
    untold: tuple[str, ...] = ()  # columns to be filled, of which nothing tells what their cells hold
    kept: tuple[str, ...] = ()  # what is not as in the source where nothing of it can be put back
    lacking: tuple[str, ...] = ()  # rights of the account
    account: str = ""
    parts: tuple[Part, ...] = ()  # what tables that are filled had besides, and get again

    @property
    def begun(self) -> tuple[str, ...]:
        """Name what is built or back, and not settled yet."""
        return tuple(sorted([*(one.name for one in (*self.built, *self.begun_tables)), *map(str, self.begun_columns)]))

    @property
    def made(self) -> tuple[str, ...]:
        """Name what is made anew."""
        return (*(one.name for one in (*self.tables, *self.built)), *map(str, self.columns))

    @property
    def fill(self) -> tuple[str, ...]:
        """Name what is there to be filled."""
        return tuple(str(one) for one in (*self.row_refills, *self.cell_refills))

    def back(self, place: Place) -> Iterator[Op]:
        """Give what brings all of it back: as many ops as the server has to be asked, for DDL does not roll back."""
        name, source = place.target, place.source
        yield from (TableBuilt(name, source, one, place.run, place.replica) for one in self.tables)
        coming = tuple(sorted((*self.tables, *self.built), key=lambda one: one.name))
        if coming:
            yield TablesIn(name, source, coming, place.parents_gone, place.folder, place.run)
        for table in dict.fromkeys(one.table for one in self.columns):
            yield ColumnsIn(name, tuple(one for one in self.columns if one.table == table), place.run)
        if self.row_refills:
            yield RowsRefilled(
                name, source, self.row_refills, place.parents_gone, place.folder, place.run, place.replica
            )
        columns = sorted((*self.columns, *self.begun_columns), key=lambda one: (one.table, one.name))
        for table in dict.fromkeys(one.table for one in columns):
            mine = tuple(one for one in columns if one.table == table)
            yield ColumnsSettled(name, source, mine, place.folder, place.replica)
        for one in sorted((*coming, *self.begun_tables), key=lambda one: one.name):
            yield TableSettled(name, one, tuple(key for key in self.references if key.parent == one.name))
        yield from (CellsRefilled(name, source, (one,), place.folder, place.replica) for one in self.cell_refills)
        if self.parts:
            yield PartsBack(name, self.parts)

    def away(self, place: Place, missing: Collection[str], unfilled: Collection[str]) -> Iterator[Op]:
        """Give what takes all of it out again, as far as it is there: *missing* and *unfilled* name what is not."""
        if {*self.fill} - {*unfilled}:
            yield RefillOut(place.target, place.source, self.row_refills, self.cell_refills, place.folder)
        looked = (
            tuple(one.name for one in (*self.tables, *self.built)),
            tuple((one.table, one.name) for one in self.columns),
        )
        for table in dict.fromkeys(one.table for one in self.columns):
            mine = [one for one in self.columns if one.table == table]
            if {*map(str, mine)} - {*missing}:
                keys = tuple(dict.fromkeys(key for one in mine for key in one.references))
                parts = dict.fromkeys(part for one in mine for part in one.additions)
                checks = tuple(part.name for part in parts if part.is_check)
                # The server lets no column go of which a unique index over others as well is in the way.
                indexes = tuple(part.name for part in parts if part.is_unique)
                yield RecoveryOut(place.target, place.source, *looked, keys, checks, indexes, table)
        if {*looked[0]} - {*missing}:
            staying = tuple(one for one in self.references if one.child not in looked[0])
            yield RecoveryOut(place.target, place.source, *looked, staying, (), (), "")


@dataclass(frozen=True, slots=True)
class TableBuilt(Op):
    """Make a table again under a working name, and load its rows from the source; begun anew after a crash."""

    op: ClassVar[str] = "mysql.table_built"
    target: str
    source: str
    table: Definition
    run: str
    replica: str = ""

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        work, names = working_name(self.run, self.table.name), listed(self.table.columns)
        return (
            f"DROP TABLE IF EXISTS {quote(work)}",
            self.table.create(work, mark(self.run, "loading")),
            f"INSERT INTO {quote(work)} ({names}) SELECT … FROM {within(self.source, self.table.name)}  -- in batches",
            self.table.finish(work, mark(self.run)),
        )


@dataclass(frozen=True, slots=True)
class TablesIn(Op):
    """Settle rows of built tables whose parent is gone, make foreign keys and triggers, and rename all in at once."""

    op: ClassVar[str] = "mysql.tables_in"
    target: str
    source: str
    tables: tuple[Definition, ...]
    parents_gone: ParentsGone
    folder: str
    run: str

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        work = {one.name: working_name(self.run, one.name) for one in self.tables}
        yield _LOCKS
        for one in self.tables:
            for key in one.references:
                made = key.statement(work[one.name], work.get(key.parent, key.parent))
                yield f"{made}  -- rows whose parent is gone: {self.parents_gone}"
            yield from (trigger.statement.format(quote(work[one.name])) for trigger in one.triggers)
        yield self.rename()

    def rename(self) -> str:
        """Give what brings the tables to their place."""
        pairs = (f"{quote(working_name(self.run, one.name))} TO {quote(one.name)}" for one in self.tables)
        return f"RENAME TABLE {', '.join(pairs)}"


@dataclass(frozen=True, slots=True)
class ColumnsIn(Op):
    """Add columns to one table again, in one statement; marked until their cells are back."""

    op: ClassVar[str] = "mysql.columns_in"
    target: str
    columns: tuple[ColumnDefinition, ...]
    run: str

    def render(self) -> tuple[str, ...]:
        """Give the statement as it will be sent."""
        return (_LOCKS, f"{self.statement()}, ALGORITHM=INSTANT  -- as it can where it cannot at once")

    def statement(self) -> str:
        """Give the statement."""
        parts = (one.add(mark(self.run)) for one in self.columns)
        return f"ALTER TABLE {quote(self.columns[0].table)} {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class ColumnsSettled(Op):
    """
    Fill a table's columns that came back, make the indexes and keys that went with them; their marks go at the end.

    Every part leaves alone what is done already, so it may be carried out twice.
    """

    op: ClassVar[str] = "mysql.columns_settled"
    target: str
    source: str
    columns: tuple[ColumnDefinition, ...]
    folder: str
    replica: str = ""

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent, batches as one."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        table = quote(self.columns[0].table)
        names = ", ".join(f"t.{quote(one.name)} = s.{quote(one.name)}" for one in self.filled())
        if names:
            yield (
                f"UPDATE {table} t JOIN {within(self.source, self.columns[0].table)} s ON"
                f" {', '.join(self.columns[0].key)} SET {names}  -- 10,000 rows a transaction, only where the cell is"
                " still as it was added"
            )
        for one in self.columns:
            yield from (f"ALTER TABLE {table} ADD {part.definition}" for part in one.additions)
            yield from (
                f"{key.statement()}  -- also where rows point at nothing, which is told" for key in one.references
            )
        modified = ", ".join(f"MODIFY COLUMN {quote(one.name)} {one.definition}" for one in self.columns)
        yield f"ALTER TABLE {table} {modified}  -- NOT NULL unless rows that came since have no value"

    def filled(self) -> tuple[ColumnDefinition, ...]:
        """Give the columns whose cells come from the source."""
        return tuple(one for one in self.columns if not one.generated)


@dataclass(frozen=True, slots=True)
class TableSettled(Op):
    """Make the foreign keys that point at a table which came back, where they are missing, and take its mark away."""

    op: ClassVar[str] = "mysql.table_settled"
    target: str
    table: Definition
    references: tuple[Reference, ...]

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent."""
        keys = (f"{one.statement()}  -- also where rows point at nothing, which is told" for one in self.references)
        return (*keys, self.unmark())

    def unmark(self) -> str:
        """Give the table its own comment."""
        return f"ALTER TABLE {quote(self.table.name)} COMMENT = {literal(self.table.comment)}"


@dataclass(frozen=True, slots=True)
class RecoveryOut(Op):
    """
    Take one table's columns out again, or all recovered tables, after looking that all of it is still as it came.

    *tables* and *columns* are everything that is looked at, as far as it is there; *drops* says what goes now: the
    columns of that table, or with an empty text the tables. *references*, *checks* and *indexes* go before.
    Refused with `ConflictError` where somebody wrote since.
    """

    op: ClassVar[str] = "mysql.recovery_out"
    target: str
    source: str
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]
    checks: tuple[str, ...]
    indexes: tuple[str, ...]
    drops: str

    def render(self) -> tuple[str, ...]:
        """Give the statements as they will be sent."""
        return (f"-- first: the rows and cells must be those of {self.source}, or nothing is taken out", *self._lines())

    def _lines(self) -> Iterator[str]:
        yield _LOCKS
        yield from (one for _, one in self.statements())

    def statements(self) -> Iterator[tuple[str, str]]:
        """Give the statements, each with its table; foreign keys go first where they are there."""
        for one in self.references:
            yield one.child, f"ALTER TABLE {quote(one.child)} DROP FOREIGN KEY {quote(one.name)}"
        if self.drops:
            parts = [f"DROP CONSTRAINT {quote(name)}" for name in self.checks]
            parts += [f"DROP INDEX {quote(name)}" for name in self.indexes]
            parts += [f"DROP COLUMN {quote(name)}" for table, name in self.columns if table == self.drops]
            yield self.drops, f"ALTER TABLE {quote(self.drops)} {', '.join(parts)}"
        else:
            yield self.tables[0], f"DROP TABLE IF EXISTS {listed(self.tables)}"
