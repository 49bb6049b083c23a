"""Takes a snapshot of what will be gone: every table in one read, streamed to the files of a folder."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ...ops import Execution, Op, OpResult
from ...postgres.names import Name
from ...snapshots.contents import Chosen, SavedTable, counted
from ...snapshots.manifest import SnapshotManifest
from ...snapshots.taking import TakeSnapshot
from ..snapshots.folder import SnapshotFolder, told_rows
from .doomed import read_doomed
from .dump import instant
from .programs import claim
from .saving import describe
from .session import SETTINGS
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget


def take_snapshot(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """
    Carry out a `TakeSnapshot`; what is there under its name is complete.

    Raises `ConflictError` where the tables are no longer as they were chosen, `TargetError`, `Interrupted`.
    """
    if not isinstance(op, TakeSnapshot):
        raise target.misplaced(op)
    doing = asked(f"saving tables of {op.database}")
    with SnapshotFolder(op, execution) as folder, doing, closing(target.connect(op.database)) as connection:
        claim(connection, execution)
        connection.commit()
        _begin(connection, op)
        started = instant(connection, "now()")
        doomed = read_doomed(connection, *op.wanted)
        op.require_same(doomed.choice)
        contents = describe(connection, doomed)
        found = {one.file: folder.add(one, rows_of(connection, one)) for one in contents.tables if one.file}
        contents = counted(contents, found, folder.ending)
        manifest = SnapshotManifest(
            run=op.run,
            environment=op.environment,
            server="postgresql",
            version=str(connection.info.server_version),
            identity=target.reader().identity(),
            database=op.database,
            started=started,
            finished=instant(connection, "clock_timestamp()"),
            settings=SETTINGS,
            tables=told_rows(contents),
            files=(),
            sealed=folder.sealed,
            missing=op.missing,
        )
    return folder.finish(contents, manifest)


def _begin(connection: "Connection", op: TakeSnapshot) -> None:
    """Lock the tables against being changed, then let the next statement's snapshot be that of all."""
    from psycopg import IsolationLevel

    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    names = ", ".join(_sql(one) for one in op.tables)
    connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE".encode())


def _sql(one: Chosen) -> str:
    schema, _, name = one.name.rpartition(".")
    return Name(schema or "public", name).sql


def rows_of(connection: "Connection", one: SavedTable) -> Iterator[bytes]:
    """Give the rows of a saved table as the server writes them."""
    with connection.cursor().copy(one.read.encode()) as copy:
        for row in copy:
            yield bytes(row)
