"""`sql.drop_scratch`: the database that a run loaded a snapshot into is dropped when it is done with it."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Action, Change, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op
from ...postgres.scratch import Mark, subject_names
from ...snapshots.contents import Server
from ...snapshots.dropping import drop
from ...targets.base import SnapshotReader
from ...values import RUN_ID, Plain
from .servers import family_of

_ROLES: Final = ("scratch", "unfinished")


@dataclass(frozen=True, slots=True)
class ScratchState:
    """Whether it is there; *mark* is what stands on it."""

    exists: bool
    mark: str = evidence(default="")
    server: Server = evidence(default="postgresql")


@dataclass(frozen=True, slots=True)
class SqlDropScratch(Action[ScratchState]):
    """
    Drop a database that this run loaded a snapshot into, on PostgreSQL or MariaDB.

    Refused for every other: what is live, or belongs to another run, is never dropped by this.
    """

    kind: ClassVar[str] = "sql.drop_scratch"
    example: ClassVar[Mapping[str, Plain]] = {"database": "{{ steps.load.outputs.database }}"}
    by_hand: ClassVar[str] = "`DROP DATABASE <database>;`, from another database"

    database: str = field(metadata={"help": "its name; empty where none was made"})
    server: Ref[SnapshotReader] = Ref("db")
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def subjects(self) -> frozenset[Subject]:
        """Name the database."""
        names = subject_names(self.database) if self.database else ("",)
        return frozenset(Subject(self.server.name, "database", name) for name in names)

    def probe(self, read: Readers) -> ScratchState:
        """Look for it. Raises `RefusedError` where it is none of this run's."""
        server = read[self.server]
        comment = server.scratch_state(self.database) if self.database else None
        if comment is None:
            return ScratchState(exists=False, server=family_of(server))
        mark = Mark.parse(comment)
        # While this is planned in the middle of a run, that run's id is not bound yet: at its turn it is.
        runs = (self.run, mark.run) if mark and self.run == str(RUN_ID) else (self.run,)
        if mark is None or mark.run not in runs or mark.role not in _ROLES:
            raise RefusedError(
                f"{self.database} is not dropped: this run did not make it ({comment or 'no mark'}).",
                advice="Drop it by hand if nobody needs it.",
            )
        return ScratchState(exists=True, mark=str(mark), server=family_of(server))

    def desired(self, before: ScratchState) -> ScratchState:
        """Want it gone."""
        return ScratchState(exists=False, server=before.server)

    def ops(self, old: ScratchState, new: ScratchState) -> tuple[Op, ...]:
        """Drop it."""
        return (drop(old.server, self.server.name, self.database, self.run),) if old.exists and not new.exists else ()

    def undo(self, change: Change[ScratchState]) -> Undo[ScratchState]:  # noqa: ARG002  # always the same
        """Leave it: it is made again where it is needed."""
        return Leave("it is made again where it is needed")
