"""`sql.snapshot_load`: a snapshot as a database beside the live one, from which `sql.recover` takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Family, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.properties import READ, Properties
from ...postgres.scratch import Mark, scratch_name, scratch_subject
from ...saved import check_saved_path
from ...schema import build
from ...snapshots.contents import Contents, Server
from ...snapshots.dropping import drop
from ...snapshots.loading import LoadSnapshot
from ...snapshots.manifest import Sealed, strangers
from ...targets.base import SnapshotReader
from ...values import RUN_ID, Plain, Secret
from .servers import family_of, snapshot_subject

_TAG: Final = "rbsnap"


@dataclass(frozen=True, slots=True)
class LoadedState:
    """Whether the database of this run is there, complete; a half that a crash left does not count."""

    exists: bool
    database: str
    live: str = evidence(default="")
    server: Server = evidence(default="postgresql")
    contents: Contents | None = evidence(default=None)
    sealed: Sealed = evidence(default="")
    properties: Properties | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class SqlSnapshotLoad(Action[LoadedState]):
    """
    Load a snapshot of `sql.snapshot` into a database of its own beside the live one, which is not touched.

    On MariaDB that is a schema of the same server. Every row is read again there, counted and compared with what was
    saved. A snapshot that is damaged, or of another environment, database or server, is refused before anything is
    made. What a killed attempt left is dropped and made again. `sql.recover` takes the database as its `source`; a
    table that the snapshot has only columns of is not taken for the table. `sql.drop_scratch` or an undo drops it.
    """

    kind: ClassVar[str] = "sql.snapshot_load"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "snapshot": "{{ steps.save.outputs.path }}",
        "environment": "{{ env.name }}",
    }
    by_hand: ClassVar[str] = """
- `gzip -dc <snapshot>/contents.json.gz` shows every statement: `prepare`, for each table `before`, `load` and `after`,
  then `finish`
- PostgreSQL: `createdb NEW`, send them with `psql NEW`, and for each `load`: `gzip -dc FILE | psql NEW -c "LOAD"`
- MariaDB: `CREATE DATABASE NEW`, send them, and for each `load` that text before every few hundred lines of its file
"""

    snapshot: str = field(metadata={"help": "path of a snapshot's folder on this machine"})
    server: Ref[SnapshotReader] = Ref("db")
    into: str = field(default="", metadata={"help": "name of the new database; made of the live one's and the run's"})
    label: str = field(default="", metadata={"help": "a word in its name, where a run loads several: small letters"})
    environment: str = field(default="", metadata={"help": "of which it must be: {{ env.name }}; any unless given"})
    unlock: Secret | None = field(
        default=None, metadata={"help": "age's secret key, or the passphrase of gpg's where no agent has it"}
    )
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def __post_init__(self) -> None:
        check_saved_path("snapshot", self.snapshot)
        if self.label and not (self.label.isascii() and self.label.isalpha() and self.label.islower()):
            raise ValueError("label: expected a word of small letters")

    def subjects(self) -> frozenset[Subject]:
        """Name the new database, and the snapshot, which an earlier step may fetch."""
        own = Subject(self.server.name, "database", self.into or scratch_subject("scratch", self.run, self.label))
        return frozenset({own, snapshot_subject(self.snapshot)})

    def probe(self, read: Readers) -> LoadedState:
        """Look at the snapshot, and whether this run has loaded it already."""
        server = read[self.server]
        tag = f"{_TAG}_{self.label}" if self.label else _TAG
        name = self.into or scratch_name(server.database, "scratch", self.run, tag)
        comment = server.scratch_state(name)
        mark = Mark.parse(comment)
        if comment is not None and (mark is None or mark.run != self.run) and self.run not in name:
            raise RefusedError(
                f"{server.name} has a database {name!r} that this run did not make: {comment or 'no mark'}.",
                advice="Give another name in into:, or drop that one if nobody needs it.",
            )
        there = mark is not None and mark.role == "scratch" and mark.run == self.run
        state = LoadedState(there, name, live=server.database, server=family_of(server))
        return state if there else self._ready(server, state)

    def _ready(self, server: SnapshotReader, state: LoadedState) -> LoadedState:
        found = server.saved(self.snapshot, self.unlock, rows=False)
        told = found.manifest
        strange = strangers(told, family_of(server), server.identity(), server.database, self.environment)
        problems = (*strange, *found.problems)
        if problems:
            raise RefusedError(f"{self.snapshot} is not loaded: {'; '.join(problems)}.", advice="Nothing was written.")
        if found.contents is None:
            raise RefusedError(f"{self.snapshot} is sealed for a key of {told.sealed}.", advice="Give it in unlock:.")
        return replace(state, contents=found.contents, sealed=told.sealed, properties=_properties(server, state.server))

    def desired(self, before: LoadedState) -> LoadedState:
        """Want it there."""
        return replace(before, exists=True)

    def ops(self, old: LoadedState, new: LoadedState) -> tuple[Op, ...]:
        """Make it, or drop it on the way back."""
        if old.exists == new.exists:
            return ()
        if old.exists:
            return (drop(old.server, self.server.name, old.database, self.run),)
        if old.contents is None:
            return ()
        loading = LoadSnapshot(
            target=self.server.name,
            server=old.server,
            path=self.snapshot.rstrip("/"),
            contents=old.contents,
            database=old.database,
            live=old.live,
            run=self.run,
            sealed=old.sealed,
            identity=self.unlock,
            properties=old.properties,
        )
        return (loading,)

    def undo(self, change: Change[LoadedState]) -> Undo[LoadedState]:
        """Drop it."""
        return Reverse(change.before)

    def details(self, change: Change[LoadedState]) -> tuple[str, ...]:
        """Say what it is made of."""
        contents = change.before.contents
        if not change.ops or contents is None:
            return ()
        tables = [f"{one.name}: {one.rows} rows" for one in contents.tables if one.load and not one.beside]
        return (*tables, "every row compared with what was saved")

    def outputs(self, after: LoadedState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the database, what it is made of, and what of the live one's settings and rights was not carried."""
        lacking = [line for result in results for line in result.outputs.get("not_carried", ())]
        rows = sum(result.outputs.get("rows", 0) for result in results)
        made = {"database": after.database, "role": "scratch", "run": self.run, "snapshot": self.snapshot}
        return {**made, "rows": rows, "not_carried": lacking}


def _properties(server: SnapshotReader, family: str) -> Properties | None:
    if family != "postgresql":
        return None
    return build(Properties, next(iter(server.rows(READ, {"database": server.database}))))
