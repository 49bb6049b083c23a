"""Carries out the way back of a swap, without losing what was written since."""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import StepFailed
from ...ops import Execution, OpResult, WrittenFile
from ...postgres.names import quote
from ...postgres.scratch import Mark as ScratchMark
from ...postgres.swapping import SwapBack, SwapRecord
from .ledger import drop_ledger
from .returning import carry_since
from .sessions import end_sessions
from .stood import keep_stood
from .swapping import (
    allow,
    comment_of,
    forget_passes,
    forgetting,
    limit_of,
    maintenance,
    names_of,
    open_on_failure,
    recorded,
    require_free,
    require_names,
)
from .wording import worded
from .writes import read_writes, written

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def swap_back(target: "PostgresTarget", op: SwapBack, execution: Execution) -> OpResult:
    """
    Go back to the kept database, from wherever an attempt before this one came to.

    Raises ConflictError where the names are other databases by now, and StepFailed where rows written since do not fit
    and nobody decided, where sessions do not end, or where somebody goes on writing; the new database is live then.
    """
    with worded("the way back"), maintenance(target, op.maintenance) as server:
        names = names_of(server, (op.live_oid, op.kept_oid))
        if names == {op.live_oid: op.incoming, op.kept_oid: op.live}:
            allow(server, op.live)
            return OpResult()
        require_names(names, {op.live_oid: op.live, op.kept_oid: op.kept})
        require_free(server, op.incoming)
        allow(server, op.live, op.kept)
        forget_passes(target, op.live)  # a swap may have been killed when all but this was done
        try:
            files, rows = _carried(target, server, op, execution)
        except BaseException:
            _close(server, op.kept)
            raise
    return OpResult(outputs={"carried_back": rows}, files=files)


def _carried(
    target: "PostgresTarget", server: "Connection", op: SwapBack, execution: Execution
) -> tuple[tuple[WrittenFile, ...], int]:
    """Carry the rows back where there are any, and put the kept database in its place."""
    with closing(target.connect(op.live)) as live:
        live.autocommit = True
        writes = read_writes(live)
    files, rows = _carry(target, server, op, execution, writes)
    with forgetting(target, op.live), open_on_failure(server, op.live):
        _rename(server, op, _prove(target, server, op, execution, writes))
    return files, rows


def _carry(
    target: "PostgresTarget", server: "Connection", op: SwapBack, execution: Execution, writes: Mapping[str, str]
) -> tuple[tuple[WrittenFile, ...], int]:
    record = SwapRecord.parse(comment_of(server, op.kept))
    if record is None:
        raise StepFailed(
            f"What was written to {op.live} since the swap is not known: the comment on {op.kept} was changed.",
            advice="Compare the two databases, bring over by hand what is missing, and rename them by hand.",
        )
    return carry_since(target, op, op.kept, record, writes, execution)


def _prove(
    target: "PostgresTarget", server: "Connection", op: SwapBack, execution: Execution, writes: Mapping[str, str]
) -> Mapping[str, str]:
    """End every session, and prove that nobody wrote while rows were carried back; gives the other's counters."""
    oids = (op.live_oid, op.kept_oid)
    with closing(target.connect(op.live)) as live, closing(target.connect(op.kept)) as kept:
        live.autocommit = kept.autocommit = True
        guards = [one.info.backend_pid for one in (live, kept)]
        _close(server, op.live, op.kept)
        end_sessions(server, oids, execution, spared=guards, patience=op.patience)
        changed = written(writes, read_writes(live))
        if not changed:
            kept.autocommit = False
            keep_stood(kept, live)
            drop_ledger(kept)
            kept.commit()
            writes = read_writes(kept)
    if changed:
        raise StepFailed(
            f"{op.live} was written to meanwhile ({', '.join(changed[:10])}): nothing was swapped.",
            advice="Put the fence up (postgres.fence), then go on: the rows are carried anew.",
        )
    end_sessions(server, oids, execution, patience=op.patience)
    return writes


def _close(server: "Connection", *names: str) -> None:
    for name in names:
        server.execute(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS false".encode())


def _rename(server: "Connection", op: SwapBack, writes: Mapping[str, str]) -> None:
    comment, limit = comment_of(server, op.live), limit_of(server, op.live)
    server.autocommit = False
    record = recorded(server, writes).beside(ScratchMark(op.run, "restored", op.live))
    for statement in op.renames(comment, record, limit):
        server.execute(statement.encode())
    server.commit()
    server.autocommit = True
