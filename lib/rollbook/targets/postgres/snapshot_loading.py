"""Loads a snapshot into a database beside the live one, and compares it with what was saved."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Interrupted, TargetError
from ...ops import Execution, Op, OpResult
from ...snapshots.contents import SavedTable
from ...snapshots.loading import LoadSnapshot
from ..snapshots.folder import summed
from ..snapshots.rowfile import unpacked
from .programs import claim, end_earlier, host_of
from .recovery import run
from .restore import MARKED, drop_unfinished, furnish, maintenance
from .snapshots import rows_of
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def load_snapshot(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """
    Carry out a `LoadSnapshot`: its mark says that it is complete. A half that this run left before is dropped.

    Raises `TargetError` where what was loaded is not what was saved, and leaves it to be looked at.
    """
    if not isinstance(op, LoadSnapshot):
        raise target.misplaced(op)
    identity = target.secrets.value(op.identity) if op.identity else ""
    end_earlier(target, host_of(target, "local"), execution)
    with maintenance(target, execution) as connection:
        drop_unfinished(connection, op.database, op.run)
        run(connection, op.making())
    with asked(f"loading {op.path}"), closing(target.connect(op.database)) as connection:
        claim(connection, execution)
        loader = _Loader(connection, op, execution, identity)
        loader.load()
        connection.commit()
        loader.compare()
        connection.rollback()
        connection.autocommit = True
        connection.execute("ANALYZE")
    with maintenance(target, execution) as connection:
        lacking = furnish(target, connection, op.database, op.properties) if op.properties else []
        run(connection, [op.marking("scratch")])
        found = connection.execute(MARKED, (op.database,)).fetchone()
    rows = op.contents.rows
    return OpResult({"rows": rows, "not_carried": lacking, "oid": found[0] if found else 0})


class _Loader:
    """Makes the tables and loads their rows, all in one transaction, then reads them again."""

    def __init__(self, connection: "Connection", op: LoadSnapshot, execution: Execution, identity: str) -> None:
        self._connection, self._op, self._execution, self._identity = connection, op, execution, identity
        self._done = 0

    def load(self) -> None:
        """Make all of it."""
        contents = self._op.contents
        run(self._connection, contents.prepare)
        for one in contents.tables:
            run(self._connection, one.before)
            if one.load:
                self._copy(one)
            run(self._connection, one.after)
        run(self._connection, contents.finish)

    def _copy(self, one: SavedTable) -> None:
        content = unpacked(Path(self._op.path) / one.file, self._op.sealed, self._identity)
        with self._connection.cursor().copy(one.load.encode()) as copy, content as pieces:
            for piece in pieces:
                copy.write(piece)
                self._tell(self._done + piece.count(b"\n"))

    def compare(self) -> None:
        """Read the rows again. Raises `TargetError` for those that are not as they were saved."""
        for one in self._op.contents.tables:
            if not one.file:
                continue
            found = summed(rows_of(self._connection, one), lambda _: self._tell(self._done))
            if (found.rows, found.sum) != (one.rows, one.sum):
                raise TargetError(
                    f"what was loaded into {one.name} is not what was saved: {found.rows} rows of {one.rows}, "
                    f"with the sum {found.sum} and not {one.sum}",
                    advice=f"{self._op.database} was left for you to look at. Check the snapshot: sql.snapshot_check.",
                )

    def _tell(self, done: int) -> None:
        self._done = done
        self._execution.progress(done, self._op.contents.rows, "rows")
        if self._execution.stopping():
            raise Interrupted(f"stopped while {self._op.database} was made; a resume makes it again")
