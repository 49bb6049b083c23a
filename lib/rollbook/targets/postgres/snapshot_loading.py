"""Loads a snapshot into a database beside the live one, and compares it with what was saved."""

import re
from collections.abc import Sequence
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, TargetError
from ...ops import Execution, Op, OpResult
from ...snapshots.contents import SavedTable
from ...snapshots.loading import LoadSnapshot
from ..snapshots.folder import summed
from ..snapshots.rowfile import unpacked
from .differences import at_once
from .programs import claim, end_earlier, host_of
from .recovery import run
from .restore import MARKED, drop_unfinished, furnish, maintenance
from .snapshots import rows_of
from .wording import asked

_OF_ROLES: Final = re.compile(r"GRANT |CREATE POLICY |COMMENT ON POLICY |ALTER \w+ .+ OWNER TO ")

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
    with (
        asked(f"loading {op.path}"),
        closing(target.connect(op.database)) as connection,
        closing(target.connect(op.database)) as reading,
    ):
        for one in (connection, reading):
            one.autocommit = True
            claim(one, execution)
        loader = _Loader(connection, reading, op, execution, identity)
        loader.load()
        at_once(loader.complete, loader.compare)
        connection.execute("ANALYZE")
    with maintenance(target, execution) as connection:
        lacking = furnish(target, connection, op.database, op.properties) if op.properties else []
        lacking = [*loader.lacking, *lacking]
        run(connection, [op.marking("scratch")])
        found = connection.execute(MARKED, (op.database,)).fetchone()
    rows = op.contents.rows
    return OpResult({"rows": rows, "not_carried": lacking, "oid": found[0] if found else 0})


class _Loader:
    """
    Makes the tables and loads their rows, then makes all that is over rows while another connection reads them again.

    Nothing of it counts before the database is marked. What can only be made while nobody reads a table, as its primary
    key, comes before that; were there more of it, it would wait until the table has been read.
    """

    def __init__(
        self, connection: "Connection", reading: "Connection", op: LoadSnapshot, execution: Execution, identity: str
    ) -> None:
        self._connection, self._reading = connection, reading
        self._op, self._execution, self._identity = op, execution, identity
        self._done = 0
        self._rest: list[str] = []
        self.lacking: list[str] = []  # owners and rights of roles that are there no more

    def load(self) -> None:
        """Make the tables, with their rows."""
        contents = self._op.contents
        with self._connection.transaction():
            run(self._connection, contents.prepare)
            for one in contents.tables:
                self._make(one.before)
                if one.load:
                    self._copy(one)
                # Parts find the indexes of a table without rows of its own there, and make theirs by them.
                alone = list(takewhile(_is_alone, one.after)) if one.load else one.after
                self._make(alone)
                self._rest += one.after[len(alone) :]

    def complete(self) -> None:
        """Make indexes, foreign keys, and whatever else comes after the rows."""
        for statement in (*self._rest, *self._op.contents.finish):
            self._stop_if_told()
            self._make([statement])

    def _make(self, statements: Sequence[str]) -> None:
        """Send them; what only says whose a table is, and who may use it, does not keep the rows from coming back."""
        from psycopg import errors

        missing = (errors.UndefinedObject, errors.UndefinedColumn, errors.UndefinedTable, errors.UndefinedFunction)
        for statement in statements:
            if not _OF_ROLES.match(statement):
                run(self._connection, [statement])
                continue
            try:
                with self._connection.transaction():
                    run(self._connection, [statement])
            except (*missing, errors.InvalidSchemaName) as error:
                self.lacking.append(f"{statement}: {error.diag.message_primary}")

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
            found = summed(rows_of(self._reading, one), lambda _: self._tell(self._done))
            if (found.rows, found.sum) != (one.rows, one.sum):
                raise TargetError(
                    f"what was loaded into {one.name} is not what was saved: {found.rows} rows of {one.rows}, "
                    f"with the sum {found.sum} and not {one.sum}",
                    advice=f"{self._op.database} was left for you to look at. Check the snapshot: sql.snapshot_check.",
                )

    def _tell(self, done: int) -> None:
        self._done = done
        self._execution.progress(done, self._op.contents.rows, "rows")
        self._stop_if_told()

    def _stop_if_told(self) -> None:
        if self._execution.stopping():
            raise Interrupted(f"stopped while {self._op.database} was made; a resume makes it again")


def _is_alone(statement: str) -> bool:
    """Say whether the server lets nobody read the table meanwhile."""
    return statement.startswith("ALTER TABLE")
