"""Ends sessions in databases, and waits until they have ended."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, StepFailed
from ...ops import Execution
from ...postgres.names import quote

if TYPE_CHECKING:
    from .session import Connection

_END: Final = """
    SELECT pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), '?'), backend_type,
           pg_catalog.pg_terminate_backend(pid)
    FROM pg_catalog.pg_stat_activity
    WHERE datid = ANY (%s) AND pid <> pg_catalog.pg_backend_pid() AND NOT pid = ANY (%s)
      AND (backend_type = 'client backend' OR backend_type LIKE 'logical replication%%')
      AND (%s OR coalesce(application_name, '') NOT LIKE 'rollbook%%')"""
_OWN: Final = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'"""
_PAUSE: Final = 0.02


def drop_with_sessions(connection: "Connection", database: str) -> None:
    """
    End the sessions of clients in a database, and drop it, if it is there.

    Not `WITH (FORCE)`: that asks for the right to end every process that is in, and none but a superuser may end a
    worker of autovacuum (it has no role), which a plain DROP DATABASE ends by itself. That waits 5 seconds for those
    that were told to go.
    """
    connection.execute(_OWN, (database,))
    connection.execute(f"DROP DATABASE IF EXISTS {quote(database)}".encode())


def end_sessions(
    connection: "Connection",
    databases: Sequence[int],
    execution: Execution,
    *,
    spared: Sequence[int] = (),
    own: bool = True,
    patience: float = 60.0,
) -> int:
    """
    End every session in databases given by OID, but those of processes that are *spared*; gives how many there were.

    Without *own*, the tool's other sessions stay too. Raises StepFailed naming who is still in when *patience* has
    run out.
    """
    from psycopg import errors

    until, ended = time.monotonic() + patience, set()
    while True:
        try:
            found = connection.execute(_END, (list(databases), list(spared), own)).fetchall()
        except errors.InsufficientPrivilege as error:
            raise StepFailed(
                f"A session could not be ended: {error}".strip(),
                advice="End the sessions of superusers by hand, or have pg_signal_backend granted to the account.",
            ) from error
        ended |= {pid for pid, *_ in found}
        if not found:
            return len(ended)
        if time.monotonic() > until:
            raise _still_in([f"{user} ({program}, process {pid})" for pid, user, program, _, _ in found], patience)
        if execution.stopping():
            raise Interrupted("stopped while sessions were ended")
        time.sleep(_PAUSE)


def _still_in(sessions: Sequence[str], patience: float) -> StepFailed:
    return StepFailed(
        f"{len(sessions)} sessions are still in after {patience:.0f} seconds: {', '.join(sessions[:10])}.",
        advice="End them, or find out why they do not end; then go on.",
    )
