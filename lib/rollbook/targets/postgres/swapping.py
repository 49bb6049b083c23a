"""Carries out the swap: two names change hands in one transaction, with nobody in either database."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...errors import ConflictError, StepFailed
from ...ops import Execution, OpResult
from ...postgres.likeness import liken
from ...postgres.names import literal, quote
from ...postgres.properties import READ, Properties
from ...postgres.scratch import Mark
from ...postgres.swapping import Swap, SwapRecord
from ...schema import build
from .ledger import drop_ledger, last_final, passes
from .sessions import end_sessions
from .wording import worded
from .writes import counted_anew, read_writes, written

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_LOCK: Final = 0x53776170  # "Swap"


def swap(target: "PostgresTarget", op: Swap, execution: Execution) -> OpResult:
    """
    Swap, from wherever an attempt before this one came to; a swap that was done is only seen to.

    Raises ConflictError where the names are other databases by now, and StepFailed where sessions do not end or live
    was written to since the final pass; both databases are open then as they were.
    """
    with worded("the swap"), maintenance(target, op.maintenance) as server:
        names = names_of(server, (op.live_oid, op.incoming_oid or 0))
        if names == {op.live_oid: op.kept, op.incoming_oid: op.live}:
            allow(server, op.live)
            return OpResult(outputs={"ended": 0, "not_carried": []})
        require_names(names, {op.live_oid: op.live, op.incoming_oid or 0: op.incoming})
        require_free(server, op.kept)
        refused = _furnish(server, op)
        with open_on_failure(server, op.live, op.incoming):
            ended = _swap(target, server, op, execution)
    return OpResult(outputs={"ended": ended, "not_carried": list(refused)})


def _swap(target: "PostgresTarget", server: "Connection", op: Swap, execution: Execution) -> int:
    allow(server, op.live, op.incoming)  # an attempt before this one may have closed them
    oids = (op.live_oid, op.incoming_oid or 0)
    with closing(target.connect(op.live)) as live, closing(target.connect(op.incoming)) as incoming:
        guards = [one.info.backend_pid for one in (live, incoming)]
        for statement in op.closing():
            server.execute(statement.encode())
        ended = end_sessions(server, oids, execution, spared=guards, patience=op.patience)
        _prove(server, live, incoming, op)
        writes = read_writes(incoming)
    end_sessions(server, oids, execution, patience=op.patience)
    _rename(server, op, writes)
    return ended


def _prove(server: "Connection", live: "Connection", incoming: "Connection", op: Swap) -> None:
    """Prove that nobody wrote since the final pass, and drop what the passes wrote down."""
    told = last_final(incoming)
    comment = comment_of(server, op.incoming)
    if told is None and passes(incoming):
        raise StepFailed(
            f"The last pass that carried rows into {op.incoming} was no final one.",
            advice="Carry a final pass behind the fence, then swap.",
        )
    wanted: Mapping[str, str] = _noted(comment) if told is None else told.writes
    if not wanted:
        return
    live.autocommit = True
    found = read_writes(live)
    if counted_anew(wanted, found):
        raise StepFailed(
            f"The server has lost its counters since the final pass, as it does when it crashes: nothing proves any"
            f" more that {op.live} was not written to. Nothing was swapped.",
            advice="Undo this run, which leaves the site as it was, and begin it again: no row is lost by that.",
        )
    changed = written(wanted, found)
    if changed:
        raise StepFailed(
            f"{op.live} was written to since the final pass began: {', '.join(changed[:10])}"
            f"{'' if len(changed) <= 10 else f' and {len(changed) - 10} more tables'}. Nothing was swapped.",
            advice="Who writes past the fence? Shut them out, and carry a final pass again before the swap.",
        )
    # What proves it must outlive the ledger, for a crash between here and the swap.
    first = comment.partition("\n")[0]
    noted = f"{first}\n{json.dumps({'writes': dict(wanted)}, sort_keys=True)}"
    incoming.execute(f"COMMENT ON DATABASE {quote(op.incoming)} IS {literal(noted)}".encode())
    drop_ledger(incoming)
    incoming.commit()


def _noted(comment: str) -> Mapping[str, str]:
    _, _, text = comment.partition("\n")
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found.get("writes", {}) if isinstance(found, dict) else {}


def _rename(server: "Connection", op: Swap, writes: Mapping[str, str]) -> None:
    comment, limit = comment_of(server, op.live), limit_of(server, op.live)
    server.autocommit = False
    xid = server.execute("SELECT pg_catalog.pg_current_xact_id()::text::bigint").fetchone()
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    record = SwapRecord(at, xid[0] if xid else 0, writes)
    for statement in op.renames(comment, record.beside(Mark(op.run, "kept", op.live)), limit):
        server.execute(statement.encode())
    server.commit()
    server.autocommit = True


def _furnish(server: "Connection", op: Swap) -> Sequence[str]:
    """Give the incoming database what live has as a whole; gives the statements that were refused."""
    from psycopg import Error

    have, want = (properties_of(server, name) for name in (op.incoming, op.live))
    refused = []
    for statement in liken(op.incoming, have, want):
        try:
            server.execute(statement.encode())
        except Error as error:
            refused.append(f"{statement}: {str(error).strip()}")
    return refused


# What both directions need.


@contextmanager
def maintenance(target: "PostgresTarget", database: str) -> Iterator["Connection"]:
    """Give a session from which databases are renamed; waits until one of a process that was killed has ended."""
    with closing(target.connect(database)) as server:
        server.autocommit = True
        server.execute("SELECT pg_catalog.pg_advisory_lock(%s)", (_LOCK,))
        yield server


@contextmanager
def open_on_failure(server: "Connection", *names: str) -> Iterator[None]:
    """Let databases take connections again when what is done while they are closed fails."""
    try:
        yield
    except BaseException:
        server.rollback()
        server.autocommit = True
        allow(server, *names)
        raise


def allow(server: "Connection", *names: str) -> None:
    """Let databases take connections."""
    for name in names:
        server.execute(f"ALTER DATABASE {quote(name)} ALLOW_CONNECTIONS true".encode())


def names_of(server: "Connection", oids: Sequence[int]) -> dict[int | None, str]:
    """Give the names of databases by OID."""
    found = server.execute(
        "SELECT oid::bigint, datname FROM pg_catalog.pg_database WHERE oid = ANY (%s)", (list(oids),)
    )
    return dict(found.fetchall())


def require_names(found: Mapping[int | None, str], wanted: Mapping[int, str]) -> None:
    """Raise ConflictError unless every database has the name that it should."""
    for oid, name in wanted.items():
        if found.get(oid) != name:
            raise ConflictError(
                f"{name} should be the database with OID {oid or 'that was restored'}, which is"
                f" {found.get(oid) or 'not there'}. Nothing was renamed.",
                advice="Somebody renamed, made or dropped a database. Look at the server, then plan again.",
            )


def require_free(server: "Connection", name: str) -> None:
    """Raise ConflictError where a database has the name already."""
    if server.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone() is not None:
        raise ConflictError(f"There is a database {name} already.", advice="Choose another name for what is kept.")


def comment_of(server: "Connection", name: str) -> str:
    """Give a database's comment, empty where it has none."""
    query = "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %s"
    row = server.execute(query, (name,)).fetchone()
    return row[0] or "" if row else ""


def limit_of(server: "Connection", name: str) -> int:
    """Give a database's connection limit."""
    row = server.execute("SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone()
    return row[0] if row else -1


def properties_of(server: "Connection", name: str) -> Properties:
    """Read what belongs to a database as a whole."""
    from psycopg.rows import dict_row

    with server.cursor(row_factory=dict_row) as cursor:
        cursor.execute(READ.replace(":database", "%(database)s").encode(), {"database": name})
        row = cursor.fetchone()
    return build(Properties, row)
