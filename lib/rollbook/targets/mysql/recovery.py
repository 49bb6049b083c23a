"""Builds tables again from a schema that still has them, brings them in, and adds columns again."""

from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...errors import StepFailed
from ...mysql.definition import Definition, Reference
from ...mysql.names import equal, listed, literal, quote, within
from ...mysql.recovering import ColumnsIn, TableBuilt, TablesIn, mark, working_name
from ...ops import Execution, Op, OpResult
from ...recovering import PartsBack
from ...tally import tallied
from ...values import Plain
from .batches import Pace, batches
from .exporting import Kept
from .lagging import replica_lag
from .patience import altered, sent
from .session import number, run, texts
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection

_LOST: Final = (2000, 3000)  # numbers of the driver's own errors, as of a connection that is lost
_KEYS: Final = """
    SELECT constraint_name FROM information_schema.referential_constraints
    WHERE constraint_schema = DATABASE() AND table_name = %s"""
_TRIGGERS: Final = """
    SELECT trigger_name FROM information_schema.triggers
    WHERE trigger_schema = DATABASE() AND event_object_table = %s"""


def table_built(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `TableBuilt`; what a killed one left is dropped first. Raises `Interrupted`, `TargetError`."""
    if not isinstance(op, TableBuilt):
        raise target.misplaced(op)
    work, table = working_name(op.run, op.table.name), op.table
    with asked(target.name, f"building {table.name}"), closing(target.connect_mysql()) as live:
        run(live, "SET SESSION foreign_key_checks = 0")
        run(live, f"DROP TABLE IF EXISTS {quote(work)}")
        run(live, table.create(work, mark(op.run, "loading")))
        names, source = listed(table.columns), within(op.source, table.name)
        pace = Pace(live, execution, replica_lag(target, op.replica) if op.replica else None)
        for wanted in batches(live, source, table.key):
            rows = f"SELECT {listed(table.columns, 's')} FROM {source} s WHERE {wanted}"
            loaded = run(live, f"INSERT INTO {quote(work)} ({names}) {rows}")
            live.commit()
            pace.rest(loaded, f"while the rows of {table.name} were loaded")
        altered(live, work, table.finish(work, mark(op.run)))
    return OpResult({"rows": pace.done, "tally": tallied("recovered", {table.name: pace.done})})


def tables_in(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it has no good place to stop
    """Carry out a `TablesIn`; what is done already stays. Raises `StepFailed` for rows whose parent is gone."""
    if not isinstance(op, TablesIn):
        raise target.misplaced(op)
    with asked(target.name, f"bringing tables back from {op.source}"), closing(target.connect_mysql()) as live:
        kept = Kept(live, op.folder)
        adoption = _Adoption(live, op, kept)
        adoption.settle()
        for one in op.tables:
            adoption.tie(one)
        adoption.settle()  # parents that went while foreign keys were made; none can go any more
        for one in op.tables:
            _make_triggers(live, one, working_name(op.run, one.name))
        run(live, "SET SESSION foreign_key_checks = 0")
        names = [one.name for one in op.tables]
        sent(live, names, op.rename())
    return OpResult({"conflicts": kept.conflicts, "files": [one.path for one in kept.files]}, tuple(kept.files))


class _Adoption:
    """Settles rows of built tables whose parent is gone, and makes their foreign keys."""

    def __init__(self, live: "Connection", op: TablesIn, kept: Kept) -> None:
        self._live, self._op, self._kept = live, op, kept
        self._work = {one.name: working_name(op.run, one.name) for one in op.tables}

    def settle(self) -> None:
        """Settle rows until none is without its parent."""
        while broken := [(one, key) for one in self._op.tables for key in one.references if self._orphans(key)]:
            if self._op.parents_gone == "stop":
                told = (f"{self._orphans(key)} rows of {key} point at rows of {key.parent}" for _, key in broken)
                raise StepFailed(
                    f"{'; '.join(told)} that are gone",
                    advice="No table was brought in. parents_gone: settle empties such references, or leaves rows out.",
                )
            for one, key in broken:
                self._settle(one, key)

    def tie(self, one: Definition) -> None:
        """Make the foreign keys of a table; its rows were looked at, so the server need not."""
        run(self._live, "SET SESSION foreign_key_checks = 0")
        work = self._work[one.name]
        made = {row[0] for row in texts(self._live, _KEYS, (work,))}
        for key in one.references:
            if key.name not in made:
                statement = key.statement(work, self._work.get(key.parent, key.parent))
                sent(self._live, (work, key.parent), statement)
        run(self._live, "SET SESSION foreign_key_checks = 1")

    def _orphaned(self, key: Reference) -> str:
        """Say that the row `c` of the child points at nothing."""
        pairs = zip(key.columns, key.parent_columns, strict=True)
        filled = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in key.columns)
        same = " AND ".join(f"p.{quote(theirs)} = c.{quote(name)}" for name, theirs in pairs)
        parent = quote(self._work.get(key.parent, key.parent))
        return f"{filled} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {same})"

    def _orphans(self, key: Reference) -> int:
        return number(self._live, f"SELECT COUNT(*) FROM {quote(self._work[key.child])} c WHERE {self._orphaned(key)}")

    def _settle(self, one: Definition, key: Reference) -> None:
        work = quote(self._work[one.name])
        query = f"SELECT c.* FROM {work} c WHERE {self._orphaned(key)}"
        self._kept.tell(f"rows of {one.name} whose parent is gone", ("parents-gone", str(key)), query)
        # The rows first, then the change: a table that is changed cannot be looked at in the same statement.
        rows = "rb_orphans"
        run(self._live, f"DROP TEMPORARY TABLE IF EXISTS {rows}")
        names = one.key or one.columns
        run(
            self._live,
            f"CREATE TEMPORARY TABLE {rows} AS SELECT {listed(names, 'c')} FROM {work} c WHERE {self._orphaned(key)}",
        )
        on = (
            equal(names, "c", "o")
            if one.key
            else " AND ".join(f"c.{quote(name)} <=> o.{quote(name)}" for name in names)
        )
        run(self._live, "SET SESSION foreign_key_checks = 0")
        if key.nullable:
            cells = ", ".join(f"c.{quote(name)} = NULL" for name in key.columns)
            run(self._live, f"UPDATE {work} c JOIN {rows} o ON {on} SET {cells}")
        else:
            run(self._live, f"DELETE c FROM {work} c JOIN {rows} o ON {on}")
        run(self._live, "SET SESSION foreign_key_checks = 1")
        self._live.commit()


def _make_triggers(live: "Connection", one: Definition, work: str) -> None:
    made = {row[0] for row in texts(live, _TRIGGERS, (work,))}
    mode = texts(live, "SELECT @@SESSION.sql_mode")[0][0]
    for trigger in one.triggers:
        if trigger.name not in made:
            run(live, f"SET SESSION sql_mode = {literal(trigger.mode)}")
            run(live, trigger.statement.replace("{}", quote(work), 1))
            run(live, f"SET SESSION sql_mode = {literal(mode)}")


def parts_back(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes no time
    """Carry out a `PartsBack`; what is refused is told. Raises `TargetError`."""
    import pymysql

    if not isinstance(op, PartsBack):
        raise target.misplaced(op)
    unsettled: list[Plain] = []
    with asked(target.name, "making again what tables had"), closing(target.connect_mysql()) as live:
        for one in op.parts:
            try:
                sent(live, (one.table,), one.statement)
            except pymysql.err.MySQLError as error:
                if error.args[0] in range(*_LOST):
                    raise
                unsettled.append(f"{one.statement}: {error.args[-1]}")
    return OpResult({"unsettled": unsettled})


def columns_in(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes no time
    """Carry out a `ColumnsIn`, waiting a little for others' locks, again and again. Raises `TargetError`."""
    if not isinstance(op, ColumnsIn):
        raise target.misplaced(op)
    with asked(target.name, "adding columns"), closing(target.connect_mysql()) as live:
        altered(live, op.columns[0].table, op.statement())
    return OpResult()
