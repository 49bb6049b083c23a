"""Puts the cells of columns that are there again back, where they still are as they were made."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...ops import Execution, Op, OpResult
from ...postgres.definition import ColumnDefinition
from ...postgres.names import quote
from ...postgres.refilling import CellRefill, CellsRefilled
from .put_in import PutIn
from .recovery import told
from .refillable import cell_guards, untouched, with_cells
from .settling import Filler
from .wording import worded

if TYPE_CHECKING:
    from .target import PostgresTarget


def refill_cells(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `CellsRefilled`; what was filled before a kill stays. Raises `TargetError`, `Interrupted`."""
    if not isinstance(op, CellsRefilled):
        raise target.misplaced(op)
    doing = worded(f"putting cells of {op.source} back", into="live")
    with doing, closing(target.connect(op.source, reading=True)) as source, closing(target.connect()) as live:
        filler = Filler(live, source, op.folder, execution)
        for one in op.columns:
            table = filler.ours.tables[one.table]
            staged = f"({with_cells(table, one, 'cells')} WHERE {untouched(one, 'c')})"
            guards = tuple(cell_guards(table, filler.ours, one, staged))
            filler.fill(one.table, (_as_added(one),), guards=guards, put_in=PutIn(op.folder, str(one)))
    return told(filler.outputs(), filler.files)


def _as_added(one: CellRefill) -> ColumnDefinition:
    """Give the column as one that was added with what its cells hold."""
    return ColumnDefinition(
        table=one.table,
        name=one.name,
        add="",
        comment=None,
        default=None if one.left == "NULL" else one.left_of(f"c.{quote(one.name)}"),
        later=None,
        required=False,
        generated=False,
    )
