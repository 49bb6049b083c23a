"""Makes a database out of a backup beside the live one."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ...errors import ConflictError, Interrupted, TargetError
from ...ops import Execution, OpResult
from ...postgres.manifest import LIMIT, Manifest, read_manifest
from ...postgres.properties import Properties
from ...postgres.restoring import RestoreDatabase
from ...postgres.scratch import Mark
from .contents import differing
from .horizons import keep_horizon, read_horizon
from .programs import Host, claim, end_earlier, every, host_of, run_program
from .sessions import drop_with_sessions

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

MARKED = """
    SELECT oid::bigint, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
    WHERE datname = %s"""
_BY_HAND = "Look at it; drop it by hand, or restore into another name."
_SIZE = "SELECT pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database WHERE datname = %s"


def restore_database(target: "PostgresTarget", op: RestoreDatabase, execution: Execution) -> OpResult:
    """Make the database; under its own name nothing stands before it is complete."""
    host = host_of(target, op.host)
    end_earlier(target, host, execution)
    with maintenance(target, execution) as connection:
        drop_unfinished(connection, op.workshop, op.run)
        for statement in op.made:
            connection.execute(statement.encode())
        _fill(target, host, op, execution, connection)
    rows = _finish_contents(target, host, op, execution)
    with maintenance(target, execution) as connection:
        lacking = furnish(target, connection, op.workshop, op.properties)
        for statement in op.finishing():
            connection.execute(statement.encode())
        found = connection.execute(MARKED, (op.database,)).fetchone()
    return OpResult(outputs={"rows": rows, "not_carried": lacking, "oid": found[0] if found else 0})


@contextmanager
def maintenance(target: "PostgresTarget", execution: Execution) -> Iterator["Connection"]:
    """Give a connection on which every statement is a transaction; errors come out with what to do."""
    from psycopg import Error

    with closing(target.connect(target.postgres.maintenance)) as connection:
        connection.autocommit = True
        try:
            claim(connection, execution)
            yield connection
        except Error as error:
            raise TargetError(
                f"{target.name}: {target.safe(error)}",
                advice="The account needs CREATEDB and must be a member of the role that owns the live database.",
            ) from error


def drop_unfinished(connection: "Connection", workshop: str, run: str, *, advice: str = _BY_HAND) -> None:
    """Drop what an earlier attempt of *run* left; raises `ConflictError` for a database that it did not make."""
    found = connection.execute(MARKED, (workshop,)).fetchone()
    if found is None:
        return
    mark = Mark.parse(found[1])
    # Without a mark it was killed right after CREATE DATABASE: the name bears this run's id.
    if (mark is None and found[1]) or (mark is not None and mark.run != run) or run not in workshop:
        raise ConflictError(
            f"the database {workshop!r} is there, and this run did not make it: {found[1] or 'no comment'}",
            advice=advice,
        )
    drop_with_sessions(connection, workshop)


def _fill(
    target: "PostgresTarget", host: Host, op: RestoreDatabase, execution: Execution, connection: "Connection"
) -> None:
    with every() as due:

        def watch() -> bool:
            if due() and (row := connection.execute(_SIZE, (op.workshop,)).fetchone()):
                execution.progress(row[0], None, "B")
            return False

        run_program(target, host, op.command(os.urandom(16).hex()), execution, watch=watch)


def _finish_contents(target: "PostgresTarget", host: Host, op: RestoreDatabase, execution: Execution) -> int:
    """Analyze it, and compare it with the manifest; give the rows that were compared."""
    from psycopg import Error, IsolationLevel

    with closing(target.connect(op.workshop)) as connection:
        try:
            connection.autocommit = True
            claim(connection, execution)
            connection.execute("ANALYZE")
            connection.autocommit = False
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            manifest = _manifest(host, op) if op.manifest else None
            rows = 0 if manifest is None else _compare(connection, manifest, op, execution)
            keep_horizon(connection, "backup", None if manifest is None else manifest.horizon)
            keep_horizon(connection, "restored", read_horizon(connection))
            connection.commit()
        except Error as error:
            raise TargetError(
                f"{target.name}: what was restored could not be looked at: {target.safe(error)}",
                advice="The account must be able to read every table.",
            ) from error
    return rows


def _manifest(host: Host, op: RestoreDatabase) -> Manifest:
    content = host.files.read(op.manifest, LIMIT)
    if content is None:
        raise TargetError(f"{op.manifest} is gone", advice="Is somebody clearing backups away?")
    return read_manifest(content.decode())


def _compare(connection: "Connection", manifest: Manifest, op: RestoreDatabase, execution: Execution) -> int:
    if manifest.depth == "none":
        return 0
    problems = differing(connection, manifest.tables, _teller(manifest.rows, execution))
    if problems:
        raise TargetError(
            f"what was restored is not what the backup's manifest says: {'; '.join(problems[:10])}",
            advice=f"{op.workshop} was left for you to look at. Check the backup with postgres.backup_check.",
        )
    return manifest.rows


def _teller(total: int, execution: Execution) -> Callable[[int], None]:
    done = [0]

    def tell(rows: int) -> None:
        done[0] += rows
        execution.progress(done[0], total, "rows")
        if execution.stopping():
            raise Interrupted("the comparison of what was restored was stopped; a resume makes the database again")

    return tell


def furnish(target: "PostgresTarget", connection: "Connection", database: str, properties: Properties) -> list[str]:
    """Set rights and settings; give the statements that the account may not send."""
    from psycopg import errors

    lacking = []
    for statement in properties.furnish(database):
        try:
            connection.execute(statement.encode())
        except (errors.InsufficientPrivilege, errors.UndefinedObject) as error:
            lacking.append(f"{statement}: {target.safe(error)}")
    return lacking
