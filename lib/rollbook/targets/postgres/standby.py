"""Ends sessions on a standby that go on reading a database which is no longer live."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, StepFailed
from ...ops import Execution, OpResult
from ...postgres.swapping import StaleSessionsEnd
from .sessions import end_sessions
from .wording import worded

if TYPE_CHECKING:
    from .target import PostgresTarget

_PAUSE: Final = 0.1


def stale_sessions_end(target: "PostgresTarget", op: StaleSessionsEnd, execution: Execution) -> OpResult:
    """Wait until the standby has followed the swap, then end the sessions. Raises StepFailed where it does not."""
    until = time.monotonic() + op.patience
    with worded("the end of sessions"), closing(target.connect(op.maintenance)) as standby:
        standby.autocommit = True
        while True:
            query = "SELECT datname FROM pg_catalog.pg_database WHERE oid = %s"
            found = standby.execute(query, (op.oid,)).fetchone()
            if found == (op.database,):
                break
            if time.monotonic() > until:
                raise StepFailed(
                    f"{target.name} has not followed the swap in {op.patience:.0f} seconds: OID {op.oid} is"
                    f" {found[0] if found else 'not there'} there, not {op.database}.",
                    advice="Look at its replication lag; resume when it follows again.",
                )
            if execution.stopping():
                raise Interrupted("stopped while a standby was waited for")
            time.sleep(_PAUSE)
        ended = end_sessions(standby, [op.oid], execution, patience=op.patience)
    return OpResult(outputs={"ended": ended})
