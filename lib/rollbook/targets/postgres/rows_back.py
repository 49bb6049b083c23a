"""
Finds what users did since a swap to the rows of a table without a key, for the database that was kept.

Rows are counted: live has so many of each, the kept database so many, and at the swap live had so many more than that
one. Whatever is over or missing beside that, users wrote. So it may be done again once it was carried, for then nothing
is over any more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import field
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.conflict import Conflict, Policy
from ...postgres.conflict import Side as Winner
from ...postgres.copytext import Cells, value, values
from ...postgres.counted import Counted
from ...postgres.passes import Differing
from ...postgres.shape import Shape
from .counting import count_table
from .differences import Difference, Side, differences
from .ledger import note_conflicts
from .merging import Watch
from .resolving import Stages
from .session import connect
from .stood_rows import MADE, MOST, Apart, only_shared, read_apart

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Counting:
    """
    How rows of the live database are counted for the kept one, whose stages *work* has.

    *old* says of a row `t` of live that it stood there at the swap already.
    """

    work: Stages
    kept: str = field(repr=False)  # addresses may hold passwords
    live: "Connection"
    policy: Policy
    watch: Watch
    old: str

    def count(self, ours: Table, table: Table, *, deleted: bool) -> tuple[Counted, Differing] | None:
        """
        Load what users did to the rows of a table; None where too many rows differ to tell.

        *deleted* says that rows went from live since. Of a table of which nothing was kept at the swap, a row that the
        kept database has alone may then be one that users deleted: a conflict (`undecided`).
        """
        lined = only_shared(ours, table)
        with closing(connect(self.kept, reading=True)) as beside:
            kept = Side(beside, ours, ours.relation)
            apart = read_apart(self.work.connection, lined)
            if apart is None:
                apart = self._made_up(lined, kept, table, deleted=deleted)
            if apart is None:
                return None
            found = differences(lined, kept, Side(self.live, table, table.relation))
            counted = Counted(ours, lined)
            stream = since(found, apart)
            return counted, count_table(self.work, counted, self.policy, stream, self.watch, based=False)

    def _made_up(self, lined: Shape, kept: Side, table: Table, *, deleted: bool) -> Counter[Cells] | None:
        """Tell it by the rows that stood in live at the swap and are there still, and write that down."""
        stood = f"(SELECT t.* FROM {table.relation} AS t WHERE {self.old})"
        side = self.policy.side("undecided", lined.table)
        apart: Counter[Cells] = Counter()
        contested: list[Conflict] = []
        read = 0
        for one in differences(lined, kept, Side(self.live, table, stood)):
            read += 1  # to the end, for both connections are busy until then
            if read > MOST:
                continue
            if one.base is None:
                apart[one.key] += 1
                continue
            if deleted:
                contested.append(_undecided(lined, one, side))
            if not deleted or side == "backup":
                apart[one.key] -= 1
        if read > MOST:
            return None
        note_conflicts(self.work.connection, contested)
        self.work.run(*MADE)
        Apart(lined.table, lined.carried, apart).keep(self.work.connection)
        return apart


def _undecided(lined: Shape, one: Difference, side: Winner) -> Conflict:
    key = tuple(value(cell) or "" for cell in one.key)
    return Conflict("undecided", lined.table, key, "", side, None, values(lined.carried, one.base))


def since(found: Iterable[Difference], apart: Counter[Cells]) -> Iterator[Difference]:
    """Give of the rows that differ those that do not so since the swap, and those that did and do no more."""
    left = Counter(apart)
    for one in found:
        by = 1 if one.base is None else -1
        if left[one.key] * by > 0:
            left[one.key] -= by
        else:
            yield one
    for row, by in left.items():
        more = Difference(row, row, None) if by > 0 else Difference(row, None, row)
        yield from (more for _ in range(abs(by)))
