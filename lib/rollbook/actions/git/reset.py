"""`git.reset`: the branch that is checked out, moved to another commit."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...ops import Op
from ...targets.base import HostReader
from ...values import RUN_ID, Plain
from .clear import require_clear
from .moving import make_ref, remove_ref, reset, settle
from .names import check_branch, check_lasting, from_head, short_branch
from .repository import Repository

_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class ResetState:
    """
    What is checked out and where it stands; *kept* is the old head under its ref, *lost* what a move leaves out.

    *half* says which move was cut off that left it where it is.
    """

    on: str
    head: str
    kept: str | None = None
    to: str = evidence(default="")
    lost: tuple[str, ...] = evidence(default=())
    half: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class GitReset(Action[ResetState]):
    """
    Move the branch that is checked out to another commit, with the work tree.

    The plan lists the commits that the branch loses; a `reason` is needed, for `git.revert` goes back without losing
    any. The old head is kept under a ref of the run, and the undo goes back to it. A work tree with changes is not
    touched, and no hook of the repository runs.
    """

    kind: ClassVar[str] = "git.reset"
    example: ClassVar[Mapping[str, Plain]] = {
        "repository": "/srv/app",
        "to": "v1.4.2",
        "reason": "The branch was never pushed; its commits hold a password.",
    }
    by_hand: ClassVar[str] = """
In `<repository>`, with a clean work tree: note `git rev-parse HEAD`, then `git reset --hard <to>`.
"""

    repository: str = field(metadata={"help": "the folder on the target"})
    to: str = field(metadata={"help": "the commit to go to"})
    reason: str = field(metadata={"help": "why commits may be lost"})
    target: Ref[HostReader] = Ref("local")
    keep: str = field(default=f"refs/rollbook/{RUN_ID}", metadata={"help": "the ref under which the old head is kept"})

    def __post_init__(self) -> None:
        check_lasting(self.to)
        if not self.reason.strip():
            raise ValueError("reason: say why commits may be lost; git.revert loses none")
        if not self.keep.startswith("refs/"):
            raise ValueError("keep: expected a ref, such as refs/rollbook/before-reset")
        check_branch(self.keep)

    def subjects(self) -> frozenset[Subject]:
        """Name the work tree."""
        return frozenset({Subject(self.target.name, "git work tree", self.repository)})

    def probe(self, read: Readers) -> ResetState:
        """Look where it stands, and what the move would lose."""
        repository = Repository(read[self.target], self.repository)
        return self._look(repository, repository.commit(self._named(repository)).id)

    def _named(self, repository: Repository) -> str:
        """Give `to` as told from what was checked out before the move, which is kept."""
        return from_head(self.to, repository.find(self.keep) or "HEAD")

    def probe_for(self, read: Readers, goal: ResetState) -> ResetState:
        """Look on the way to another commit than `to`, in an undo."""
        return self._look(Repository(read[self.target], self.repository), goal.head)

    def _look(self, repository: Repository, to: str) -> ResetState:
        head = repository.commit("HEAD").id
        ends = (to, repository.find(self._named(repository)), repository.find(self.keep))
        half = repository.half_moved(head, filter(None, ends))
        if half or head != to:
            end = half.rpartition(" ")[2] or to
            require_clear(repository, repository.changed(head, end), half, hard=True)
        lost = tuple(commit.label for commit in repository.log("--max-count=500", f"{to}..{head}"))
        return ResetState(repository.on, head, repository.find(self.keep), to, lost, half)

    def desired(self, before: ResetState) -> ResetState:
        """Want the branch there, and the old head kept."""
        return before if before.head == before.to else replace(before, head=before.to, kept=before.head)

    def ops(self, old: ResetState, new: ResetState) -> tuple[Op, ...]:
        """Keep the old head, then move; in an undo move back, then forget it."""
        name, ops = self.target.name, list[Op]()
        if new.kept is not None and old.kept != new.kept:
            ops.append(make_ref(name, self.repository, self.keep, new.kept))
        if old.head != new.head:
            ops.append(reset(name, self.repository, old.head, new.head, old.on))
        elif old.half:
            ops.append(settle(name, self.repository, old.half))
        if new.kept is None and old.kept is not None:
            ops.append(remove_ref(name, self.repository, self.keep, old.kept))
        return tuple(ops)

    def undo(self, change: Change[ResetState]) -> Undo[ResetState]:
        """Go back to the head that was kept."""
        return Reverse(change.before, f"back to {change.before.head[:10]}, kept under {self.keep}")

    def details(self, change: Change[ResetState]) -> tuple[str, ...]:
        """List what the branch loses, and why."""
        if not change.ops:
            return ()
        lost = change.before.lost
        more = [f"    … and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
        count = f"{short_branch(change.before.on)} loses {len(lost)} commits:"
        return (f"reason: {self.reason}", count, *(f"    {line}" for line in lost[:_SHOWN]), *more)
