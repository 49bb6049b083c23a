"""`git.verify`: what is checked out is what the plan computed."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...targets.base import HostReader
from ...values import Plain
from .names import check_revision, short_branch
from .repository import Repository, listed


@dataclass(frozen=True, slots=True)
class GitVerify(Assertion):
    """
    See that the commit checked out has exactly the tree expected, and that no file in the work tree differs from it.

    `tree` is what `git.revert` or `git.locate` gave, or any commit whose tree it must be. Files that git does not know
    are let be.
    """

    kind: ClassVar[str] = "git.verify"
    example: ClassVar[Mapping[str, Plain]] = {
        "repository": "/srv/app",
        "tree": "{{ steps.revert.outputs.tree }}",
        "target": "web",
    }

    repository: str = field(metadata={"help": "the folder on the target"})
    tree: str = field(metadata={"help": "a tree, or a commit with that tree"})
    target: Ref[HostReader] = Ref("local")
    branch: str = field(default="", metadata={"help": "the branch that must be checked out"})

    def __post_init__(self) -> None:
        for name in filter(None, (self.tree, self.branch)):
            check_revision(name)

    def subjects(self) -> frozenset[Subject]:
        """Name the work tree."""
        return frozenset({Subject(self.target.name, "git work tree", self.repository)})

    def describe(self) -> str:
        """Say what must be so."""
        return f"{self.repository} has the tree {self.tree}, and no changed file"

    def probe(self, read: Readers) -> Outcome:
        """Compare."""
        repository = Repository(read[self.target], self.repository)
        head, on = repository.commit("HEAD"), repository.on
        seen: dict[str, Plain] = {"commit": head.id, "tree": head.tree, "on": on}
        wanted = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.tree}^{{tree}}")
        if wanted.exited:
            return Outcome(False, f"{repository.place} has no tree {self.tree}; {head.label} is checked out", seen)
        problems = []
        if self.branch and short_branch(on) != self.branch:
            problems.append(f"{short_branch(on)} is checked out, not {self.branch}")
        tree = wanted.stdout.strip()
        if tree != head.tree:
            differing = repository.changed(tree, head.tree).changed
            problems.append(f"{head.label} differs from the tree {tree[:10]} in {listed(differing)}")
        if dirty := repository.dirty():
            problems.append(f"changed in the work tree: {listed(dirty)}")
        if busy := repository.busy():
            problems.append(f"{busy} is half done")
        good = f"{repository.place}: {head.label} has the tree {tree[:10]}, and no file differs"
        return Outcome(not problems, "; ".join(problems) or good, seen)
