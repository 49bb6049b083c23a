"""Takes rows and cells that were put into tables out again, unless somebody wrote into them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog
from ...postgres.copytext import line
from ...postgres.names import Name, equal, listed, paired, quote
from ...postgres.refilling import CellRefill, RefillOut, RowRefill, circular
from .catalog import read_catalog
from .put_in import PutIn
from .recovery import lock, run
from .refillable import untouched
from .settling import quiet
from .unrecovery import Look, Parents
from .wording import worded

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def refill_out(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # one transaction
    """Carry out a `RefillOut`. Raises `ConflictError` where rows or cells are no longer as they were put in."""
    if not isinstance(op, RefillOut):
        raise target.misplaced(op)
    with worded("taking rows and cells out", into="live"), closing(target.connect()) as live:
        out = _Out(live, op)
        with ExitStack() as stack:  # connections that look hold locks
            source, looking, beside = (
                stack.enter_context(closing(target.connect(name, reading=True))) for name in (op.source, None, None)
            )
            changed = [*out.changed(Look(looking, source, Parents(beside))), *out.pointed_at()]
        if changed:
            raise ConflictError(
                f"somebody wrote since into what was put back, and it would be lost: {', '.join(changed)}",
                advice="Nothing was taken out. Export what is to be kept (postgres.export), or leave it as it is.",
            )
        out.take()
        live.commit()
    for one in _parts(op):
        PutIn(op.folder, str(one)).clear()
    return OpResult()


def _parts(op: RefillOut) -> tuple[RowRefill | CellRefill, ...]:
    return (*op.tables, *op.columns)


def _changes(one: CellRefill) -> str:
    """Say that taking a cell out changes it; cells of others than `k` may not fit the narrower type: none is cast."""
    return f"CASE WHEN k.{quote(one.key[0])} IS NOT NULL THEN NOT ({untouched(one, 't')}) END"


class _Out:
    """Knows the keys of what was put in, in temporary tables of live."""

    def __init__(self, live: "Connection", op: RefillOut) -> None:
        self._live, self._op = live, op
        self._ours: Catalog = read_catalog(live)
        self._keys: dict[str, str] = {}
        for at, one in enumerate(_parts(op)):
            name = f"put_in_{at}"
            table = self._ours.tables[one.table].relation
            run(live, [f"CREATE TEMP TABLE {name} AS SELECT {listed(one.key)} FROM {table} WITH NO DATA"])
            run(live, [f"CREATE TEMP TABLE changed_{at} (LIKE {name})"])
            with live.cursor().copy(f"COPY {name} FROM STDIN".encode()) as copy:
                for key in PutIn(op.folder, str(one)).lines():
                    copy.write(key)
            run(live, [f"ANALYZE {name}"])
            self._keys[str(one)] = name

    def changed(self, look: Look) -> Iterator[str]:
        """Say what is no longer as it was put in."""
        for at, one in enumerate(_parts(self._op)):
            column = one.name if isinstance(one, CellRefill) else None
            with self._live.cursor().copy(f"COPY changed_{at} FROM STDIN".encode()) as copy:
                for found in look.differences(one.table, column):
                    if found.live is not None and not (column is None and look.settled(one.table, found)):
                        copy.write(line(found.key))
            same = equal(one.key, "k", "c")
            counted = f"SELECT count(DISTINCT c.*) FROM {self._keys[str(one)]} k JOIN changed_{at} c ON {same}"
            if isinstance(one, CellRefill):  # a cell that is empty again has nothing to lose: its parent went, say
                table = self._ours.tables[one.table].relation
                counted += f" JOIN {table} t ON {equal(one.key, 't', 'c')} WHERE {_changes(one)}"
            if number := self._number(counted):
                yield f"{number} {'rows' if column is None else 'cells'} of {one}"

    def pointed_at(self) -> Iterator[str]:
        """Say which rows of others point at rows that would go."""
        going: dict[Name, RowRefill] = {one.table: one for one in self._op.tables}
        for key in self._ours.foreign_keys:
            parent = going.get(key.parent)
            if parent is None:
                continue
            child, pairs = (
                self._ours.tables[key.child].relation,
                tuple(zip(key.columns, key.parent_columns, strict=True)),
            )
            query = (
                f"SELECT count(*) FROM {child} c JOIN {self._ours.tables[key.parent].relation} p"
                f" ON {paired(pairs, 'c', 'p')} WHERE EXISTS (SELECT FROM {self._keys[str(parent)]} k"
                f" WHERE {equal(parent.key, 'k', 'p')})"
            )
            mine = going.get(key.child)
            if mine is not None:
                query += f" AND NOT EXISTS (SELECT FROM {self._keys[str(mine)]} k WHERE {equal(mine.key, 'k', 'c')})"
            for one in self._op.columns:  # references that were put back go out first
                if one.table == key.child and one.name in key.columns:
                    query += f" AND NOT EXISTS (SELECT FROM {self._keys[str(one)]} k WHERE {equal(one.key, 'k', 'c')})"
            if number := self._number(query):
                yield f"{number} rows of {key.child} that point at rows of {key.parent}"

    def take(self) -> None:
        """Empty the cells and delete the rows, children first, the users' triggers quiet."""
        loosened = circular(self._ours, [one.table for one in self._op.tables])
        tables = tuple(dict.fromkeys(one.table for one in _parts(self._op)))
        lock(self._live, tables, self._ours, whole=bool(loosened))
        with ExitStack() as stack:
            for table in tables:
                stack.enter_context(quiet(self._live, table, self._ours))
            for cell in self._op.columns:
                changed = f"UPDATE {cell.table.sql} t SET {quote(cell.name)} = {cell.left_of(f't.{quote(cell.name)}')}"
                run(self._live, [f"{changed} FROM {self._keys[str(cell)]} k WHERE {equal(cell.key, 't', 'k')}"])
            run(self._live, [f"{alter} DEFERRABLE INITIALLY DEFERRED" for alter in loosened])
            run(self._live, ["SET CONSTRAINTS ALL DEFERRED"])
            for one in reversed(self._op.tables):
                keys = self._keys[str(one)]
                run(self._live, [f"DELETE FROM {one.table.sql} t USING {keys} k WHERE {equal(one.key, 't', 'k')}"])
            run(self._live, ["SET CONSTRAINTS ALL IMMEDIATE", *(f"{alter} NOT DEFERRABLE" for alter in loosened)])

    def _number(self, query: str) -> int:
        row = self._live.execute(query.encode()).fetchone()
        return row[0] if row else 0
