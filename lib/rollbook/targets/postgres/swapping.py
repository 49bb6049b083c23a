"""Carries out the swap: two names change hands in one transaction, with nobody in either database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...errors import ConflictError
from ...ops import Execution, OpResult, WrittenFile
from ...postgres.likeness import liken
from ...postgres.names import quote
from ...postgres.properties import READ, Properties
from ...postgres.scratch import Mark
from ...postgres.swapping import Swap, SwapRecord
from ...schema import build
from .ledger import drop_ledger
from .proof import Proof, prove
from .returning import carry_since
from .sessions import end_sessions
from .wording import worded
from .writes import read_writes

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_LOCK: Final = 0x53776170  # "Swap"


def swap(target: "PostgresTarget", op: Swap, execution: Execution) -> OpResult:
    """
    Swap, from wherever an attempt before this one came to; a swap that was done is only seen to.

    Raises ConflictError where the names are other databases by now, StepFailed where sessions do not end, and Overtaken
    where nothing proves that live was not written to since the final pass; both databases are open then as they were.
    """
    with worded("the swap"), maintenance(target, op.maintenance) as server:
        names = names_of(server, (op.live_oid, op.incoming_oid or 0))
        if names == {op.live_oid: op.kept, op.incoming_oid: op.live}:
            allow(server, op.live)
            forget_passes(target, op.live)
            return OpResult(outputs={"ended": 0, "not_carried": []})
        require_names(names, {op.live_oid: op.live, op.incoming_oid or 0: op.incoming})
        require_free(server, op.kept)
        oids = (op.live_oid, op.incoming_oid or 0)
        comment = comment_of(server, op.incoming)
        proof, ended = Proof.parse(comment), 0
        proved = proof.holds(server, oids)
        refused = _furnish(server, op)
        files = () if proved else _carried(target, server, op, execution, comment)
        with forgetting(target, op.live), open_on_failure(server, op.live, op.incoming):
            if not proved:
                proof, ended = _proved(target, server, op, execution)
            end_sessions(server, oids, execution, patience=op.patience)
            _rename(server, op, proof.incoming)
        forget_passes(target, op.live)
    return OpResult(outputs={"ended": ended, "not_carried": list(refused)}, files=files)


def _carried(
    target: "PostgresTarget", server: "Connection", op: Swap, execution: Execution, comment: str
) -> tuple[WrittenFile, ...]:
    """Where a way back led from the incoming database, carry over what was written since."""
    record = SwapRecord.parse(comment)
    if record is None:
        return ()
    allow(server, op.live, op.incoming)
    with closing(target.connect(op.live)) as live:
        live.autocommit = True
        writes = read_writes(live)
    return carry_since(target, op, op.incoming, record, writes, execution)[0]


def _proved(target: "PostgresTarget", server: "Connection", op: Swap, execution: Execution) -> tuple[Proof, int]:
    """Close both databases, and prove that nobody wrote; gives how many sessions were ended."""
    allow(server, op.live, op.incoming)  # an attempt before this one may have closed them
    with closing(target.connect(op.live)) as live, closing(target.connect(op.incoming)) as incoming:
        guards = [one.info.backend_pid for one in (live, incoming)]
        for statement in op.closing():
            server.execute(statement.encode())
        ended = end_sessions(
            server, (op.live_oid, op.incoming_oid or 0), execution, spared=guards, patience=op.patience
        )
        return prove(server, live, incoming, op, comment_of(server, op.incoming)), ended


def _rename(server: "Connection", op: Swap, writes: Mapping[str, str]) -> None:
    comment, limit = comment_of(server, op.live), limit_of(server, op.live)
    server.autocommit = False
    record = recorded(server, writes)
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


def recorded(server: "Connection", writes: Mapping[str, str]) -> SwapRecord:
    """Give the record of a swap in whose transaction this is; *writes* are the counters of what becomes live."""
    xid = server.execute("SELECT pg_catalog.pg_current_xact_id()::text::bigint").fetchone()
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return SwapRecord(at, xid[0] if xid else 0, writes)


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


@contextmanager
def forgetting(target: "PostgresTarget", live: str) -> Iterator[None]:
    """Take out of *live* what was kept there for the way back, where there is nothing to come back from."""
    try:
        yield
    except Exception:
        forget_passes(target, live)
        raise


def forget_passes(target: "PostgresTarget", live: str) -> None:
    """Drop what passes wrote down in the database that is live."""
    with closing(target.connect(live)) as connection:
        drop_ledger(connection)
        connection.commit()


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
