"""Fills columns that came back, and makes what went with them: in small transactions, each of which may be repeated."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, TargetError
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog
from ...postgres.definition import ColumnDefinition, Reference
from ...postgres.names import Name, equal, listed, literal, quote
from ...postgres.passes import Exported
from ...postgres.recovering import SettleRecovery
from ...postgres.shape import shape
from ...tally import tallied
from ...values import Plain
from ..snapshots.rowfile import batched
from .catalog import read_catalog
from .exporting import CELLS_OF, Exports
from .put_in import PutIn
from .recovery import exported, file_name, patiently, run, told
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_BATCH: Final = 10_000
_ROOM: Final = 1 << 25  # bytes of long rows that are a batch already
_LAG: Final = 10.0  # seconds that a standby may be behind before the filling waits for it
_LAGGING: Final = "SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_catalog.pg_stat_replication"
_THERE: Final = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %(table)s::regclass AND conname = %(name)s)
        OR EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                   WHERE i.indrelid = %(table)s::regclass AND c.relname = %(name)s)"""


def settle_recovery(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `SettleRecovery`; what was done before stays done. Raises `TargetError`, `Interrupted`."""
    if not isinstance(op, SettleRecovery):
        raise target.misplaced(op)
    doing = asked(f"settling what came back from {op.source}")
    with doing, closing(target.connect(op.source, reading=True)) as source, closing(target.connect()) as live:
        filler = Filler(live, source, op.folder, execution)
        for table, columns in op.by_table().items():
            filler.fill(table, columns)
        settled = _Settler(live)
        for column in op.columns:
            settled.column(column)
        for reference in op.all_references():
            settled.reference(reference)
        run(live, [f"COMMENT ON TABLE {one.name.sql} IS {literal(one.comment)}" for one in op.tables])
        run(live, [f"COMMENT ON COLUMN {one.sql} IS {literal(one.comment)}" for one in op.columns])
        live.commit()
    return told({**filler.outputs(), "unsettled": settled.unsettled}, filler.files)


class Filler:
    """Fills the columns of one table after the other from the source, by key."""

    def __init__(self, live: "Connection", source: "Connection", folder: str, execution: Execution) -> None:
        self._live, self._source, self._folder, self._execution = live, source, folder, execution
        self.ours: Catalog = read_catalog(live)
        self._theirs: Catalog = read_catalog(source)
        live.rollback()
        self.cells = self.conflicts = self.rowless = 0
        self._smooth = True  # no batch of this table had a cell without its place yet
        self.files: list[Exported] = []
        self._filled: dict[str, int] = {}

    def outputs(self) -> dict[str, Plain]:
        """Tell what was filled, column by column, and what was left."""
        counts = {"cells": self.cells, "conflicts": self.conflicts, "rowless": self.rowless}
        return {**counts, "tally": tallied("recovered", self._filled)}

    def fill(
        self,
        table: Name,
        columns: Sequence[ColumnDefinition],
        *,
        guards: Sequence[str] = (),
        put_in: PutIn | None = None,
    ) -> None:
        """
        Fill the columns of *table*, a batch a transaction; cells that somebody wrote into since stay.

        Those are told in a file, and so are the cells of rows that are not there any more.

        *guards* are queries of the keys of `cells` that have no place, and are refused. *put_in* takes the keys of
        the rows that are filled.
        """
        ours, theirs = self.ours.tables[table], self._theirs.tables[table]
        key = shape(theirs, ours, theirs, decided=True).key
        if not key:
            raise TargetError(
                f"{table} has no key, so nothing tells which cell belongs to which row",
                advice="Give the table a primary key on both sides, or recover the column by hand.",
            )
        names = tuple(one.name for one in columns)
        before = self.cells
        self._smooth = not guards and len(columns) == 1  # of several cells of a row one may have its place alone
        self._live.execute(
            f"CREATE TEMP TABLE cells AS SELECT {listed((*key, *names))} FROM {ours.relation} WITH NO DATA".encode()
        )
        run(self._live, ["CREATE TEMP TABLE refused (LIKE cells)", "CREATE TEMP TABLE rowless (LIKE cells)"])
        self._live.commit()
        update, refused = _update(table, key, columns), _refused(table, key, columns)
        if put_in is not None:
            update = f"COPY ({update} RETURNING {listed(key, 't')}) TO STDOUT"
        wanted = "" if any(one.default is not None for one in columns) else f" WHERE {_any_filled(names)}"
        given = f"COPY (SELECT {listed((*key, *names))} FROM {theirs.relation}{wanted}) TO STDOUT"
        with self._source.cursor().copy(given.encode()) as copy:
            for batch in batched(map(bytes, copy), _ROOM, _BATCH):
                self._batch(table, batch, (_rowless(table, key), *_guarded(key, guards), refused), update, put_in)
        self._filled |= {f"{table}.{name}": self.cells - before for name in names}
        self.conflicts += self._tell(table, names, "refused", "kept", "somebody wrote into them since")
        self.rowless += self._tell(table, names, "rowless", "without-row", "their rows are gone")
        self._live.execute("DROP TABLE cells, refused, rowless")
        self._live.commit()

    def _batch(
        self, table: Name, batch: Sequence[bytes], before: Sequence[str], update: str, put_in: PutIn | None
    ) -> None:
        def change() -> None:
            # A batch's rows lie together, so looking them up costs less than the planner thinks.
            self._live.execute("SET LOCAL random_page_cost = 1.1")
            self._live.execute("TRUNCATE cells")
            with self._live.cursor().copy("COPY cells FROM STDIN") as copy:
                copy.write(b"".join(batch))
            # Nobody else counts a temporary table's rows, and a join planned on none of them takes minutes.
            self._live.execute("ANALYZE cells")
            with quiet(self._live, table, self.ours):
                self._smooth = self._smooth and self._fills_all(update, put_in, len(batch))
            if not self._smooth:
                run(self._live, before)
                with quiet(self._live, table, self.ours):
                    self._fill(update, put_in)

        patiently(self._live, (table,), change)
        self._execution.progress(self.cells, None, "rows")
        if self._execution.stopping():
            raise Interrupted(
                f"stopped while {table} was filled; what was filled stays, and the rest follows on resume"
            )
        while self._lag() > _LAG and not self._execution.stopping():
            time.sleep(1)

    def _fills_all(self, update: str, put_in: PutIn | None, count: int) -> bool:
        """Fill *count* cells where each has its place, as nearly all have, and need not be looked up; else nothing."""
        before = self.cells
        self._live.execute("SAVEPOINT batch")
        self._fill(update, put_in)
        if self.cells - before == count:
            return True
        self.cells = before
        self._live.execute("ROLLBACK TO SAVEPOINT batch")
        return False

    def _fill(self, update: str, put_in: PutIn | None) -> None:
        if put_in is None:
            self.cells += self._live.execute(update.encode()).rowcount
            return
        with put_in.adding() as write, self._live.cursor() as cursor:
            with cursor.copy(update.encode()) as copy:
                for piece in copy:
                    write(bytes(piece))
            self.cells += cursor.rowcount

    def _lag(self) -> float:
        row = self._live.execute(_LAGGING).fetchone()
        self._live.rollback()
        return float(row[0]) if row else 0.0

    def _tell(self, table: Name, names: Sequence[str], relation: str, how: str, why: str) -> int:
        """Write down what could not be filled, if there is any; gives how many rows that is."""
        (count,) = self._live.execute(f"SELECT count(*) FROM {relation}".encode()).fetchone() or (0,)
        if count:
            made = Exports(Path(self._folder)).add(
                f"{CELLS_OF}{table}: {why}, these are the source's",
                file_name(f"cells-{how}", str(table), *names),
                exported(self._live, f"SELECT * FROM {relation}"),
            )
            self.files.append(made)
        return int(count)


def _any_filled(names: Sequence[str]) -> str:
    # IS NOT NULL would say no of a composite value of which a part is null.
    return " OR ".join(f"{quote(name)} IS DISTINCT FROM NULL" for name in names)


def _left(one: ColumnDefinition) -> str:
    """Say that a cell of `t` is as it was added. Texts are compared: not every type has an equality."""
    return f"t.{quote(one.name)}::text IS NOT DISTINCT FROM ({one.default or 'NULL'})::text"


def _update(table: Name, key: Sequence[str], columns: Sequence[ColumnDefinition]) -> str:
    cells = ", ".join(
        f"{quote(one.name)} = CASE WHEN {_left(one)} THEN c.{quote(one.name)} ELSE t.{quote(one.name)} END"
        for one in columns
    )
    differs = " OR ".join(
        f"({_left(one)} AND t.{quote(one.name)}::text IS DISTINCT FROM c.{quote(one.name)}::text)" for one in columns
    )
    return f"UPDATE {table.sql} t SET {cells} FROM cells c WHERE {equal(key, 't', 'c')} AND {_unforeseen(differs)}"


def _refused(table: Name, key: Sequence[str], columns: Sequence[ColumnDefinition]) -> str:
    kept = " OR ".join(
        f"(NOT {_left(one)} AND t.{quote(one.name)}::text IS DISTINCT FROM c.{quote(one.name)}::text)"
        for one in columns
    )
    joined = f"cells c JOIN {table.sql} t ON {equal(key, 't', 'c')}"
    return f"INSERT INTO refused SELECT c.* FROM {joined} WHERE {_unforeseen(kept)}"


def _rowless(table: Name, key: Sequence[str]) -> str:
    there = f"SELECT FROM {table.sql} t WHERE {equal(key, 't', 'c')}"
    return f"INSERT INTO rowless SELECT c.* FROM cells c WHERE NOT EXISTS ({there})"


def _guarded(key: Sequence[str], guards: Sequence[str]) -> Iterator[str]:
    for query in guards:
        yield f"INSERT INTO refused SELECT c.* FROM cells c JOIN ({query}) g ON {equal(key, 'c', 'g')}"
        yield f"DELETE FROM cells c USING refused g WHERE {equal(key, 'c', 'g')}"


def _unforeseen(condition: str) -> str:
    """
    Keep a condition from the planner's guesses: that a cell of a new column is NULL it takes for rare.

    It would go through the whole table first, expecting a handful of rows, and look for each one's among the cells.
    """
    return f"CASE WHEN {condition} THEN true ELSE false END"


@contextmanager
def quiet(live: "Connection", table: Name, catalog: Catalog) -> Iterator[None]:
    """Keep the users' triggers and rules from acting: what they did when the cells were written is in the cells."""
    concerned = [one for one in catalog.triggers if one.relation == table and one.enabled in "OA"]
    for one in concerned:
        live.execute(one.disable().encode())
    yield
    if concerned:  # a table of which foreign keys are still to be checked cannot be altered
        live.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for one in concerned:
        live.execute(one.enable().encode())


class _Settler:
    """Makes constraints, indexes and defaults where they are missing; *unsettled* tells what rows forbid."""

    def __init__(self, live: "Connection") -> None:
        self._live = live
        self.unsettled: list[str] = []

    def column(self, one: ColumnDefinition) -> None:
        """Make what belongs to a column, besides its foreign keys."""
        alter = f"ALTER TABLE {one.table.sql} ALTER COLUMN {quote(one.name)}"
        if one.later is not None:
            self._change((one.table,), f"{alter} SET DEFAULT {one.later}", str(one))
        for addition in one.additions:
            if not self._there(addition.table, addition.name):
                self._change((addition.table,), addition.statement, f"{addition.table}.{addition.name}")
        if one.required:
            self._change((one.table,), f"{alter} SET NOT NULL", f"{one} NOT NULL")

    def reference(self, one: Reference) -> None:
        """Make a foreign key; where rows point at nothing, it holds for new rows only."""
        if self._there(one.child, one.name):
            return
        both = (one.child, one.parent)
        if not self._change(both, one.statement, f"{one} for rows that are there"):
            self._change(both, f"{one.statement} NOT VALID", str(one))

    def _there(self, table: Name, name: str) -> bool:
        row = self._live.execute(_THERE, {"table": table.sql, "name": name}).fetchone()
        self._live.rollback()
        return bool(row and row[0])

    def _change(self, tables: Sequence[Name], statement: str, what: str) -> bool:
        from psycopg import IntegrityError

        try:
            patiently(self._live, tables, lambda: run(self._live, [statement]))
        except IntegrityError as error:
            self._live.rollback()
            self.unsettled.append(f"{what}: {error.diag.message_primary}")
            return False
        return True
