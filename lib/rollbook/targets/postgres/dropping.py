"""Drops a database that a run made or kept."""

from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...ops import Execution, OpResult
from ...postgres.dropping import DatabaseDrop
from ...postgres.names import quote
from ...postgres.scratch import Mark
from .restore import MARKED, maintenance

if TYPE_CHECKING:
    from .target import PostgresTarget


def drop_database(target: "PostgresTarget", op: DatabaseDrop, execution: Execution) -> OpResult:
    """Drop the database, if it bears the run's mark and nobody is connected."""
    with maintenance(target, execution) as connection:
        found = connection.execute(MARKED, (op.database,)).fetchone()
        if found is None:
            return OpResult()
        mark = Mark.parse(found[1])
        if mark is None or mark.run != op.run:
            raise ConflictError(
                f"{target.name}: {op.database!r} does not bear the mark of run {op.run}: {found[1] or 'no comment'}",
                advice="It was not dropped. Look at it, and drop it by hand if it is not needed.",
            )
        # Without FORCE: whoever is connected makes it fail.
        connection.execute(f"DROP DATABASE {quote(op.database)}".encode())
    return OpResult()
