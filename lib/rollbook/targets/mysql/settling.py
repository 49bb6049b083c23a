"""Fills columns that came back, and makes what went with them; each part may be done again."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ...mysql.catalog import Catalog, Table
from ...mysql.definition import ColumnDefinition, Reference
from ...mysql.names import equal, listed, quote, within
from ...mysql.recovering import ColumnsSettled, TableSettled
from ...mysql.words import lines
from ...ops import Execution, Op, OpResult
from ...tally import tallied
from .batches import Pace, batches
from .catalog import read_catalog
from .exporting import Kept
from .lagging import replica_lag
from .patience import altered, sent
from .refillable import differs, rowless, untouched
from .session import number, run
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection


def columns_settled(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `ColumnsSettled`; what was done before stays done. Raises `TargetError`, `Interrupted`."""
    if not isinstance(op, ColumnsSettled):
        raise target.misplaced(op)
    table, filled = op.columns[0].table, op.filled()
    without = 0
    with asked(target.name, f"filling {table} from {op.source}"), closing(target.connect_mysql()) as live:
        kept, ours = Kept(live, op.folder), read_catalog(live, target.database)
        lag = replica_lag(target, op.replica) if op.replica else None
        filler = Filler(live, ours, op.source, lambda: Pace(live, execution, lag))
        if filled:
            filler.fill(table, filled)
            kept.tell(
                f"cells of {table} that somebody wrote into since, as the source has them",
                ("cells-kept", table, *(one.name for one in filled)),
                filler.refused(table, filled),
            )
            names, key = [one.name for one in filled], filled[0].key
            without = kept.tell_rowless(op.source, table, names, rowless(ours, table, key), key)
        settler = _Settler(live, ours)
        settler.columns(table, op.columns)
    counts = {"cells": filler.cells, "conflicts": kept.conflicts, "rowless": without}
    outputs = {**counts, "unsettled": settler.unsettled, "tally": tallied("recovered", filler.filled)}
    return OpResult({**outputs, "files": [one.path for one in kept.files]}, tuple(kept.files))


def table_settled(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes no time
    """Carry out a `TableSettled`; what was done before stays done. Raises `TargetError`."""
    if not isinstance(op, TableSettled):
        raise target.misplaced(op)
    with asked(target.name, f"settling {op.table.name}"), closing(target.connect_mysql()) as live:
        settler = _Settler(live, read_catalog(live, target.database))
        for reference in op.references:
            settler.reference(reference)
        altered(live, op.table.name, op.unmark())
    return OpResult({"unsettled": settler.unsettled})


class Filler:
    """Fills the columns of one table after the other from the source, by key."""

    def __init__(self, live: "Connection", ours: Catalog, source: str, pace: Callable[[], Pace]) -> None:
        self._live, self._ours, self._source, self._pace = live, ours, source, pace
        self.cells = 0
        self.filled: dict[str, int] = {}

    def fill(self, name: str, columns: Sequence[ColumnDefinition]) -> None:
        """
        Fill columns, a batch a transaction; cells that somebody wrote into since stay.

        Rows of which nobody wrote into any go first, all cells at once; what is left goes column by column.
        """
        groups = [tuple(columns)] + ([(one,) for one in columns] if len(columns) > 1 else [])
        for group in groups:
            self._pass(name, group)

    def _pass(self, name: str, columns: Sequence[ColumnDefinition]) -> None:
        table = self._ours.tables[name]
        cells = [f"t.{quote(one.name)} = s.{quote(one.name)}" for one in columns]
        cells += kept_still(table, {one.name for one in columns})
        left = " AND ".join(f"({_untouched(table, one)})" for one in columns)
        other = " OR ".join(f"({differs(table.column(one.name))})" for one in columns)
        source = within(self._source, name)
        pace = self._pace()
        for wanted in batches(self._live, source, columns[0].key):
            update = (
                f"UPDATE {quote(name)} t JOIN {source} s ON {equal(columns[0].key, 't', 's')} SET {', '.join(cells)}"
                f" WHERE ({wanted}) AND {left} AND ({other})"
            )
            done = sent(self._live, (name,), update)
            self.cells += done
            for one in columns:
                self.filled[f"{name}.{one.name}"] = self.filled.get(f"{name}.{one.name}", 0) + done
            pace.rest(done, f"while {name} was filled")

    def refused(self, name: str, columns: Sequence[ColumnDefinition]) -> str:
        """Give the query of the source's cells that were not filled."""
        table, key = self._ours.tables[name], columns[0].key
        kept = " OR ".join(
            f"(NOT ({_untouched(table, one)}) AND ({differs(table.column(one.name))}))" for one in columns
        )
        joined = f"{quote(name)} t JOIN {within(self._source, name)} s ON {equal(key, 't', 's')}"
        return f"SELECT {listed((*key, *(one.name for one in columns)), 's')} FROM {joined} WHERE {kept}"


def _untouched(table: Table, one: ColumnDefinition) -> str:
    return untouched(table.column(one.name), f"DEFAULT(t.{quote(one.name)})" if one.default else "NULL")


def kept_still(table: Table, written: set[str]) -> list[str]:
    """Keep columns that follow every update, where they are not written themselves, from following this one."""
    return [
        f"t.{quote(one.name)} = t.{quote(one.name)}"
        for one in table.columns
        if "on update" in one.extra and one.name not in written
    ]


class _Settler:
    """Makes keys, indexes and definitions where they are missing; *unsettled* tells what rows forbid."""

    def __init__(self, live: "Connection", ours: Catalog) -> None:
        self._live, self._ours = live, ours
        self._made: set[str] = set()
        self.unsettled: list[str] = []

    def columns(self, name: str, columns: Sequence[ColumnDefinition]) -> None:
        """Make what belongs to columns of a table, then give them their own definitions in one statement."""
        for one in columns:
            self._add(one)
            for reference in one.references:
                self.reference(reference)
        self._change(name, [f"MODIFY COLUMN {quote(one.name)} {self._definition(one)}" for one in columns], name)

    def _definition(self, one: ColumnDefinition) -> str:
        if one.required and self._empty(one):
            self.unsettled.append(f"{one} NOT NULL: rows that came since have no value")
            return one.added
        return one.definition

    def _add(self, one: ColumnDefinition) -> None:
        table = self._ours.tables[one.table]
        indexes = {index.name: index.definition for index in table.indexes}
        for part in one.additions:
            if part.definition in (*indexes.values(), *_checks(table)) or part.definition in self._made:
                continue
            # Of an index over several columns the server took only this one out.
            dropped = [f"DROP INDEX {quote(part.name)}"] if part.name in indexes else []
            self._made.add(part.definition)
            self._change(one.table, [*dropped, f"ADD {part.definition}"], f"{one.table}.{part.name}")

    def reference(self, one: Reference) -> None:
        """Make a foreign key for rows to come; of rows that are there, those that point at nothing are told."""
        if any(key.name == one.name and key.child == one.child for key in self._ours.foreign_keys):
            return
        run(self._live, "SET SESSION foreign_key_checks = 0")
        self._change(one.child, [one.statement().split(" ", 3)[3]], str(one))
        run(self._live, "SET SESSION foreign_key_checks = 1")
        pairs = zip(one.columns, one.parent_columns, strict=True)
        filled = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in one.columns)
        same = " AND ".join(f"p.{quote(theirs)} = c.{quote(name)}" for name, theirs in pairs)
        absent = f"NOT EXISTS (SELECT 1 FROM {quote(one.parent)} p WHERE {same})"
        orphans = number(self._live, f"SELECT COUNT(*) FROM {quote(one.child)} c WHERE {filled} AND {absent}")
        if orphans:
            self.unsettled.append(f"{one}: {orphans} rows that were there point at nothing")

    def _empty(self, one: ColumnDefinition) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM {quote(one.table)} WHERE {quote(one.name)} IS NULL)"
        return bool(number(self._live, query))

    def _change(self, table: str, parts: Sequence[str], what: str) -> None:
        import pymysql

        if not parts:
            return
        try:
            altered(self._live, table, f"ALTER TABLE {quote(table)} {', '.join(parts)}")
        except (pymysql.err.IntegrityError, pymysql.err.DataError) as error:
            self.unsettled.append(f"{what}: {error.args[-1]}")
            if len(parts) > 1:  # one of them: each for itself, then
                for part in parts:
                    self._change(table, [part], what)


def _checks(table: Table) -> tuple[str, ...]:
    return tuple(line for line in lines(table.create) if line.startswith("CONSTRAINT"))
