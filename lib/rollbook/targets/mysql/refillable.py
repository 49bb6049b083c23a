"""Reads which rows and cells of tables that are there can be put back from a schema that still has them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...dataclass import dataclass
from ...migrations.narrowed import left_on_mysql
from ...mysql.catalog import Catalog, Column, Table, common_key
from ...mysql.comparing import parentless, same, taken, there, told, uniques_over
from ...mysql.names import equal, quote, within
from ...mysql.recovering import FILLING, marked_by, working_name
from ...mysql.refilling import CellRefill, RowRefill
from ...postgres.order import flat, in_order
from ...recovering import CELL, Asked, kept_cells, kept_changed, kept_rowless, kept_rows
from .session import number

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Filling:
    """Tables, and columns by their table, that both sides have and a recovery is to fill."""

    tables: tuple[str, ...]
    columns: Mapping[str, list[str]]

    def without(self, tables: Collection[str], columns: Mapping[str, Collection[str]]) -> "Filling":
        """Leave out what is being brought back: it is filled when it is settled."""
        left = {name: [one for one in mine if one not in columns.get(name, ())] for name, mine in self.columns.items()}
        return Filling(
            tuple(name for name in self.tables if name not in tables),
            {name: found for name, found in left.items() if found},
        )


class Refills(NamedTuple):
    """
    What can be put back now, and the columns of which nothing tells what their cells hold that nobody wrote.

    *kept* are tables and columns, each with a count, of which rows are missing or cells differ and stay as they are.
    """

    rows: tuple[RowRefill, ...] = ()
    cells: tuple[CellRefill, ...] = ()
    untold: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def find_filling(ours: Catalog, theirs: Catalog, asked: Asked, standing: Mapping[str, str], stand_in: str) -> Filling:
    """Give what of the tables that both sides have is to be filled; those that are *standing* are not whole there."""
    both = [name for name in theirs.tables if name in ours.tables]
    columns = {
        name: [
            one
            for one in shared(ours.tables[name], theirs.tables[name])
            if one not in common_key(theirs.tables[name], ours.tables[name]) and asked.fills_cells(name, one)
        ]
        for name in both
        if standing.get(name) != stand_in
    }
    return Filling(
        tuple(name for name in both if name not in standing and asked.fills_rows(name)),
        {name: found for name, found in columns.items() if found},
    )


def shared(ours: Table, theirs: Table) -> tuple[str, ...]:
    """Name the columns that both sides write, the key first."""
    key = common_key(theirs, ours)
    mine = {one.name for one in ours.written}
    return (*key, *(one.name for one in theirs.written if one.name in mine and one.name not in key))


def read_refills(connection: "Connection", ours: Catalog, theirs: Catalog, filling: Filling, asked: Asked) -> Refills:
    """
    Give the tables with rows, and the columns with cells, that can be put back now; tables in order, parents first.

    What cannot be put back, for its place is taken or its parent gone, does not count.
    """
    look = _Look(connection, ours, theirs, filling, asked)
    return Refills(tuple(look.tables()), tuple(look.columns()), tuple(look.untold), tuple(look.kept))


class _Look:
    """Compares live with the source, both on one server."""

    def __init__(
        self, connection: "Connection", ours: Catalog, theirs: Catalog, filling: Filling, asked: Asked
    ) -> None:
        self._connection, self._ours, self._theirs = connection, ours, theirs
        self._wanted, self._asked = filling, asked
        self._filling: set[str] = set()  # tables of which rows will come
        self.untold: list[str] = []
        self.kept: list[str] = []

    def tables(self) -> Iterator[RowRefill]:
        """Look at tables, parents first."""
        order = flat(in_order(self._wanted.tables, self._ours.foreign_keys))
        for at, name in enumerate(order):
            table = self._ours.tables[name]
            key = common_key(self._theirs.tables[name], table)
            apart = tuple(self._wanted.columns.get(name, ()))
            one = RowRefill(name, key, shared(table, self._theirs.tables[name]), apart)
            # Of tables that point at each other in a circle, rows of the later ones are taken to come.
            if self._is_staged(name) or self._some(one.table, self._rows(one, order[at + 1 :])):
                self._filling.add(name)
                yield one
                continue
            if missed := self._count(one.table, (f"NOT {there(table, self._ours.schema, one.key, 's')}",)):
                self.kept.append(kept_rows(name, missed))
            self._tell_changed(one, table)

    def columns(self) -> Iterator[CellRefill]:
        """Look at columns."""
        for name, columns in self._wanted.columns.items():
            table = self._ours.tables[name]
            key = common_key(self._theirs.tables[name], table)
            for column in columns:
                left = left_in(table, table.column(column), self._asked)
                one = CellRefill(name, column, key, left or "")
                unlike = (differs(table.column(column)),)
                if left is None:
                    self.untold += [str(one)] if self._some(name, unlike, key) else []
                elif self._some(name, cell_conditions(self._ours, one, coming=self._filling), key):
                    yield one
                else:
                    self._keep(one, unlike)

    def _tell_changed(self, one: RowRefill, table: Table) -> None:
        """Tell which rows are there on both sides and differ; where others are put back, that writes them down."""
        unlike = {name: differs(table.column(name)) for name in one.compared}
        rows = self._count(one.table, (f"({' OR '.join(unlike.values())})",), one.key) if unlike else 0
        if rows:
            columns = [name for name, differing in unlike.items() if self._some(one.table, (differing,), one.key)]
            self.kept.append(kept_changed(one, rows, columns))

    def _keep(self, one: CellRefill, unlike: Sequence[str]) -> None:
        """Tell what of a column has no place."""
        if differing := self._count(one.table, unlike, one.key):
            self.kept.append(kept_cells(one, differing))
        if gone := self._count(one.table, (rowless(self._ours, one.table, one.key),)):
            self.kept.append(kept_rowless(one, gone))

    def _is_staged(self, name: str) -> bool:
        """Say whether a killed run left rows beside that it had not put in, or not tidied away."""
        runs = {work: marked_by(table.comment, "staging") for work, table in self._ours.tables.items()}
        return any(run is not None and working_name(run, name, FILLING) == work for work, run in runs.items())

    def _rows(self, one: RowRefill, later: Collection[str]) -> Iterator[str]:
        table, schema = self._ours.tables[one.table], self._ours.schema
        yield f"NOT {there(table, schema, one.key, 's')}"
        yield from (
            f"NOT {taken(index, table, schema, 's', one.key)}" for index in uniques_over(table, one.columns, one.key)
        )
        if self._asked.parents_gone == "stop":
            return
        for key in self._ours.foreign_keys:
            refuses = all(table.column(name).required for name in key.columns) if key.child == one.table else False
            if refuses and key.parent not in self._filling and key.parent not in later:
                yield f"NOT ({parentless(key, 's', (within(key.parent_schema, key.parent),))})"

    def _some(self, table: str, conditions: Sequence[str] | Iterator[str], key: Sequence[str] = ()) -> bool:
        return bool(number(self._connection, f"SELECT EXISTS (SELECT 1 {self._where(table, conditions, key)})"))

    def _count(self, table: str, conditions: Sequence[str], key: Sequence[str] = ()) -> int:
        return number(self._connection, f"SELECT count(*) {self._where(table, conditions, key)}")

    def _where(self, table: str, conditions: Sequence[str] | Iterator[str], key: Sequence[str]) -> str:
        joined = f"{within(self._asked.source, table)} s"
        if key:
            joined += f" JOIN {within(self._ours.schema, table)} t ON {equal(key, 't', 's')}"
        return f"FROM {joined} WHERE {' AND '.join(conditions)}"


def left_in(table: Table, column: Column, asked: Asked) -> str | None:
    """
    Give the SQL of what a column's cells hold that nobody wrote, or None where nothing tells.

    That is what the operator told, else what a narrowing made of the source's cell, else the column's own default, else
    NULL where it may be NULL.
    """
    said = f"{table.name}.{column.name}"
    if said in asked.left:
        return told(column, asked.left[said])
    types, filled = asked.narrowed.get(said, ()), asked.filled.get(said)
    left = left_on_mysql(types, column.type) if types else CELL
    if left and (types or filled is not None):
        return left if filled is None else f"COALESCE({left}, {told(column, filled)})"
    if column.default is not None:
        return None if "(" in column.default else f"DEFAULT(t.{quote(column.name)})"  # computed for each row anew
    return None if column.required else "NULL"


def untouched(column: Column, left: str) -> str:
    """Say that a cell of `t` is as it was left."""
    name = f"t.{quote(column.name)}"
    return f"{name} IS NULL" if left == "NULL" else same(column, name, left)


def differs(column: Column) -> str:
    """Say that cells of `s` and `t` are not the same."""
    return f"NOT ({same(column, f's.{quote(column.name)}', f't.{quote(column.name)}')})"


def rowless(ours: Catalog, table: str, key: Sequence[str]) -> str:
    """Say that live has no row of the key of `s`."""
    return f"NOT {there(ours.tables[table], ours.schema, key, 's')}"


def cell_conditions(ours: Catalog, one: CellRefill, *, coming: Collection[str] = ()) -> tuple[str, ...]:
    """
    Say that a cell of `t` can take that of `s`: it is as it was left, no unique value is taken, no parent gone.

    Parents in tables that are *coming* are taken to be there: their rows are put in first.
    """
    table = ours.tables[one.table]
    column = table.column(one.name)
    conditions = [untouched(column, one.left_of(f"s.{quote(one.name)}")), differs(column)]
    for index in uniques_over(table, (one.name,), one.key):
        mixed = taken(index, table, ours.schema, "s", one.key)
        for name in index.columns:  # the other columns stay as live has them
            if name != one.name:
                mixed = mixed.replace(f"s.{quote(name)}", f"t.{quote(name)}")
        conditions.append(f"NOT {mixed}")
    for key in ours.foreign_keys:
        if key.child == one.table and one.name in key.columns and key.parent not in coming:
            gone = parentless(key, "s", (within(key.parent_schema, key.parent),))
            for name in key.columns:
                if name != one.name:
                    gone = gone.replace(f"s.{quote(name)}", f"t.{quote(name)}")
            conditions.append(f"NOT ({gone})")
    return tuple(conditions)
