"""`git.locate`: the last good commit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import ClassVar, Final, Literal

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import OpResult
from ...targets.base import HostReader
from ...values import Plain
from .deploy import check_deploy, find_deploy
from .names import check_revision
from .repository import Commit, Repository

_LISTED: Final = 500
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Located:
    """
    The last good commit, and what came after it on the deployed branch, the newest first.

    *shape* says how it was found: by tag, by time, or as what was there before a merge, a squash or a range.
    """

    shape: Literal["tag", "time", "merge", "squash", "range"]
    subject: str
    date: str
    tree: str
    commit: str = identity()
    deployed: str = identity()
    mainline: int = 0
    count: int = 0
    between: tuple[Mapping[str, str], ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class GitLocate(Fact[Located]):
    """
    Find the commit to go back to: by `tag`, by time (`before`), or as what was there before a `deploy`.

    By time it is the newest commit of the deployed branch's own line (first parents) made before that instant. A
    `deploy` is a merge, a squashed commit or a range `A..B`; of a merge it gives the parent on the deployed branch's
    own line, or the one on whose line `good` is. The commits in between are listed: what going back takes along.
    """

    kind: ClassVar[str] = "git.locate"
    example: ClassVar[Mapping[str, Plain]] = {"repository": "/srv/app", "deploy": "3f2c1ab", "target": "web"}
    by_hand: ClassVar[str] = """
In `<repository>`: `git log --first-parent --oneline` shows the deployed line; `git show --no-patch --format=%P COMMIT`
the parents of a merge. `git log --oneline GOOD..HEAD` lists what going back takes along.
"""

    repository: str = field(metadata={"help": "the folder on the target"})
    target: Ref[HostReader] = Ref("local")
    deployed: str = field(default="HEAD", metadata={"help": "the branch or commit that is deployed"})
    tag: str | None = None
    before: datetime | None = field(default=None, metadata={"help": "an instant: when all was still well"})
    deploy: str | None = field(default=None, metadata={"help": "a merge, a squashed commit, or a range A..B"})
    mainline: int | None = field(default=None, metadata={"help": "of a merge: which parent; found unless given"})
    good: str = field(default="", metadata={"help": "of a merge: a commit that was deployed before it"})

    def __post_init__(self) -> None:
        given = [name for name in ("tag", "before", "deploy") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("expected exactly one of tag, before and deploy")
        for name in (self.deployed, *filter(None, (self.tag, self.good))):
            check_revision(name)
        if self.deploy:
            check_deploy(self.deploy)
        if self.mainline is not None and self.mainline < 1:
            raise ValueError("mainline: expected 1 or more")

    def subjects(self) -> frozenset[Subject]:
        """Name the work tree, so that it is read after the steps that change it."""
        return frozenset({Subject(self.target.name, "git work tree", self.repository)})

    def probe(self, read: Readers) -> Located:
        """Look it up."""
        repository = Repository(read[self.target], self.repository)
        head = repository.commit(self.deployed)
        shape: Literal["tag", "time", "merge", "squash", "range"]
        mainline = 0
        if self.deploy:
            deploy = find_deploy(repository, self.deploy, head.id, self.mainline, self.good)
            shape, found, mainline = deploy.shape, deploy.before, deploy.mainline
        elif self.tag:
            shape, found = "tag", self._tagged(repository, head)
        else:
            shape, found = "time", self._before(repository, head)
        between = tuple(repository.log(f"--max-count={_LISTED}", f"{found.id}..{head.id}"))
        count = int(repository.out("rev-list", "--count", f"{found.id}..{head.id}"))
        told = tuple({"commit": c.id, "subject": c.subject, "date": c.date, "author": c.author} for c in between)
        return Located(shape, found.subject, found.date, found.tree, found.id, head.id, mainline, count, told)

    def _tagged(self, repository: Repository, head: Commit) -> Commit:
        found = repository.commit(f"refs/tags/{self.tag}")
        if not repository.contains(head.id, found.id):
            raise RefusedError(
                f"{repository.place}: the tag {self.tag} is not in the history of {self.deployed}.",
                advice="Name a tag of what was deployed, or the branch that has it in `deployed`.",
            )
        return found

    def _before(self, repository: Repository, head: Commit) -> Commit:
        instant = self.before.timestamp() if self.before else 0.0
        latest = math.ceil(instant) - 1
        found = repository.out("rev-list", "--first-parent", "-1", f"--min-age={latest}", head.id).strip()
        if not found:
            more = " History was cut off when it was cloned." if repository.shallow else ""
            raise RefusedError(
                f"{repository.place}: {self.deployed} has no commit from before {self.before}.{more}",
                advice="Give an earlier time, or a tag.",
            )
        return repository.commit(found)

    def outputs(self, after: Located, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # no ops
        """Give the commit, and what came after it."""
        names = ("commit", "deployed", "shape", "subject", "date", "tree", "mainline", "count")
        return {**{name: getattr(after, name) for name in names}, "between": [dict(part) for part in after.between]}

    def details(self, change: Change[Located]) -> tuple[str, ...]:
        """Show it, and the commits that going back takes along."""
        found = change.after
        how = f"mainline {found.mainline} of a {found.shape}" if found.mainline else f"by {found.shape}"
        lines = [f"{part['commit'][:10]} {part['subject'][:100]}" for part in found.between[:_SHOWN]]
        more = [f"… and {found.count - _SHOWN} more"] if found.count > _SHOWN else []
        head = f"last good: {found.commit[:10]} {found.subject[:100]} ({found.date}), {how}"
        since = "1 commit since:" if found.count == 1 else f"{found.count} commits since:"
        return (head, since, *lines, *more) if found.count else (head,)
