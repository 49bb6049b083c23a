"""Puts rows back into tables that lack them, from a schema that still has them; done again after a kill."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import StepFailed
from ...mysql.catalog import Catalog, ForeignKey
from ...mysql.comparing import parentless, same, sortable, taken, there, uniques_over
from ...mysql.names import equal, listed, literal, quote, within
from ...mysql.recovering import FILLING, mark, working_name
from ...mysql.refilling import RowRefill, RowsRefilled
from ...ops import Execution, Op, OpResult
from ...tally import tallied
from ..postgres.put_in import PutIn
from .batches import Pace, batches
from .catalog import read_catalog
from .exporting import Kept
from .lagging import replica_lag
from .patience import altered, patiently
from .put_in import write_keys
from .session import number, run
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection


def refill_rows(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `RowsRefilled`; rows that are in stay. Raises `StepFailed` for rows whose parent is gone."""
    if not isinstance(op, RowsRefilled):
        raise target.misplaced(op)
    lag = replica_lag(target, op.replica) if op.replica else None
    doing = asked(target.name, f"putting rows of {op.source} back")
    with doing, closing(target.connect_mysql()) as live:
        kept = Kept(live, op.folder)
        work = _Refill(live, read_catalog(live, target.database), op, kept)
        for one in op.tables:
            work.stage(one)
        try:
            work.adopt()
        except StepFailed:
            work.clear()
            raise
        # Left beside until all are in: by them a resume knows that it is this op which it goes on with.
        rows = {one.table: work.insert(one, Pace(live, execution, lag)) for one in op.tables}
        work.clear()
    outputs = {"rows": sum(rows.values()), "conflicts": kept.conflicts, "tally": tallied("recovered", rows)}
    return OpResult({**outputs, "files": [one.path for one in kept.files]}, tuple(kept.files))


class _Refill:
    """Stages what the source has and live lacks, leaves out what has no place, and inserts the rest."""

    def __init__(self, live: "Connection", ours: Catalog, op: RowsRefilled, kept: Kept) -> None:
        self._live, self._ours, self._op, self._kept = live, ours, op, kept
        self._staged = {one.table: working_name(op.run, one.table, FILLING) for one in op.tables}

    def clear(self) -> None:
        """Drop what was staged."""
        self._live.rollback()
        run(self._live, "SET SESSION foreign_key_checks = 0")
        run(self._live, f"DROP TABLE IF EXISTS {listed(self._staged.values())}")

    def stage(self, one: RowRefill) -> None:
        """Take the source's rows that live lacks beside; rows that differ, or whose place is taken, are told."""
        table, staged, names = self._ours.tables[one.table], self._staged[one.table], listed(one.columns)
        source = within(self._op.source, one.table)
        run(self._live, f"DROP TABLE IF EXISTS {quote(staged)}")
        run(self._live, f"CREATE TABLE {quote(staged)} LIKE {quote(one.table)}")
        altered(self._live, staged, f"ALTER TABLE {quote(staged)} COMMENT = {literal(mark(self._op.run, 'staging'))}")
        self._tell_changed(one)
        missing = f"NOT {there(table, self._ours.schema, one.key, 's')}"
        places = [
            taken(index, table, self._ours.schema, "s", one.key) for index in uniques_over(table, one.columns, one.key)
        ]
        chosen = f"SELECT {listed(one.columns, 's')} FROM {source} s WHERE {missing}"
        if places:
            no_place = f"({' OR '.join(places)})"
            self._kept.tell(
                f"rows of {one} whose place is taken", ("rows-taken", one.table), f"{chosen} AND {no_place}"
            )
            chosen += f" AND NOT {no_place}"
        run(self._live, f"INSERT INTO {quote(staged)} ({names}) {chosen}")
        self._live.commit()

    def _tell_changed(self, one: RowRefill) -> None:
        table = self._ours.tables[one.table]
        others = [table.column(name) for name in one.compared]
        unlike = [f"NOT ({same(column, f's.{quote(column.name)}', f't.{quote(column.name)}')})" for column in others]
        if not others:
            return
        both = ", ".join(
            f"s.{quote(column.name)} AS {quote(f'{column.name[:57]} there')}, "
            f"t.{quote(column.name)} AS {quote(f'{column.name[:58]} here')}"
            for column in others
        )
        joined = f"{within(self._op.source, one.table)} s JOIN {quote(one.table)} t ON {equal(one.key, 't', 's')}"
        query = f"SELECT {listed(one.key, 's')}, {both} FROM {joined} WHERE {' OR '.join(unlike)}"
        self._kept.tell(f"rows of {one} that are not as in the source", ("rows-changed", one.table), query)

    def adopt(self) -> None:
        """Settle rows whose parent is gone, until none is left."""
        while broken := [(one, key) for one in self._op.tables for key in self._keys(one) if self._orphans(one, key)]:
            if self._op.parents_gone == "stop":
                told = (f"{self._orphans(one, key)} rows of {one} point at rows of {key.parent}" for one, key in broken)
                raise StepFailed(
                    f"{'; '.join(told)} that are gone",
                    advice="Nothing was put back. parents_gone: settle empties such references, or leaves rows out.",
                )
            for one, key in broken:
                self._settle(one, key)

    def insert(self, one: RowRefill, pace: Pace) -> int:
        """Insert what is left, a batch a transaction, whose keys are written down before it is committed."""
        table, staged = self._ours.tables[one.table], self._staged[one.table]
        # Rows that point at later ones of the same statement are refused row by row; they were looked at before.
        later = {other.table for other in self._op.tables[self._op.tables.index(one) :]}
        checked = 0 if any(key.parent in later for key in self._keys(one)) else 1
        run(self._live, f"SET SESSION foreign_key_checks = {checked}")
        key = one.key if sortable(table, one.key) else ()
        for wanted in batches(self._live, quote(staged), key):
            pace.rest(patiently(self._live, (one.table,), lambda: self._batch(one, wanted)), f"while {one} was filled")  # noqa: B023  # called at once
        run(self._live, "SET SESSION foreign_key_checks = 1")
        self._advance(one)
        return pace.done

    def _batch(self, one: RowRefill, wanted: str) -> int:
        staged = quote(self._staged[one.table])
        chosen = f"{staged} s WHERE {wanted}"
        write_keys(self._live, PutIn(self._op.folder, str(one)), self._ours.tables[one.table], one.key, chosen)
        rows = f"SELECT {listed(one.columns, 's')} FROM {chosen}"
        return run(self._live, f"INSERT INTO {quote(one.table)} ({listed(one.columns)}) {rows}")

    def _advance(self, one: RowRefill) -> None:
        """Let AUTO_INCREMENT go on behind what both sides gave; inserting brought it behind the rows already."""
        here = self._ours.tables[one.table].next
        query = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
        further = number(self._live, query, (self._op.source, one.table))
        if here is not None and further > here:
            altered(self._live, one.table, f"ALTER TABLE {quote(one.table)} AUTO_INCREMENT = {further}")

    def _keys(self, one: RowRefill) -> tuple[ForeignKey, ...]:
        return tuple(key for key in self._ours.foreign_keys if key.child == one.table)

    def _orphaned(self, key: ForeignKey) -> str:
        parents = [within(key.parent_schema, key.parent)]
        if key.parent in self._staged:
            parents.append(quote(self._staged[key.parent]))
        return parentless(key, "s", parents)

    def _orphans(self, one: RowRefill, key: ForeignKey) -> int:
        return number(
            self._live, f"SELECT COUNT(*) FROM {quote(self._staged[one.table])} s WHERE {self._orphaned(key)}"
        )

    def _settle(self, one: RowRefill, key: ForeignKey) -> None:
        staged, table = quote(self._staged[one.table]), self._ours.tables[one.table]
        chosen = f"FROM {staged} s WHERE {self._orphaned(key)}"
        names = ("parents-gone", f"{one}.{key.name}")
        self._kept.tell(f"rows of {one} whose parent is gone", names, f"SELECT {listed(one.columns, 's')} {chosen}")
        run(self._live, "DROP TEMPORARY TABLE IF EXISTS rb_orphans")
        run(self._live, f"CREATE TEMPORARY TABLE rb_orphans AS SELECT {listed(one.key, 's')} {chosen}")
        joined = f"{staged} s JOIN rb_orphans o ON {equal(one.key, 's', 'o')}"
        free = [name for name in key.columns if not table.column(name).required]
        if free:
            run(self._live, f"UPDATE {joined} SET {', '.join(f's.{quote(name)} = NULL' for name in free)}")
        else:
            run(self._live, f"DELETE s FROM {joined}")
        self._live.commit()
