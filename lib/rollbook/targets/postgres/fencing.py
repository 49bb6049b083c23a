"""Carries out fences."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import ConflictError
from ...ops import Execution, OpResult
from ...postgres.fencing import FenceSet, SessionsEnd
from .sessions import end_sessions
from .wording import worded

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def fence_set(target: "PostgresTarget", op: FenceSet, _execution: Execution) -> OpResult:
    """Set limit, logins and mark in one transaction. Raises ConflictError where the name is another database by now."""
    with worded("the fence"), closing(target.connect(op.maintenance)) as connection:
        require_oid(connection, op.database, op.oid)
        for statement in op.statements():
            connection.execute(statement.encode())
        connection.commit()
    return OpResult()


def sessions_end(target: "PostgresTarget", op: SessionsEnd, execution: Execution) -> OpResult:
    """End the sessions that are not the tool's."""
    with worded("the fence"), closing(target.connect(op.maintenance)) as connection:
        connection.autocommit = True
        require_oid(connection, op.database, op.oid)
        ended = end_sessions(connection, [op.oid], execution, own=False, patience=op.patience)
    return OpResult(outputs={"ended": ended})


def require_oid(connection: "Connection", database: str, oid: int) -> None:
    """Raise ConflictError unless the database of this name is the one that is meant."""
    row = connection.execute("SELECT oid FROM pg_catalog.pg_database WHERE datname = %s", (database,)).fetchone()
    if row != (oid,):
        raise ConflictError(
            f"{database} is not the database that it was (OID {oid}, now {row[0] if row else 'none'}).",
            advice="Somebody renamed or replaced it. Look at the server, then plan again.",
        )
