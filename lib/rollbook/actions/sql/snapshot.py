"""`sql.snapshot`: tables and columns that a migration will destroy, saved beforehand."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final, Literal

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.manifest import FILE, LIMIT
from ...schema import encode
from ...snapshots.contents import Choice, Server
from ...snapshots.manifest import read_snapshot
from ...snapshots.taking import TakeSnapshot
from ...tally import Tally
from ...targets.base import HostReader, SnapshotReader
from ...values import RUN_ID, Plain, Unknown
from .servers import family_of

_LATER: Final = Unknown("run.snapshot")
_NAMED: Final = ("sha256", "started", "finished", "rows", "bytes")


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """
    The snapshot of this run; what it tells is known once it is there.

    *needed* is false where there is nothing to save: nothing is asked for.
    """

    exists: bool
    path: str
    needed: bool = True
    sha256: str | Unknown = evidence(default="")
    started: str | Unknown = evidence(default="")
    finished: str | Unknown = evidence(default="")
    rows: int | Unknown = evidence(default=0)
    bytes: int | Unknown = evidence(default=0)
    database: str = evidence(default="")
    server: Server = evidence(default="postgresql")
    choice: Choice | None = evidence(default=None)
    tally: tuple[Tally, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class SqlSnapshot(Action[SnapshotState]):
    """
    Save what a migration will destroy: tables whole, columns with the primary keys of their rows.

    All of it in one consistent read, with how it is made (columns, keys, indexes, constraints, comments, rights), and
    with it what Django knows of its state: `django_migrations`, content types and permissions. Into a folder
    `DATABASE_RUN-ID` below `into` on this machine, files 0600 and folders 0700, packed and, for a recipient, sealed.
    It has its name when it is complete, and its manifest tells every file's rows and SHA-256. `sql.snapshot_load`
    loads it beside the live database, from where `sql.recover` takes it.

    A table without a primary key is saved whole or not at all. What is named and not there is refused, or passed over
    where `absent` says so.
    """

    kind: ClassVar[str] = "sql.snapshot"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "tables": ["channels_channel"],
        "columns": ["podcasts_show.contact"],
        "into": "{{ run.folder }}/snapshots",
        "environment": "{{ env.name }}",
    }
    by_hand: ClassVar[str] = """
- PostgreSQL: `pg_dump -Fc -t TABLE -t …` of `<tables>`, to a file that only you can read
- MariaDB: `mariadb-dump --single-transaction --hex-blob DATABASE TABLE …`
- columns: a query of the primary key and `<columns>` of each table, as CSV
- `sha256sum` of each file, noted elsewhere
"""

    into: str = field(metadata={"help": "a folder on this machine: {{ run.folder }}/snapshots"})
    tables: tuple[str, ...] = field(default=(), metadata={"help": "patterns of tables that are saved whole"})
    columns: tuple[str, ...] = field(default=(), metadata={"help": "patterns of table.column"})
    server: Ref[SnapshotReader] = Ref("db")
    environment: str = field(default="", metadata={"help": "what it is a snapshot of: {{ env.name }}"})
    label: str = field(default="", metadata={"help": "a word in its name, where a run takes several"})
    encrypt_to: str = field(
        default="", metadata={"help": "whom it is sealed for: age's recipient (age1…, ssh-…), else gpg's"}
    )
    absent: Literal["refuse", "pass"] = field(
        default="refuse", metadata={"help": "what is named and not there: refuse, or pass over"}
    )
    missing: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "what was looked for and is not there; it is noted, so that nobody waits for it to come back"
        },
    )
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which stands in its name"})

    def __post_init__(self) -> None:
        if not self.into or self.into.startswith("-"):
            raise ValueError("into: expected the path of a folder")
        if "/" in self.label or self.label.startswith("."):
            raise ValueError("label: expected a word for a file name")
        if self.encrypt_to.startswith("-"):
            raise ValueError("encrypt_to: expected a recipient")
        lonely = [one for one in self.columns if "." not in one]
        if lonely:
            raise ValueError(f"columns: expected table.column, not {', '.join(lonely)}")

    def subjects(self) -> frozenset[Subject]:
        """Name the folder of this snapshot; the database is only read."""
        return frozenset({Subject(self.local.name, "backup", f"{self.into}/{self.server.name}/{self.label}")})

    def probe(self, read: Readers) -> SnapshotState:
        """Look whether the snapshot of this run is there, else at what is to be saved."""
        server = read[self.server]
        family = family_of(server)
        path = f"{self.into.rstrip('/')}/{self._name(server.database)}"
        found = SnapshotState(False, path, database=server.database, server=family)
        content = read[self.local].read_file(f"{path}/{FILE}", limit=LIMIT)
        if content is not None:
            return _told(found, content)
        if not self.tables and not self.columns:
            return replace(found, needed=False)
        choice = self._chosen(server)
        return replace(found, choice=choice) if choice.tables else replace(found, needed=False)

    def _chosen(self, server: SnapshotReader) -> Choice:
        choice = server.doomed(self.tables, self.columns)
        if choice.absent and self.absent == "refuse":
            raise RefusedError(
                f"{server.database} has none of these: {', '.join(choice.absent)}.",
                advice="Correct the names. What an applied migration took already, only a backup still has.",
            )
        if choice.refused:
            raise RefusedError(f"not everything can be saved: {'; '.join(choice.refused)}.")
        return choice

    def _name(self, database: str) -> str:
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in database).lstrip(".")
        return "_".join(part for part in (safe, self.label, self.run) if part)

    def desired(self, before: SnapshotState) -> SnapshotState:
        """Want it; what it will hold is not known before."""
        if before.exists or not before.needed:
            return before
        return replace(before, exists=True, sha256=_LATER, started=_LATER, finished=_LATER, rows=_LATER, bytes=_LATER)

    def ops(self, old: SnapshotState, new: SnapshotState) -> tuple[Op, ...]:
        """Take it, where it is not there."""
        if old.exists or not new.exists or old.choice is None:
            return ()
        folder, _, name = old.path.rpartition("/")
        taking = TakeSnapshot(
            target=self.server.name,
            server=old.server,
            database=old.database,
            folder=folder,
            name=name,
            run=self.run,
            environment=self.environment,
            tables=old.choice.tables,
            wanted=(self.tables, self.columns),
            encrypt_to=self.encrypt_to,
            missing=self.missing,
        )
        return (taking,)

    def undo(self, change: Change[SnapshotState]) -> Undo[SnapshotState]:  # noqa: ARG002  # whatever was saved stays
        """Leave it: going back may need it."""
        return Leave("a snapshot stays")

    def verdict(self, change: Change[SnapshotState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def details(self, change: Change[SnapshotState]) -> tuple[str, ...]:
        """Name what is saved, and how much there is about."""
        if not change.before.needed:
            return ("nothing to save: no table and no column is named",)
        return tuple(_lines(change.before.choice)) if change.ops and change.before.choice else ()

    def outputs(self, after: SnapshotState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the probe tells them
        """Give the folder, what its manifest tells, and the manifest's own checksum."""
        known = not isinstance(after.sha256, Unknown)
        # A path at which nothing is yet would be looked at by the plans of later steps.
        path = (after.path if after.exists else "") if known else _LATER
        return {"path": path, **{name: getattr(after, name) for name in _NAMED}, "database": after.database} | {
            "tally": encode(after.tally)
        }


def _lines(choice: Choice) -> Iterator[str]:
    for one in choice.tables:
        about = f", about {one.rows} rows" if one.rows >= 0 else ""
        if one.beside:
            continue
        what = "whole" if one.whole else f"{', '.join(one.doomed)} by {', '.join(_others(one.columns, one.doomed))}"
        yield f"{one.name}: {what}{about}"
    beside = [one.name for one in choice.tables if one.beside]
    if beside:
        yield f"with it: {', '.join(beside)}"
    yield from choice.warned


def _others(columns: Sequence[str], doomed: Sequence[str]) -> Iterator[str]:
    return (one for one in columns if one not in doomed)


def _told(found: SnapshotState, content: bytes) -> SnapshotState:
    manifest = read_snapshot(content.decode())
    return replace(
        found,
        exists=True,
        sha256=hashlib.sha256(content).hexdigest(),
        started=manifest.started,
        finished=manifest.finished,
        rows=manifest.rows,
        bytes=sum(file.size for file in manifest.files),
        tally=manifest.tally,
    )
