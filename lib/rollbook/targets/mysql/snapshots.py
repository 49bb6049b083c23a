"""Takes a snapshot of what will be gone from a schema, loads one into a schema beside it, and drops that."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...errors import ConflictError, Interrupted, TargetError
from ...mysql.names import quote
from ...mysql.rowtext import adding_up
from ...ops import Execution, Op, OpResult
from ...postgres.scratch import Mark
from ...snapshots.contents import SavedTable, counted
from ...snapshots.dropping import SchemaDrop
from ...snapshots.loading import LoadSnapshot
from ...snapshots.manifest import SnapshotManifest
from ...snapshots.taking import TakeSnapshot
from ..snapshots.folder import SnapshotFolder, saved_rows, told_rows
from ..snapshots.rowfile import shown_sum
from .doomed import describe, read_doomed
from .session import SETTINGS, rows, run, streamed, texts
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget
    from .session import Connection

_NOW: Final = "SELECT unix_timestamp({})"
_MARKED: Final = """
    SELECT s.schema_name, COALESCE(t.table_comment, '') FROM information_schema.schemata s
    LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name AND t.table_name = '_rollbook'
    WHERE s.schema_name = %s"""
# What a column let in once, it lets in again; every row is compared afterwards.
_AS_IT_WAS: Final = "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
_LONGEST: Final = 1 << 20  # bytes of rows in one statement


def take_snapshot(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """
    Carry out a `TakeSnapshot`; what is there under its name is complete.

    Raises `ConflictError` where the tables are no longer as they were chosen, `TargetError`, `Interrupted`.
    """
    if not isinstance(op, TakeSnapshot):
        raise target.misplaced(op)
    doing = asked(target.name, f"saving tables of {op.database}")
    with SnapshotFolder(op, execution) as folder, doing, closing(target.connect_mysql(reading=True)) as connection:
        started = _instant(connection)
        for one in op.tables:
            # From now on nobody changes how it is made, until all is read.
            rows(connection, f"SELECT 1 FROM {quote(one.name)} LIMIT 0")
        doomed = read_doomed(connection, op.database, *op.wanted)
        op.require_same(doomed.choice)
        contents = describe(connection, doomed)
        found = {one.file: folder.add(one, rows_of(connection, one)) for one in contents.tables}
        contents = counted(contents, found, folder.ending)
        manifest = SnapshotManifest(
            run=op.run,
            environment=op.environment,
            server="mysql",
            version=doomed.catalog.version,
            identity=target.reader().identity(),
            database=op.database,
            started=started,
            finished=_instant(connection),
            settings={str(number): setting for number, setting in enumerate(SETTINGS)},
            tables=told_rows(contents),
            files=(),
            sealed=folder.sealed,
            missing=op.missing,
        )
    return folder.finish(contents, manifest)


def _instant(connection: "Connection") -> str:
    seconds = texts(connection, _NOW.format("sysdate(3)"))[0][0]
    at = datetime.fromtimestamp(float(seconds), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rows_of(connection: "Connection", one: SavedTable) -> Iterator[bytes]:
    """Stream the rows of a saved table as the server writes them. Raises `TargetError` for one that is too long."""
    with streamed(connection, one.read) as cursor:
        for (row,) in cursor:
            if row is None:
                raise TargetError(
                    f"a row of {one.name} is longer than the server sends at once",
                    advice="Raise max_allowed_packet of the server to three times its longest row, then try again.",
                )
            yield row


def load_snapshot(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """
    Carry out a `LoadSnapshot`: its mark says that it is complete. A half that this run left before is dropped.

    Raises `TargetError` where what was loaded is not what was saved, and leaves it to be looked at.
    """
    if not isinstance(op, LoadSnapshot):
        raise target.misplaced(op)
    identity = target.secrets.value(op.identity) if op.identity else ""
    with asked(target.name, f"loading {op.path}"), closing(target.connect_mysql()) as connection:
        drop_unfinished(connection, op.database, op.run)
        for statement in op.making():
            run(connection, statement)
        connection.select_db(op.database)
        run(connection, _AS_IT_WAS)
        loader = _Loader(connection, op, execution, identity)
        loader.load()
        loader.compare()
        run(connection, op.marking("scratch"))
    return OpResult({"rows": op.contents.rows, "not_carried": []})


def drop_unfinished(connection: "Connection", database: str, run_id: str) -> None:
    """Drop what an attempt that was killed left. Raises `ConflictError` for a schema that the run did not make."""
    comment = read_mark(connection, database)
    if comment is None:
        return
    mark = Mark.parse(comment)
    # Without a mark it was killed right after CREATE DATABASE: the name bears this run's id.
    if (mark is None and comment) or (mark is not None and mark.run != run_id) or run_id not in database:
        raise ConflictError(
            f"the database {database!r} is there, and this run did not make it: {comment or 'no mark'}",
            advice="Look at it, and drop it by hand if nobody needs it.",
        )
    run(connection, f"DROP DATABASE {quote(database)}")


def read_mark(connection: "Connection", database: str) -> str | None:
    """Give the mark on a schema; empty where it has none, None where there is no such schema."""
    found = texts(connection, _MARKED, (database,))
    return found[0][1] if found else None


class _Loader:
    """Makes the tables and loads their rows, then has the server add them up."""

    def __init__(self, connection: "Connection", op: LoadSnapshot, execution: Execution, identity: str) -> None:
        self._connection, self._op, self._execution, self._identity = connection, op, execution, identity
        self._done = 0
        packet = int(texts(connection, "SELECT @@max_allowed_packet")[0][0])
        self._longest = min(_LONGEST, packet // 2)

    def load(self) -> None:
        """Make all of it."""
        contents = self._op.contents
        for statement in contents.prepare:
            run(self._connection, statement)
        for one in contents.tables:
            for statement in one.before:
                run(self._connection, statement)
            for batch in self._batches(saved_rows(self._op.path, one, self._op.sealed, self._identity)):
                self._insert(one.load.encode(), batch)
            self._connection.commit()
            for statement in one.after:
                run(self._connection, statement)
        for statement in contents.finish:
            run(self._connection, statement)

    def _batches(self, lines: Iterator[bytes]) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += len(line)
            if size >= self._longest:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _insert(self, head: bytes, batch: list[bytes]) -> None:
        self._connection.query(head + b" " + b",".join(batch))
        self._done += len(batch)
        self._execution.progress(self._done, self._op.contents.rows, "rows")
        if self._execution.stopping():
            raise Interrupted(f"stopped while {self._op.database} was made; a resume makes it again")

    def compare(self) -> None:
        """Have the rows added up. Raises `TargetError` for those that are not as they were saved."""
        for one in self._op.contents.tables:
            ((count, total),) = texts(self._connection, adding_up(one.read))
            found = shown_sum(int(total or 0))
            if (int(count), found) != (one.rows, one.sum):
                raise TargetError(
                    f"what was loaded into {one.name} is not what was saved: {count} rows of {one.rows}, "
                    f"with the sum {found} and not {one.sum}",
                    advice=f"{self._op.database} was left for you to look at. Check the snapshot: sql.snapshot_check.",
                )


def drop_schema(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # one statement
    """Drop a schema, if it bears the run's mark."""
    if not isinstance(op, SchemaDrop):
        raise target.misplaced(op)
    with asked(target.name, f"dropping {op.database}"), closing(target.connect_mysql()) as connection:
        comment = read_mark(connection, op.database)
        if comment is None:
            return OpResult()
        mark = Mark.parse(comment)
        if mark is None or mark.run != op.run:
            raise ConflictError(
                f"{target.name}: {op.database!r} does not bear the mark of run {op.run}: {comment or 'no mark'}",
                advice="It was not dropped. Look at it, and drop it by hand if it is not needed.",
            )
        run(connection, f"DROP DATABASE {quote(op.database)}")
    return OpResult()
