"""Takes a backup: pg_dump and the manifest, both in one exported snapshot."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...errors import Interrupted, TargetError
from ...ops import Execution, OpResult, WrittenFile
from ...postgres.dumping import CLEAR, COMPLETE, FILES, PREPARE, PRIVATELY, SNAPSHOT, SnapshotDump
from ...postgres.horizon import Horizon
from ...postgres.manifest import DUMP, FILE, SUMS, FileEntry, Manifest
from .contents import Contents, read_contents
from .horizons import leave_witness, read_horizon
from .programs import Host, claim, end_earlier, every, host_of, run_program, run_script
from .session import SETTINGS

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_SIZE = 'du -sk -- "$1" 2>/dev/null | cut -f1'


def snapshot_dump(target: "PostgresTarget", op: SnapshotDump, execution: Execution) -> OpResult:
    """Take the backup; what is there under its name is complete."""
    host = host_of(target, op.host)
    end_earlier(target, host, execution)
    run_script(host, PREPARE, op.folder, op.partial)
    try:
        return _taken(target, host, op, execution)
    except TargetError:
        # It may be for want of room, and nobody else looks for it there. What was killed or stopped is left to resume.
        run_script(host, CLEAR, op.partial)
        raise


def _taken(target: "PostgresTarget", host: Host, op: SnapshotDump, execution: Execution) -> OpResult:
    with _snapshot(target, op.database, execution) as (connection, snapshot, started):
        horizon = _horizon(target, op.database, connection)
        contents = _dumped(target, host, op, execution, connection, snapshot)
        finished = instant(connection, "clock_timestamp()")
        version = connection.info.server_version
    if contents.sums:
        host.files.write(f"{op.partial}/{SUMS}", contents.sums, "0600")
    manifest = Manifest(
        run=op.run,
        database=op.database,
        version=version,
        started=started,
        finished=finished,
        depth=op.manifest,
        properties=op.properties,
        tables=contents.tables,
        files=_files(host, op.partial),
        settings=SETTINGS,
        large_objects=contents.large_objects,
        horizon=horizon,
    )
    text = manifest.text().encode()
    host.files.write(f"{op.partial}/{FILE}", text, "0600")
    run_script(host, COMPLETE, op.partial, op.path, op.folder)
    written = WrittenFile(f"{op.path}/{FILE}", len(text), hashlib.sha256(text).hexdigest())
    return OpResult(outputs={"path": op.path, "sha256": written.sha256}, files=(written,))


@contextmanager
def _snapshot(target: "PostgresTarget", database: str, execution: Execution) -> Iterator[tuple["Connection", str, str]]:
    """Give a connection with its snapshot exported, the snapshot's name and its instant."""
    from psycopg import Error, IsolationLevel

    with closing(target.connect(database)) as connection:
        claim(connection, execution)
        connection.commit()
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            row = connection.execute(SNAPSHOT).fetchone()
            yield connection, row[0] if row else "", instant(connection, "now()")
        except Error as error:
            raise TargetError(
                f"{target.name}: the backup of {database} failed: {target.safe(error)}",
                advice="The account must be able to read every table; through a pooler no snapshot holds.",
            ) from error


def _horizon(target: "PostgresTarget", database: str, snapshot: "Connection") -> Horizon | None:
    """Read where the snapshot stands; its witness begins after it, so that no other history can have both."""
    found = read_horizon(snapshot)
    if found is None:
        return None
    with closing(target.connect(database)) as beside:
        return found.sealed(leave_witness(beside))


def instant(connection: "Connection", function: str) -> str:
    """Give what a function of the server's says of the time, as ISO 8601 UTC."""
    row = connection.execute(f"SELECT pg_catalog.{function}").fetchone()
    at: datetime = row[0] if row else datetime.now(UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dumped(
    target: "PostgresTarget",
    host: Host,
    op: SnapshotDump,
    execution: Execution,
    connection: "Connection",
    snapshot: str,
) -> Contents:
    """Run pg_dump while the manifest is read; whichever fails ends the other."""
    argv = ("sh", "-c", PRIVATELY, "sh", *op.dump(snapshot))
    with ThreadPoolExecutor(1) as pool, every() as due:
        reading = pool.submit(read_contents, connection, op.manifest)

        def watch() -> bool:
            if due():
                execution.progress(_size(host, f"{op.partial}/{DUMP}"), None, "B")
            return _failed(reading)

        try:
            run_program(target, host, argv, execution, watch=watch)
        except BaseException:
            if _failed(reading):
                reading.result()
            connection.cancel_safe()
            raise
        return _finished(reading, execution, connection)


def _failed(reading: "Future[Contents]") -> bool:
    return reading.done() and reading.exception() is not None


def _finished(reading: "Future[Contents]", execution: Execution, connection: "Connection") -> Contents:
    while not wait((reading,), timeout=0.2).done:
        if execution.stopping():
            connection.cancel_safe()
            raise Interrupted("the backup was stopped while its manifest was read; it may be taken again")
    return reading.result()


def _size(host: Host, folder: str) -> int:
    said = run_script(host, _SIZE, folder).strip()
    return int(said) * 1024 if said.isdigit() else 0


def _files(host: Host, folder: str) -> tuple[FileEntry, ...]:
    hashes, _, sizes = run_script(host, FILES, folder).partition("\n\n")
    size = {path.removeprefix("./"): int(count) for count, path in _pairs(sizes)}
    found = ((path.removeprefix("./"), digest) for digest, path in _pairs(hashes))
    return tuple(FileEntry(path, size[path], digest) for path, digest in sorted(found))


def _pairs(listing: str) -> Iterator[tuple[str, str]]:
    for line in listing.splitlines():
        first, _, path = line.partition("  ")
        yield first, path
