"""`git.push`: a branch of a remote, moved to a commit from here."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Leave, Readers, Ref, Refuse, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Command, Op
from ...targets.base import HostReader
from ...values import Plain
from .names import check_branch, check_revision
from .repository import Repository

_PATIENCE: Final = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class PushState:
    """Where the remote's branch stands, None where there is none; *commit* is where it is to stand."""

    remote: str | None
    commit: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class GitPush(Action[PushState]):
    """
    Push a commit to a branch of a remote.

    Never forced: where the remote has commits that are not in what is pushed, the plan is refused; `lease` gives the
    commit that the remote's branch must be at to be moved all the same. The remote is asked while planning. No hook
    of the repository runs. An undo removes a branch that this made; one that was there before is not moved back by
    itself, for others may have built on it.
    """

    kind: ClassVar[str] = "git.push"
    example: ClassVar[Mapping[str, Plain]] = {
        "repository": "/srv/app",
        "branch": "rollback/2024-05-01",
        "source": "HEAD",
        "target": "web",
    }
    by_hand: ClassVar[str] = "In `<repository>`: `git push <remote> <source>:refs/heads/<branch>`."

    repository: str = field(metadata={"help": "the folder on the target"})
    branch: str = field(metadata={"help": "the branch on the remote"})
    target: Ref[HostReader] = Ref("local")
    remote: str = "origin"
    source: str = field(default="HEAD", metadata={"help": "the commit or branch to push"})
    lease: str | None = field(default=None, metadata={"help": "the commit that the remote's branch must be at"})

    def __post_init__(self) -> None:
        check_branch(self.branch)
        for name in filter(None, (self.remote, self.source, self.lease)):
            check_revision(name)

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def subjects(self) -> frozenset[Subject]:
        """Name the work tree, from which it is pushed, so that it waits for the steps that change it."""
        return frozenset({Subject(self.target.name, "git work tree", self.repository)})

    def probe(self, read: Readers) -> PushState:
        """Ask the remote."""
        repository = Repository(read[self.target], self.repository)
        commit = repository.commit(self.source).id
        there = self._there(repository, commit)
        if there not in (None, commit):
            self._require_forward(repository, commit, str(there))
        return PushState(there, commit)

    def probe_for(self, read: Readers, goal: PushState) -> PushState:
        """Ask the remote, on the way back."""
        return replace(goal, remote=self._there(Repository(read[self.target], self.repository), goal.remote))

    def _there(self, repository: Repository, wanted: str | None) -> str | None:
        """Ask where it is pushed to; of several places, give how it stands in one where it is not as *wanted*."""
        found = [self._at(repository, place) for place in self._places(repository)]
        return next((commit for commit in found if commit != wanted), wanted)

    def _places(self, repository: Repository) -> list[str]:
        asked = ("remote", "get-url", "--all")
        fetched, pushed = (repository.run(*asked, *option, self.remote).stdout for option in ((), ("--push",)))
        # By its name, the remote's other settings hold too; an address that was given has none.
        return [self.remote] if fetched == pushed else pushed.splitlines()

    def _at(self, repository: Repository, place: str) -> str | None:
        lines = repository.out("ls-remote", "--heads", place, self._ref).splitlines()
        return next((line.split()[0] for line in lines if line.split()[1:] == [self._ref]), None)

    def _require_forward(self, repository: Repository, commit: str, there: str) -> None:
        where = f"{self.remote} {self.branch} is at {there[:10]}"
        if self.lease is not None:
            lease = repository.find(self.lease) or self.lease
            if lease != there:
                raise RefusedError(
                    f"{repository.place}: {where}, not at {lease[:10]} as lease: says; nothing is pushed.",
                    advice="Somebody pushed since: fetch, look at what came, and plan again.",
                )
            return
        if repository.find(there) is None or not repository.contains(commit, there):
            raise RefusedError(
                f"{repository.place}: {where}, which is not in the history of {commit[:10]}; it is not overwritten.",
                advice="Fetch and merge it first. To overwrite it all the same, give lease: with that commit.",
            )

    def desired(self, before: PushState) -> PushState:
        """Want it at the commit."""
        return replace(before, remote=before.commit)

    def ops(self, old: PushState, new: PushState) -> tuple[Op, ...]:
        """Push it, or remove what was made."""
        if old.remote == new.remote:
            return ()
        lease = (f"--force-with-lease={self._ref}:{old.remote or ''}",) if self.lease or new.remote is None else ()
        what = f"{new.remote or ''}:{self._ref}"
        argv = ("git", "-c", "core.hooksPath=/dev/null", "push", "--porcelain", *lease, self.remote, what)
        environment = {"GIT_TERMINAL_PROMPT": "0"}
        command = Command(
            self.target.name,
            argv,
            directory=self.repository,
            environment=environment,
            timeout=_PATIENCE,
            label=f"`git push {self.remote} {what}` in {self.repository}",
        )
        return (command,)

    def undo(self, change: Change[PushState]) -> Undo[PushState]:
        """Remove a branch that this made; one that was there cannot be taken back without asking who has it."""
        if not change.ops:
            return Leave("nothing was pushed")
        old = change.before.remote
        if old is None:
            return Reverse(change.before, f"{self.branch} is removed from {self.remote} again, while nobody moved it")
        if change.after.remote is None:  # it was removed, by an undo: nobody has anything on it
            return Reverse(change.before, f"{self.branch} is pushed to {self.remote} again, while nobody made another")
        lease = f"--force-with-lease={self._ref}:{change.after.remote}"
        return Refuse(
            f"others may have fetched {self.branch} from {self.remote}; if nobody has: git push {lease} {self.remote} "
            f"{old}:{self._ref}"
        )
