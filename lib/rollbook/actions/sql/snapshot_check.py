"""`sql.snapshot_check`: whether a snapshot is whole, and of the database that it is to bring things back to."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import OpResult
from ...saved import check_saved_path, refuse_damaged
from ...schema import encode
from ...snapshots.contents import SavedTable
from ...snapshots.manifest import strangers
from ...snapshots.parts import Part, chosen
from ...tally import Tally
from ...targets.base import SnapshotReader
from ...values import Plain, Secret
from .servers import family_of, snapshot_subject


@dataclass(frozen=True, slots=True)
class CheckedSnapshot:
    """A snapshot as it was read to its end; *checksum* is its manifest's, which has those of all files."""

    checksum: str = identity()
    path: str = evidence()
    database: str = evidence()
    environment: str = evidence()
    started: str = evidence()
    rows: int = evidence()
    bytes: int = evidence()
    tables: tuple[str, ...] = evidence()
    columns: tuple[str, ...] = evidence()
    opened: bool = evidence()
    problems: tuple[str, ...] = evidence()
    tally: tuple[Tally, ...] = evidence(default=())
    left: tuple[str, ...] = evidence(default=())
    missing: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class SqlSnapshotCheck(Fact[CheckedSnapshot]):
    """
    Read a snapshot to its end, and refuse one that is damaged, cut off, or of something else.

    Every file is compared with the manifest, size and SHA-256, and every row is counted and added up. A snapshot of
    another environment, another database or another server is refused, both sides shown. Of a sealed one whose key is
    not given, the files are compared and the rows are not.

    With `wanted` the outputs `tables` and `columns` are only what that names, and a snapshot that lacks some of it is
    refused: it was taken before other migrations than those that are taken back. What was noted in it as not there
    does not come back and is not waited for.
    """

    kind: ClassVar[str] = "sql.snapshot_check"
    example: ClassVar[Mapping[str, Plain]] = {
        "snapshot": "{{ steps.save.outputs.path }}",
        "environment": "{{ env.name }}",
    }
    by_hand: ClassVar[str] = """
- `cd <snapshot>; find . -type f -exec sha256sum {} +`, to compare with `files` in its manifest.json
- `gzip -dc FILE | wc -l` of each file below `rows/`, to compare with `tables` there
"""

    snapshot: str = field(metadata={"help": "path of a snapshot's folder on this machine"})
    server: Ref[SnapshotReader] = Ref("db")
    environment: str = field(default="", metadata={"help": "of which it must be: {{ env.name }}; any unless given"})
    unlock: Secret | None = field(
        default=None, metadata={"help": "age's secret key, or the passphrase of gpg's where no agent has it"}
    )
    wanted: tuple[str, ...] | None = field(
        default=None, metadata={"help": "tables, and table.column, or patterns of them, to come back; else all it has"}
    )
    rest: bool = field(default=False, metadata={"help": "what else it has as well: code destroyed who knows what"})

    def __post_init__(self) -> None:
        check_saved_path("snapshot", self.snapshot)

    def subjects(self) -> frozenset[Subject]:
        """Name the snapshot, which an earlier step may fetch."""
        return frozenset({Subject(self.server.name, self.kind, self.snapshot), snapshot_subject(self.snapshot)})

    def probe(self, read: Readers) -> CheckedSnapshot:
        """Read all of it."""
        server = read[self.server]
        found = server.saved(self.snapshot, self.unlock, rows=True)
        told = found.manifest
        strange = tuple(strangers(told, family_of(server), server.identity(), server.database, self.environment))
        contents = found.contents.tables if found.contents else ()
        wanted = None if self.wanted is None else [one for one in self.wanted if one not in told.missing]
        part, left = self._part(contents, wanted, sound=not (strange or found.problems))
        return CheckedSnapshot(
            checksum=found.sha256,
            path=self.snapshot,
            database=told.database,
            environment=told.environment,
            started=told.started,
            rows=told.rows,
            bytes=sum(file.size for file in told.files),
            tables=part.tables,
            columns=part.columns,
            opened=found.contents is not None,
            problems=(*strange, *found.problems),
            tally=told.tally,
            left=left,
            missing=told.missing,
        )

    def _part(
        self, contents: Sequence[SavedTable], wanted: Sequence[str] | None, *, sound: bool
    ) -> tuple[Part, tuple[str, ...]]:
        """Give what of it is to come back, and what stays in it; a sealed one that nobody opened has neither."""
        tables = tuple(one.name for one in contents if one.whole and not one.beside)
        columns = tuple(f"{one.name}.{name}" for one in contents for name in one.doomed)
        part = chosen(tables, columns, wanted)
        if contents and part.lacking and sound:
            raise RefusedError(
                f"the snapshot {self.snapshot} has no {', '.join(part.lacking)}: it cannot give that back.",
                advice="Give one from before these migrations, or a backup, or name in only: what is to come back.",
            )
        if self.rest:
            return Part(_joined(part.tables, tables), _joined(part.columns, columns)), ()
        return part, tuple(name for name in (*tables, *columns) if name not in (*part.tables, *part.columns))

    def refusal(self, state: CheckedSnapshot) -> str | None:
        """Refuse a snapshot with problems."""
        return refuse_damaged(state.path, state.problems)

    def details(self, change: Change[CheckedSnapshot]) -> tuple[str, ...]:
        """Say what it is."""
        found = change.after
        read = "every row read" if found.opened else "sealed: its files were compared, its rows were not read"
        left = (f"stays in it, for it is not wanted: {', '.join(found.left)}",) if found.left else ()
        missing = ", ".join(found.missing)
        gone = (f"was not there when it was taken, and does not come back: {missing}",) if missing else ()
        return (f"snapshot of {found.database}, {found.started}, {found.rows} rows, {read}", *left, *gone)

    def outputs(self, after: CheckedSnapshot, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give what it is, and which tables and columns it brings back."""
        names = ("path", "database", "environment", "started", "rows", "bytes", "checksum")
        lists = {"tables": list(after.tables), "columns": list(after.columns)}
        return {**{name: getattr(after, name) for name in names}, **lists, "tally": encode(after.tally)}


def _joined(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))
