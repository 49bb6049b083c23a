"""`postgres.backup`: a dump of a database with a manifest of what it holds, of one snapshot."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...ops import Op, OpResult
from ...postgres.dumping import SnapshotDump
from ...postgres.manifest import FILE, LIMIT, Depth, read_manifest
from ...postgres.programs import Programs
from ...postgres.properties import Properties
from ...postgres.rights import missing, require
from ...targets.base import HostReader, PostgresReader
from ...values import RUN_ID, Plain, Unknown
from .reading import database_size, find_programs, free_space, read_properties, server_version

_LATER: Final = Unknown("run.backup")


@dataclass(frozen=True, slots=True)
class BackupState:
    """The backup of this run; what is below `path` is known once it is there."""

    exists: bool
    path: str
    sha256: str | Unknown = evidence(default="")
    started: str | Unknown = evidence(default="")
    finished: str | Unknown = evidence(default="")
    bytes: int | Unknown = evidence(default=0)
    rows: int | Unknown = evidence(default=0)
    size: int = evidence(default=0)
    free: int | None = evidence(default=None)
    database: str = evidence(default="")
    programs: Programs | None = evidence(default=None)
    properties: Properties | None = evidence(default=None)
    lacking: tuple[str, ...] = evidence(default=(), help="rights that the account lacks, with their GRANT")
    account: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class PostgresBackup(Action[BackupState]):
    """
    Dump a database, and write down in the same snapshot what it holds.

    `pg_dump -Fd` of the server's own major version runs on `runs_on`, and the backup is a folder there:
    `DATABASE_RUN-ID` below `folder`, with `dump/` and `manifest.json`: rows and sums of row hashes per table, and the
    SHA-256 of every file. The folder has its name only when it is complete. Files are 0600, folders 0700.
    """

    kind: ClassVar[str] = "postgres.backup"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {"folder": "/var/backups/shop", "jobs": 4}
    by_hand: ClassVar[str] = """
On a machine with PostgreSQL's programs of the server's version, with PGHOST, PGUSER and PGPASSWORD set:

- `umask 077; pg_dump --format=directory --jobs=<jobs> --file=<folder>/NAME.partial --dbname=<database>`
- `pg_restore --list <folder>/NAME.partial` must list the tables; then `mv <folder>/NAME.partial <folder>/NAME`
- `find <folder>/NAME -type f -exec sha256sum {} +`, noted elsewhere
"""

    folder: str = field(metadata={"help": "a folder on runs_on for backups; made where it is not there"})
    server: Ref[PostgresReader] = Ref("db")
    database: str = field(default="", metadata={"help": "its name; the target's own database unless given"})
    label: str = field(default="", metadata={"help": "a word in the backup's name, where a run makes several"})
    runs_on: Ref[HostReader] = field(
        default=Ref("local"), metadata={"help": "the host on which pg_dump runs and the backup lies"}
    )
    jobs: int = field(default=2, metadata={"help": "tables that are dumped at the same time"})
    compress: int = field(
        default=1, metadata={"help": "gzip's level, 0 to 9; 1 takes the least time and a fifth more room than 6"}
    )
    manifest: Depth = field(
        default="full", metadata={"help": "full: rows and hashes; counts: rows; none: checksums of files only"}
    )
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which stands in the backup's name"})

    def __post_init__(self) -> None:
        if not self.folder or self.folder.startswith("-"):
            raise ValueError("folder: expected the path of a folder")
        if self.jobs < 1:
            raise ValueError("jobs: expected at least 1")
        if not 0 <= self.compress <= 9:
            raise ValueError("compress: expected 0 to 9")
        if "/" in self.label or self.label.startswith("."):
            raise ValueError("label: expected a word for a file name")

    def subjects(self) -> frozenset[Subject]:
        """Name this backup and the folder, so that what looks at all backups waits; the database is only read."""
        own = Subject(self.runs_on.name, "backup", f"{self.folder}/{self.database}/{self.label}")
        return frozenset({own, Subject(self.runs_on.name, "backups", self.folder)})

    def probe(self, read: Readers) -> BackupState:
        """Look whether the backup of this run is there, and what it takes to make it."""
        server, host = read[self.server], read[self.runs_on]
        database = self.database or server.database
        path = f"{self.folder.rstrip('/')}/{self._name(database)}"
        content = host.read_file(f"{path}/{FILE}", limit=LIMIT)
        properties = read_properties(server, database)
        found = BackupState(
            exists=content is not None,
            path=path,
            size=database_size(server, database),
            free=free_space(host, self.folder),
            database=database,
            programs=find_programs(server, host, server_version(server) // 10_000),
            properties=properties,
            lacking=missing(server.access(database).read_all()),
            account=server.accounts()[0],
        )
        return found if content is None else _told(found, content)

    def _name(self, database: str) -> str:
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in database).lstrip(".")
        return "_".join(part for part in (safe, self.label, self.run) if part)

    def desired(self, before: BackupState) -> BackupState:
        """Want it; what it will hold is not known before."""
        if before.exists:
            return before
        return replace(before, exists=True, sha256=_LATER, started=_LATER, finished=_LATER, bytes=_LATER, rows=_LATER)

    def ops(self, old: BackupState, new: BackupState) -> tuple[Op, ...]:
        """Dump it, where it is not there."""
        if old.exists or not new.exists or old.programs is None or old.properties is None:
            return ()
        require(old.lacking, f"the account {old.account} of {self.server}", "a dump")
        folder, _, name = old.path.rpartition("/")
        dump = SnapshotDump(
            target=self.server.name,
            host=self.runs_on.name,
            database=old.database,
            folder=folder,
            name=name,
            run=self.run,
            programs=old.programs,
            properties=old.properties,
            jobs=self.jobs,
            compress=self.compress,
            manifest=self.manifest,
        )
        return (dump,)

    def undo(self, change: Change[BackupState]) -> Undo[BackupState]:  # noqa: ARG002  # whatever was written stays
        """Leave it: going back may need it."""
        return Leave("a backup stays")

    def verdict(self, change: Change[BackupState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def details(self, change: Change[BackupState]) -> tuple[str, ...]:
        """Say how much there is to dump, and how much room."""
        if not change.ops:
            return ()
        free = change.before.free
        room = "" if free is None else f", {_shown(free)} free in {self.folder}"
        return (f"database: {_shown(change.before.size)} on the server{room}",)

    def outputs(self, after: BackupState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the probe tells them
        """Give the folder, what its manifest tells, and the manifest's own checksum."""
        names = ("sha256", "started", "finished", "bytes", "rows", "database")
        # A path at which nothing is yet would be looked at by the plans of later steps.
        path = _LATER if isinstance(after.sha256, Unknown) else after.path
        return {"path": path, **{name: getattr(after, name) for name in names}}


def _told(found: BackupState, content: bytes) -> BackupState:
    manifest = read_manifest(content.decode())
    return replace(
        found,
        sha256=hashlib.sha256(content).hexdigest(),
        started=manifest.started,
        finished=manifest.finished,
        bytes=manifest.bytes,
        rows=manifest.rows,
    )


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
