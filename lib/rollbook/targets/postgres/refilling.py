"""Puts the rows that tables lack back into them, from a database that still has them, in one transaction."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, StepFailed
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog, ForeignKey, Table
from ...postgres.names import beside_parameters, equal, listed, quote
from ...postgres.passes import Exported
from ...postgres.refilling import RowRefill, RowsRefilled, circular, keys_over, parentless
from ...tally import tallied
from ..snapshots.rowfile import batched
from .catalog import read_catalog
from .exporting import ROWS_OF, Exports
from .put_in import PutIn
from .recovery import exported, file_name, lock, run, told
from .refillable import clashes
from .sequences import advance_sequences
from .settling import quiet
from .wording import worded

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_AGAIN: Final = 3
_SEQUENCES: Final = "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)"
_AHEAD: Final = """
    SELECT pg_catalog.setval(%s::regclass, greatest(m.most, s.last_value), CASE WHEN m.most >= s.last_value THEN true
        ELSE s.is_called END) FROM (SELECT max({name}) AS most FROM {table}) m, {sequence} s WHERE m.most IS NOT NULL"""


def refill_rows(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `RowsRefilled`: all of it, or nothing. Raises `StepFailed` for rows whose parent is gone."""
    if not isinstance(op, RowsRefilled):
        raise target.misplaced(op)
    with worded(f"putting rows of {op.source} back", into="live"):
        work = _refilled(target, op, execution)
    outputs = {"rows": sum(work.rows.values()), "conflicts": work.conflicts, "tally": tallied("recovered", work.rows)}
    return told(outputs, work.files)


def _refilled(target: "PostgresTarget", op: RowsRefilled, execution: Execution, again: int = _AGAIN) -> "_Refill":
    """Do it, and anew where somebody deleted a parent, or took a unique value, after that was looked at."""
    import psycopg

    with closing(target.connect(op.source, reading=True)) as source, closing(target.connect()) as live:
        work = _Refill(live, source, op)
        for one in op.tables:
            work.stage(one, execution)
        work.adopt()
        try:
            work.insert()
            advance_sequences(live, work.ours, read_catalog(source))
            live.commit()
        except psycopg.IntegrityError:
            if not again:
                raise
        else:
            return work
    return _refilled(target, op, execution, again - 1)


class _Refill:
    """Stages what the source has, leaves out what has no place, and inserts the rest."""

    def __init__(self, live: "Connection", source: "Connection", op: RowsRefilled) -> None:
        self._live, self._source, self._op = live, source, op
        self.ours: Catalog = read_catalog(live)
        self._theirs: Catalog = read_catalog(source)
        self._staged = {one.table: f"pg_temp.staged_{at}" for at, one in enumerate(op.tables)}
        self.rows: dict[str, int] = {}
        self.conflicts = 0
        self.files: list[Exported] = []

    def stage(self, one: RowRefill, execution: Execution) -> None:
        """Load the source's rows of a table, and leave those that live has; rows that differ are told."""
        table, staged, names = self.ours.tables[one.table], self._staged[one.table], listed(one.columns)
        bare = staged.removeprefix("pg_temp.")
        run(self._live, [f"CREATE TEMP TABLE {bare} (LIKE {one.table.sql} INCLUDING GENERATED INCLUDING DEFAULTS)"])
        given = f"COPY (SELECT {names} FROM {self._theirs.tables[one.table].relation}) TO STDOUT"
        loaded = 0
        with (
            self._source.cursor().copy(given.encode()) as read,
            self._live.cursor().copy(f"COPY {staged} ({names}) FROM STDIN".encode()) as write,
        ):
            for some in batched(map(bytes, read)):
                write.write(b"".join(some))
                loaded += len(some)
                execution.progress(loaded, None, "rows")
                if execution.stopping():
                    raise Interrupted(f"stopped while the rows of {one} were loaded; nothing of it was kept")
        run(self._live, [f"CREATE INDEX ON {staged} ({listed(one.key)})", f"ANALYZE {staged}"])
        there = f"{staged} s JOIN {table.relation} t ON {equal(one.key, 's', 't')}"
        differs = " OR ".join(f"s.{quote(name)}::text IS DISTINCT FROM t.{quote(name)}::text" for name in one.compared)
        if one.compared:
            self._tell(one, "rows-changed", f"SELECT {_sides(one)} FROM {there} WHERE {differs}")
        run(self._live, [f"DELETE FROM {staged} s USING {table.relation} t WHERE {equal(one.key, 's', 't')}"])
        for query in clashes(table, one, one.columns, staged):
            self._leave_out(one, "rows-taken", query)

    def adopt(self) -> None:
        """Settle rows whose parent is gone, until none is left."""
        while broken := [
            (one, key) for one in self._op.tables for key in self._keys(one) if self._count(self._orphans(one, key))
        ]:
            if self._op.parents_gone == "stop":
                gone = (
                    f"{self._count(self._orphans(one, key))} rows of {one} point at rows of {key.parent}"
                    for one, key in broken
                )
                raise StepFailed(
                    f"{'; '.join(gone)} that are gone",
                    advice="Nothing was put back. parents_gone: settle empties such references, or leaves rows out.",
                )
            for one, key in broken:
                self._settle(one, key)

    def insert(self) -> None:
        """Insert what is left, the users' triggers quiet, and write the keys down before they are committed."""
        tables = [one.table for one in self._op.tables]
        loosened = circular(self.ours, tables)
        lock(self._live, tables, self.ours, whole=bool(loosened))
        with ExitStack() as stack:
            for one in self._op.tables:
                stack.enter_context(quiet(self._live, one.table, self.ours))
            run(self._live, [f"{alter} DEFERRABLE INITIALLY DEFERRED" for alter in loosened])
            run(self._live, ["SET CONSTRAINTS ALL DEFERRED"])
            for one in self._op.tables:
                self._insert(one)
            # What the catalog could not tell is refused here; and tables with checks ahead cannot be altered back.
            run(self._live, ["SET CONSTRAINTS ALL IMMEDIATE", *(f"{alter} NOT DEFERRABLE" for alter in loosened)])

    def _insert(self, one: RowRefill) -> None:
        names, staged = listed(one.columns), self._staged[one.table]
        put = f"INSERT INTO {one.table.sql} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {staged}"
        self.rows[str(one)] = self._live.execute(put.encode()).rowcount
        given = f"COPY (SELECT {listed(one.key)} FROM {staged}) TO STDOUT"
        with PutIn(self._op.folder, str(one)).adding() as write, self._live.cursor().copy(given.encode()) as copy:
            for piece in copy:
                write(bytes(piece))
        for name in one.columns:
            self._advance(self.ours.tables[one.table], name)

    def _advance(self, table: Table, name: str) -> None:
        found = self._live.execute(_SEQUENCES, (table.name.sql, name)).fetchone()
        if found and found[0]:
            of, relation, sequence = map(beside_parameters, (quote(name), table.relation, found[0]))
            query = _AHEAD.format(name=of, table=relation, sequence=sequence)
            self._live.execute(query.encode(), (found[0],))

    def _keys(self, one: RowRefill) -> tuple[ForeignKey, ...]:
        return keys_over(self.ours, self.ours.tables[one.table], one.columns)

    def _orphans(self, one: RowRefill, key: ForeignKey) -> str:
        parents = [self.ours.tables[key.parent].relation]
        if key.parent in self._staged:
            parents.append(self._staged[key.parent])
        return f"SELECT {listed(one.key, 's')} FROM {self._staged[one.table]} s WHERE {parentless(key, 's', parents)}"

    def _settle(self, one: RowRefill, key: ForeignKey) -> None:
        query, empty = self._orphans(one, key), self.ours.nullable(key)
        if not empty:
            self._leave_out(one, f"parents-gone-{key.name}", query)
            return
        self._tell(one, f"parents-gone-{key.name}", self._of(one, query))
        cells = ", ".join(f"{quote(name)} = NULL" for name in empty)
        staged = self._staged[one.table]
        run(self._live, [f"UPDATE {staged} u SET {cells} FROM ({query}) o WHERE {equal(one.key, 'u', 'o')}"])

    def _leave_out(self, one: RowRefill, why: str, query: str) -> None:
        staged = self._staged[one.table]
        run(self._live, [f"CREATE TEMP TABLE out ON COMMIT DROP AS {query}"])
        self._tell(one, why, self._of(one, "SELECT * FROM pg_temp.out"))
        run(self._live, [f"DELETE FROM {staged} u USING pg_temp.out o WHERE {equal(one.key, 'u', 'o')}"])
        run(self._live, ["DROP TABLE pg_temp.out"])

    def _of(self, one: RowRefill, query: str) -> str:
        chosen = f"{self._staged[one.table]} s JOIN ({query}) o ON {equal(one.key, 's', 'o')}"
        return f"SELECT {listed(one.columns, 's')} FROM {chosen}"

    def _tell(self, one: RowRefill, why: str, query: str) -> None:
        """Write rows down that have no place, if there are any."""
        found = self._count(query)
        if not found:
            return
        self.conflicts += found
        again = [file for file in self.files if Path(file.path).name.startswith(f"{why}-{one}")]
        name = file_name(why, str(one), *([str(len(again) + 1)] if again else []))
        made = Exports(Path(self._op.folder)).add(f"{ROWS_OF}{one}: {why}", name, exported(self._live, query))
        self.files.append(made)

    def _count(self, query: str) -> int:
        row = self._live.execute(f"SELECT count(*) FROM ({query}) q".encode()).fetchone()
        return row[0] if row else 0


def _sides(one: RowRefill) -> str:
    both = ", ".join(
        f"s.{quote(name)} AS {quote(f'{name} there')}, t.{quote(name)} AS {quote(f'{name} here')}"
        for name in one.compared
    )
    return f"{listed(one.key, 's')}, {both}"
