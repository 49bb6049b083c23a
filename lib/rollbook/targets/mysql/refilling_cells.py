"""Puts the cells of columns that are there again back, where they still are as they were made."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...mysql.catalog import Catalog
from ...mysql.comparing import sortable
from ...mysql.names import equal, listed, quote, within
from ...mysql.refilling import CellRefill, CellsRefilled
from ...ops import Execution, Op, OpResult
from ...tally import tallied
from ..postgres.put_in import PutIn
from .batches import Pace, batches
from .catalog import read_catalog
from .exporting import Kept
from .lagging import replica_lag
from .patience import patiently
from .put_in import write_keys
from .refillable import cell_conditions, differs, rowless
from .session import run
from .settling import kept_still
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection

_CHOSEN = "rb_cells"


def refill_cells(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `CellsRefilled`; what was filled before a kill stays. Raises `TargetError`, `Interrupted`."""
    if not isinstance(op, CellsRefilled):
        raise target.misplaced(op)
    lag = replica_lag(target, op.replica) if op.replica else None
    doing = asked(target.name, f"putting cells of {op.source} back")
    with doing, closing(target.connect_mysql()) as live:
        kept, ours = Kept(live, op.folder), read_catalog(live, target.database)
        cells: dict[str, int] = {}
        without = 0
        for one in op.columns:
            cells[str(one)] = _fill(live, ours, op, one, Pace(live, execution, lag))
            column = ours.tables[one.table].column(one.name)
            query = f"SELECT {listed((*one.key, one.name), 's')} FROM {_joined(op, one)} WHERE {differs(column)}"
            what = f"cells of {one} that somebody wrote into since, as the source has them"
            kept.tell(what, ("cells-kept", one.table, one.name), query)
            without += kept.tell_rowless(op.source, one.table, (one.name,), rowless(ours, one.table, one.key), one.key)
    files = [file.path for file in kept.files]
    tally = tallied("recovered", cells)
    counts = {"cells": sum(cells.values()), "conflicts": kept.conflicts, "rowless": without}
    return OpResult({**counts, "files": files, "tally": tally}, tuple(kept.files))


def _joined(op: CellsRefilled, one: CellRefill) -> str:
    return f"{quote(one.table)} t JOIN {within(op.source, one.table)} s ON {equal(one.key, 't', 's')}"


def _fill(live: "Connection", ours: Catalog, op: CellsRefilled, one: CellRefill, pace: Pace) -> int:
    table = ours.tables[one.table]
    run(live, f"DROP TEMPORARY TABLE IF EXISTS {_CHOSEN}")
    run(live, f"CREATE TEMPORARY TABLE {_CHOSEN} AS SELECT {listed(one.key)} FROM {quote(one.table)} WHERE FALSE")
    key = one.key if sortable(table, one.key) else ()
    conditions = " AND ".join(cell_conditions(ours, one))
    cells = [f"t.{quote(one.name)} = s.{quote(one.name)}", *kept_still(table, {one.name})]
    update = (
        f"UPDATE {_CHOSEN} k JOIN {quote(one.table)} t ON {equal(one.key, 'k', 't')}"
        f" JOIN {within(op.source, one.table)} s ON {equal(one.key, 'k', 's')} SET {', '.join(cells)}"
    )

    def batch(wanted: str) -> int:
        run(live, f"DELETE FROM {_CHOSEN}")
        chosen = f"SELECT {listed(one.key, 't')} FROM {_joined(op, one)} WHERE ({wanted}) AND {conditions} FOR UPDATE"
        run(live, f"INSERT INTO {_CHOSEN} {chosen}")
        write_keys(live, PutIn(op.folder, str(one)), table, one.key, _CHOSEN)
        return run(live, update)

    for wanted in batches(live, within(op.source, one.table), key):
        done = patiently(live, (one.table,), lambda: batch(wanted))  # noqa: B023  # called at once
        pace.rest(done, f"while {one} was filled")
    return pace.done
