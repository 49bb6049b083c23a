"""Takes rows and cells that were put into tables out again, unless somebody wrote into them."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...mysql.catalog import Catalog
from ...mysql.names import equal, paired, quote, within
from ...mysql.refilling import CellRefill, RefillOut, RowRefill
from ...ops import Execution, Op, OpResult
from ..postgres.put_in import PutIn
from .patience import patiently
from .put_in import read_keys
from .refillable import differs, untouched
from .session import number, run
from .settling import kept_still
from .unrecovery import Look
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection


def refill_out(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # one transaction
    """Carry out a `RefillOut`. Raises `ConflictError` where rows or cells are no longer as they were put in."""
    if not isinstance(op, RefillOut):
        raise target.misplaced(op)
    with asked(target.name, "taking rows and cells out"), closing(target.connect_mysql()) as live:
        look = Look(live, target.database, op.source)
        _check_triggers(look.ours, op)
        out = _Out(live, op, look)
        changed = [*out.changed(), *out.pointed_at()]
        if changed:
            raise ConflictError(
                f"somebody wrote since into what was put back, and it would be lost: {', '.join(changed)}",
                advice="Nothing was taken out. Export what is to be kept, or leave it as it is.",
            )
        run(live, "SET SESSION foreign_key_checks = 0")
        patiently(live, tuple(one.table for one in _parts(op)), out.take)
    for one in _parts(op):
        PutIn(op.folder, str(one)).clear()
    return OpResult()


def _check_triggers(ours: Catalog, op: RefillOut) -> None:
    """Raise `ConflictError` where triggers, which nothing keeps quiet on these servers, would write more than this."""
    if firing := ours.firing({"DELETE": {one.table for one in op.tables}, "UPDATE": {one.table for one in op.columns}}):
        raise ConflictError(
            f"taking rows and cells out would fire triggers, which nothing keeps quiet here: {', '.join(firing)}",
            advice="Nothing was taken out. Drop them, then resume; make them again where they are to stay.",
        )


def _parts(op: RefillOut) -> tuple[RowRefill | CellRefill, ...]:
    return (*op.tables, *op.columns)


class _Out:
    """Knows the keys of what was put in, in temporary tables."""

    def __init__(self, live: "Connection", op: RefillOut, look: Look) -> None:
        self._live, self._op, self._look = live, op, look
        self._keys = {str(one): f"rb_put_in_{at}" for at, one in enumerate(_parts(op))}
        for one in _parts(op):
            read_keys(live, PutIn(op.folder, str(one)), one.table, one.key, self._keys[str(one)])

    def changed(self) -> Iterator[str]:
        """Say what is no longer as it was put in."""
        for one in _parts(self._op):
            table = self._look.ours.tables[one.table]
            joined = (
                f"{self._keys[str(one)]} k JOIN {quote(one.table)} t ON {equal(one.key, 'k', 't')}"
                f" JOIN {within(self._op.source, one.table)} s ON {equal(one.key, 'k', 's')}"
            )
            if isinstance(one, CellRefill):
                what, column = "cells", table.column(one.name)
                # A cell that is empty again has nothing to lose: its parent went, say.
                other = f"{differs(column)} AND NOT ({untouched(column, one.left_of(f't.{quote(one.name)}'))})"
            else:
                what, other = "rows", self._look.unlike(one.table)
            if found := number(self._live, f"SELECT COUNT(*) FROM {joined} WHERE {other}"):
                yield f"{found} {what} of {one}"

    def pointed_at(self) -> Iterator[str]:
        """Say which rows of others point at rows that would go."""
        going = {one.table: one for one in self._op.tables}
        for key in self._look.ours.foreign_keys:
            parent, mine = going.get(key.parent), going.get(key.child)
            if parent is None:
                continue
            pairs = tuple(zip(key.columns, key.parent_columns, strict=True))
            query = f"SELECT COUNT(*) FROM {quote(key.child)} c JOIN {quote(key.parent)} p ON {paired(pairs, 'c', 'p')}"
            query += f" JOIN {self._keys[str(parent)]} k ON {equal(parent.key, 'k', 'p')}"
            if mine is not None and mine is not parent:
                query += f" LEFT JOIN {self._keys[str(mine)]} m ON {equal(mine.key, 'm', 'c')}"
                query += f" WHERE m.{quote(mine.key[0])} IS NULL"
            elif mine is parent:
                query = self._among_itself(mine, pairs)
            else:  # references that were put back go out first
                emptied = [one for one in self._op.columns if one.table == key.child and one.name in key.columns]
                for at, one in enumerate(emptied):
                    query += f" LEFT JOIN {self._keys[str(one)]} e{at} ON {equal(one.key, f'e{at}', 'c')}"
                gone = [f"e{at}.{quote(one.key[0])} IS NULL" for at, one in enumerate(emptied)]
                query += f" WHERE {' AND '.join(gone)}" if gone else ""
            if found := number(self._live, query):
                yield f"{found} rows of {key.child} that point at rows of {key.parent}"

    def _among_itself(self, one: RowRefill, pairs: tuple[tuple[str, str], ...]) -> str:
        """Count rows that stay and point at rows of the same table that go; a temporary table is opened once only."""
        keys = f"rb_stay_{self._keys[str(one)]}"
        run(self._live, f"DROP TEMPORARY TABLE IF EXISTS {keys}")
        columns = ", ".join(f"c.{quote(name)}" for name in one.key)
        staying = f"SELECT {columns} FROM {quote(one.table)} c LEFT JOIN {self._keys[str(one)]} m ON"
        run(
            self._live,
            f"CREATE TEMPORARY TABLE {keys} AS {staying} {equal(one.key, 'm', 'c')}"
            f" WHERE m.{quote(one.key[0])} IS NULL",
        )
        return (
            f"SELECT COUNT(*) FROM {keys} r JOIN {quote(one.table)} c ON {equal(one.key, 'r', 'c')}"
            f" JOIN {quote(one.table)} p ON {paired(pairs, 'c', 'p')}"
            f" JOIN {self._keys[str(one)]} k ON {equal(one.key, 'k', 'p')}"
        )

    def take(self) -> None:
        """Empty the cells and delete the rows."""
        for cell in self._op.columns:
            cells = [f"t.{quote(cell.name)} = {cell.left_of(f't.{quote(cell.name)}')}"]
            cells += kept_still(self._look.ours.tables[cell.table], {cell.name})
            joined = f"{quote(cell.table)} t JOIN {self._keys[str(cell)]} k ON {equal(cell.key, 't', 'k')}"
            run(self._live, f"UPDATE {joined} SET {', '.join(cells)}")
        for one in reversed(self._op.tables):
            joined = f"{quote(one.table)} t JOIN {self._keys[str(one)]} k ON {equal(one.key, 't', 'k')}"
            run(self._live, f"DELETE t FROM {joined}")
