"""Takes recovered tables and columns out again, unless somebody wrote into them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog, ForeignKey
from ...postgres.copytext import NULL, value
from ...postgres.names import Name, beside_parameters, quote
from ...postgres.recovering import RecoveryOut
from ...postgres.shape import shape
from .catalog import read_catalog
from .differences import Difference, Side, differences
from .recovery import patiently, run
from .refillable import written_as
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def recovery_out(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # one transaction
    """Carry out a `RecoveryOut`. Raises `ConflictError` where rows or cells are no longer as they came."""
    if not isinstance(op, RecoveryOut):
        raise target.misplaced(op)
    doing = asked(f"comparing with {op.source}")
    with (
        doing,
        closing(target.connect(op.source, reading=True)) as source,
        closing(target.connect(reading=True)) as live,
        closing(target.connect(reading=True)) as beside,
    ):
        changed = tuple(Look(live, source, Parents(beside)).changed(op))
    if changed:
        raise ConflictError(
            f"somebody wrote since into what was brought back, and it would be lost: {', '.join(changed)}",
            advice="Nothing was taken out. Export what is to be kept (postgres.export), or leave it as it is.",
        )
    with asked("taking recovered tables and columns out"), closing(target.connect()) as live:
        tables = (*op.tables, *(table for table, _ in op.columns), *(one.child for one in op.references))
        patiently(live, tuple(dict.fromkeys(tables)), lambda: run(live, op.statements()))
    return OpResult()


class Parents:
    """Looks for the rows that others point at, on a connection of its own: the one that compares is busy."""

    def __init__(self, live: "Connection") -> None:
        self._live = live
        self._known: dict[tuple[ForeignKey, tuple[str | None, ...]], bool] = {}

    def gone(self, key: ForeignKey, cells: tuple[str | None, ...]) -> bool:
        """Say whether the parent with these values is not there; a reference with a NULL in it has none to miss."""
        if None in cells:
            return False
        known = self._known.get((key, cells))
        if known is None:
            wanted = " AND ".join(f"{beside_parameters(quote(name))} = %s" for name in key.parent_columns)
            query = f"SELECT NOT EXISTS (SELECT FROM {beside_parameters(key.parent.sql)} WHERE {wanted})"
            row = self._live.execute(query.encode(), cells).fetchone()
            known = self._known[key, cells] = bool(row and row[0])
        return known


class Look:
    """Compares what was brought back with where it came from."""

    def __init__(self, live: "Connection", source: "Connection", parents: Parents) -> None:
        self._live, self._source, self._parents = live, source, parents
        self._ours: Catalog = read_catalog(live)
        self._theirs: Catalog = read_catalog(source)

    def changed(self, op: RecoveryOut) -> Iterator[str]:
        """Say what somebody wrote since."""
        for name in op.tables:
            if name not in self._ours.tables:  # a partition: its rows are its table's
                continue
            found = sum(1 for one in self.differences(name, None) if not self.settled(name, one))
            if found:
                yield f"{found} rows of {name}"
        for name, column in op.columns:
            given = self._default(name, column)
            found = sum(1 for one in self.differences(name, column) if not _untouched(one, given))
            if found:
                yield f"{found} cells of {name}.{column}"

    def settled(self, name: Name, one: Difference) -> bool:
        """Say whether a row differs only as the recovery itself left it: its parent is gone."""
        if one.base is None:
            return False
        ours, theirs = self._ours.tables[name], self._theirs.tables[name]
        compared = shape(theirs, ours, theirs, decided=True).compared
        was = dict(zip(compared, map(value, one.base), strict=True))
        lost = {
            column
            for key in self._ours.foreign_keys
            if key.child == name and self._parents.gone(key, tuple(was[column] for column in key.columns))
            for column in key.columns
        }
        if one.live is None:
            return bool(lost)
        now = dict(zip(compared, map(value, one.live), strict=True))
        return all(now[column] is None for column in lost) and {c for c in was if was[c] != now[c]} <= lost

    def differences(self, name: Name, column: str | None) -> Iterator[Difference]:
        """Stream the rows of a table that differ, in one column or in any."""
        ours, theirs = self._ours.tables[name], self._theirs.tables[name]
        lined = shape(theirs, ours, theirs, decided=True)
        if column is not None:
            lined = replace(lined, carried=(*lined.key, column), only_live=())
        old, new = Side(self._source, theirs, theirs.relation), Side(self._live, ours, ours.relation)
        return differences(lined, old, new)

    def _default(self, name: Name, column: str) -> str | None:
        text = self._ours.tables[name].column(column).default
        if text is None:
            return None
        return written_as(self._live, text)


def _untouched(one: Difference, given: str | None) -> bool:
    """Say whether a cell is as it came: the row is gone, or is newer and has what the column gives by itself."""
    if one.live is None:
        return True
    cell = one.live[-1]
    return one.base is None and (cell == NULL or value(cell) == given)
