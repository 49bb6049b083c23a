"""`postgres.drop_scratch`: a database that a run made to work with is dropped when it is done with it."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Action, Change, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op
from ...postgres.dropping import DatabaseDrop
from ...targets.base import PostgresReader
from ...values import RUN_ID, Plain
from .databases import list_databases

_ROLES: Final = ("base", "scratch", "unfinished", "undecided")


@dataclass(frozen=True, slots=True)
class ScratchState:
    """Whether it is there; *mark* is what stands on it."""

    exists: bool
    mark: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class PostgresDropScratch(Action[ScratchState]):
    """
    Drop a database that this run made to work with: a base of `postgres.base`, or a scratch restore.

    Refused for every other: what is live, was live, or belongs to another run is never dropped by this.
    """

    kind: ClassVar[str] = "postgres.drop_scratch"
    example: ClassVar[Mapping[str, Plain]] = {"database": "{{ steps.base.outputs.database }}"}
    by_hand: ClassVar[str] = 'In the database `postgres`: `DROP DATABASE "<database>";`'

    database: str = field(metadata={"help": "its name; empty where none was made"})
    server: Ref[PostgresReader] = Ref("db")
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def subjects(self) -> frozenset[Subject]:
        """Name the database, also as the steps know it that make one."""
        names = (self.database, *(f"{role} of {self.run}" for role in _ROLES))
        return frozenset(Subject(self.server.name, "database", name) for name in names)

    def probe(self, read: Readers) -> ScratchState:
        """Look for it. Raises `RefusedError` where it is none of this run's."""
        server = read[self.server]
        found = list_databases(server).get(self.database) if self.database else None
        if found is None:
            return ScratchState(exists=False)
        # While this is planned in the middle of a run, that run's id is not bound yet: at its turn it is.
        runs = (self.run, found.mark.run) if found.mark and self.run == str(RUN_ID) else (self.run,)
        if found.mark is None or found.mark.run not in runs or found.mark.role not in _ROLES:
            raise RefusedError(
                f"{self.database} is not dropped: this run did not make it ({found.comment or 'no mark'}).",
                advice="Drop it by hand if nobody needs it; postgres.drop_kept drops what a swap kept.",
            )
        return ScratchState(exists=True, mark=str(found.mark))

    def desired(self, before: ScratchState) -> ScratchState:  # noqa: ARG002  # always the same
        """Want it gone."""
        return ScratchState(exists=False)

    def ops(self, old: ScratchState, new: ScratchState) -> tuple[Op, ...]:
        """Drop it."""
        return (DatabaseDrop(self.server.name, self.database, self.run),) if old.exists and not new.exists else ()

    def undo(self, change: Change[ScratchState]) -> Undo[ScratchState]:  # noqa: ARG002  # always the same
        """Leave it: it is made again where it is needed."""
        return Leave("it is made again where it is needed")
