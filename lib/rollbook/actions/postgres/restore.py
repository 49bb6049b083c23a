"""`postgres.restore`: a backup as a new database beside the live one."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Literal

from ...action import Action, Change, Family, Leave, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.dropping import DatabaseDrop
from ...postgres.scratch import scratch_name, scratch_subject
from ...saved import check_saved_path
from ...targets.base import HostReader, PostgresReader
from ...values import RUN_ID, Plain, Unknown
from .databases import list_databases, was_swapped
from .readiness import Readiness, read_readiness

_LATER = Unknown("run.restore")


@dataclass(frozen=True, slots=True)
class RestoreState:
    """Whether the database of this run is there, complete; a half that a crash left does not count."""

    exists: bool
    database: str
    oid: int | Unknown = evidence(default=0)
    live: str = evidence(default="")
    readiness: Readiness | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class PostgresRestore(Action[RestoreState]):
    """
    Restore a backup into a new database beside the live one, which is not touched.

    The backup may be a folder of `postgres.backup`, a folder or file of `pg_dump -Fd` or `-Fc`, or plain SQL (also
    .gz and .zst). Owners come out as in the backup; owner, rights and settings of the database are the live one's.
    It is analyzed, and compared with the backup's manifest where it has one. Plain SQL that commands psql, makes or
    drops databases, or changes roles is refused.
    """

    kind: ClassVar[str] = "postgres.restore"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {"backup": "{{ steps.backup.outputs.path }}", "jobs": 4}
    by_hand: ClassVar[str] = """
With PGHOST, PGUSER and PGPASSWORD set, and programs of the server's version:

- `createdb --template=template0 --owner=OWNER --encoding=ENCODING --locale=LOCALE NEW`, with what `psql --list` shows
  of the live one
- an archive: `pg_restore --jobs=<jobs> --exit-on-error --dbname=NEW <backup>`
- plain SQL, once you have read what stands outside of its rows: `psql -X -v ON_ERROR_STOP=1 --single-transaction
  --dbname=NEW --file=<backup>`
- `vacuumdb --analyze-only NEW`, then count the rows of each table
"""

    backup: str = field(metadata={"help": "path of a backup on runs_on"})
    server: Ref[PostgresReader] = Ref("db")
    into: str = field(default="", metadata={"help": "name of the new database; made of the live one's and the run's"})
    role: Literal["restored", "scratch"] = field(
        default="restored", metadata={"help": "restored: to become live; scratch: to look at, an undo drops it"}
    )
    runs_on: Ref[HostReader] = field(
        default=Ref("local"), metadata={"help": "the host with the backup, on which pg_restore runs"}
    )
    jobs: int = field(default=2, metadata={"help": "tables and indexes that are made at the same time"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def __post_init__(self) -> None:
        check_saved_path("backup", self.backup)
        if self.jobs < 1:
            raise ValueError("jobs: expected at least 1")

    def subjects(self) -> frozenset[Subject]:
        """Name the new database."""
        return frozenset({Subject(self.server.name, "database", self.into or scratch_subject(self.role, self.run))})

    def probe(self, read: Readers) -> RestoreState:
        """Look at the backup, and whether this run has restored it already."""
        server, host = read[self.server], read[self.runs_on]
        name = self.into or scratch_name(server.database, self.role, self.run)
        found = list_databases(server).get(name)
        if found is not None and (found.mark is None or found.mark.run != self.run) and self.run not in name:
            raise RefusedError(
                f"{server.name} has a database {name!r} that this run did not make: {found.comment or 'no comment'}.",
                advice="Give another name in into:, or drop that one if nobody needs it.",
            )
        there = found is not None and found.mark is not None and found.mark.role == self.role
        # Swapped in, it has another name: it was restored all the same.
        there = there or (self.role == "restored" and not self.into and was_swapped(server, self.run))
        state = RestoreState(there, name, oid=found.oid if found is not None and there else 0, live=server.database)
        return state if there else replace(state, readiness=read_readiness(server, host, self.backup))

    def desired(self, before: RestoreState) -> RestoreState:
        """Want it there."""
        return before if before.exists else replace(before, exists=True, oid=_LATER)

    def ops(self, old: RestoreState, new: RestoreState) -> tuple[Op, ...]:
        """Make it, or drop it on the way back."""
        if old.exists == new.exists:
            return ()
        if old.exists:
            return (DatabaseDrop(self.server.name, old.database, self.run),)
        if old.readiness is None:
            return ()
        names = (self.server.name, self.runs_on.name, old.database)
        restore = old.readiness.restoring(*names, self.role, old.live, self.run)
        return (replace(restore, jobs=self.jobs),)

    def undo(self, change: Change[RestoreState]) -> Undo[RestoreState]:
        """Drop a scratch database; leave one that may have been live since."""
        if self.role == "scratch":
            return Reverse(change.before)
        return Leave(
            f"{change.after.database}, whole or as far as it came, may have been live, with rows of its own; "
            "drop it by hand when nobody needs it",
            stands=True,
        )

    def details(self, change: Change[RestoreState]) -> tuple[str, ...]:
        """Say what it is made from, how much room there is, and whether it can be compared."""
        ready = change.before.readiness
        if not change.ops or ready is None:
            return ()
        against = "compared with its manifest" if ready.manifest else "without a manifest to compare with"
        return (*ready.details(), against)

    def outputs(self, after: RestoreState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the database, whose it is, and what of the live one's rights and settings could not be carried."""
        given: dict[str, Plain] = {"database": after.database, "oid": after.oid, "role": self.role, "run": self.run}
        lacking = [line for result in results for line in result.outputs.get("not_carried", ())]
        return {**given, "not_carried": lacking}
