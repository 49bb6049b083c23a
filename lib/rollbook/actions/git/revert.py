"""`git.revert`: a branch on which a deploy is taken back."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Command, Op, OpResult
from ...schema import encode
from ...targets.base import HostReader
from ...values import NOW, RUN_ID, Plain, Unknown
from .author import AUTHOR, check_author, identity_of
from .clear import require_clear
from .deploy import check_deploy, find_deploy
from .moving import remove_ref, settle, switch, write_ref
from .names import check_branch, check_revision, short_branch
from .repository import Expected, Repository, listed, move_mark

_NO_REF: Final = "''"
_COMMIT: Final = Unknown("commit of the revert")
_SHOWN: Final = 20
_KEPT: Final = 500
# The tree was computed while planning; it is computed again here, for planning left nothing behind.
_MAKE: Final = """\
export {identity}
base=$(git commit-tree -m base {of}^{{tree}})
ours=$(git commit-tree -m ours -p "$base" {head}^{{tree}})
theirs=$(git commit-tree -m theirs -p "$base" {back_to}^{{tree}})
if ! tree=$(git merge-tree --write-tree --name-only --no-messages "$ours" "$theirs"); then
  echo "conflicts in: $(echo "$tree" | tail -n +2)" >&2; exit 1
fi
if [ "$tree" != {tree} ]; then echo "it gives $tree, not {tree} as planned" >&2; exit 1; fi
commit=$(git commit-tree -m {message} -p {head} "$tree")
git -c core.hooksPath=/dev/null update-ref -m {note} {ref} "$commit" {none}"""


@dataclass(frozen=True, slots=True)
class RevertState:
    """
    What is checked out, on which commit (*base*) the branch is made, and the tree of the *made* branch.

    *tree* is what the revert gives, *count* how many files change in it, *changed* the first five hundred of them;
    *kept* says why the branch stays after an undo, *half* which move was cut off that left it where it is.
    """

    on: str
    base: str
    made: str | None = None
    tree: str = evidence(default="")
    of: str = evidence(default="")
    back_to: str = evidence(default="")
    told: str = evidence(default="")
    count: int = evidence(default=0)
    changed: tuple[str, ...] = evidence(default=())
    commit: str | Unknown | None = evidence(default=None)
    kept: str = evidence(default="")
    half: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class GitRevert(Action[RevertState]):
    """
    Take a deploy back in a commit of its own, on a new branch from what is deployed, and check that branch out.

    The `deploy` is a merge, a squashed commit or a range `A..B` (A stays); what came after it is kept. The mainline of
    a merge is found: the parent on the deployed branch's own line, or the one on whose line `good` is. What comes out
    is computed while planning, so conflicts stop the plan, with the files named, and nothing is ever left half merged.
    A work tree with changes is not touched. No hook of the repository runs. The undo checks out what was checked out
    before, and removes the branch unless somebody put more on it.
    """

    kind: ClassVar[str] = "git.revert"
    example: ClassVar[Mapping[str, Plain]] = {"repository": "/srv/app", "deploy": "3f2c1ab", "target": "web"}
    by_hand: ClassVar[str] = """
In `<repository>`, with a clean work tree: `git switch -c rollback`, then `git revert -m PARENT <deploy>` (`-m` for a
merge only: the number of the parent that was deployed before, see `git show --no-patch --format=%P <deploy>`).
"""

    repository: str = field(metadata={"help": "the folder on the target"})
    deploy: str = field(metadata={"help": "a merge, a squashed commit, or a range A..B; HEAD is what is deployed"})
    target: Ref[HostReader] = Ref("local")
    branch: str = field(default=f"rollback/{RUN_ID}", metadata={"help": "the branch to make"})
    mainline: int | None = field(default=None, metadata={"help": "of a merge: which parent; found unless given"})
    good: str = field(default="", metadata={"help": "of a merge: a commit that was deployed before it"})
    message: str = field(default="", metadata={"help": "of the commit"})
    author: str = field(default=AUTHOR, metadata={"help": "of the commit: Name <mail>"})

    def __post_init__(self) -> None:
        check_branch(self.branch)
        check_deploy(self.deploy)
        check_author(self.author)
        if self.good:
            check_revision(self.good)
        if self.mainline is not None and self.mainline < 1:
            raise ValueError("mainline: expected 1 or more")

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def subjects(self) -> frozenset[Subject]:
        """Name the work tree."""
        return frozenset({Subject(self.target.name, "git work tree", self.repository)})

    def probe(self, read: Readers) -> RevertState:
        """Look what is checked out, and compute what the revert gives."""
        repository = Repository(read[self.target], self.repository)
        on, tip = repository.on, repository.find(self._ref)
        base = repository.commit(f"{self._ref}^" if tip else "HEAD").id
        deploy = find_deploy(repository, self.deploy, base, self.mainline, self.good)
        wanted = repository.expected(deploy.last.id, deploy.before.id, base)
        if wanted.conflicts:
            raise RefusedError(
                f"{repository.place}: taking back {deploy.label} conflicts in {listed(wanted.conflicts)}.",
                advice="Later commits changed the same lines. Revert by hand and settle these files, or take those "
                "commits back too: give deploy: as the range A..B.",
            )
        made = self._made(repository, tip, wanted)
        half = repository.half_moved(on, (self._ref,)) if on != self._ref else self._left_half(repository)
        if half or on != self._ref:
            require_clear(repository, wanted, half)
        return RevertState(
            on,
            base,
            made,
            wanted.tree,
            deploy.last.id,
            deploy.before.id,
            deploy.label,
            len(wanted.changed),
            wanted.changed[:_KEPT],
            tip,
            half=half,
        )

    def _made(self, repository: Repository, tip: str | None, wanted: Expected) -> str | None:
        if tip is None:
            self._require_room(repository)
            return None
        tree = repository.commit(tip).tree
        if tree != wanted.tree:
            raise RefusedError(
                f"{repository.place} has a branch {self.branch} already, with something else on it.",
                advice="Give another name in branch:, or look what it is.",
            )
        return tree

    def _require_room(self, repository: Repository) -> None:
        parts = self.branch.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        names = repository.out("for-each-ref", "--format=%(refname)", *(f"refs/heads/{name}" for name in above))
        taken = [name for name in above if f"refs/heads/{name}" in names.splitlines()]
        if taken:
            raise RefusedError(
                f"{repository.place} has a branch {taken[0]}, so that git can make none named {self.branch}.",
                advice=f"Rename it (`git branch -m {taken[0]} NAME`), or give another name in branch:.",
            )

    def _left_half(self, repository: Repository) -> str:
        mark = repository.moving()
        return mark if mark.startswith(move_mark(self._ref, "")) else ""

    def probe_for(self, read: Readers, goal: RevertState) -> RevertState:
        """Look whether the made branch can go, in an undo: only while nothing else is on it."""
        if goal.made is not None:
            return self.probe(read)
        repository = Repository(read[self.target], self.repository)
        on, tip = repository.on, repository.find(self._ref)
        if tip is None:
            return replace(goal, on=on)
        half = repository.half_moved(on, (goal.on, self._ref))
        if half or on != goal.on:
            require_clear(repository, repository.changed(tip, goal.base), half)
        more = int(repository.out("rev-list", "--count", f"{goal.base}..{tip}")) - 1
        if more:
            kept = f"{self.branch} stays: {more} more commits are on it"
            return replace(goal, on=on, commit=tip, kept=kept, half=half)
        return replace(goal, on=on, made=repository.commit(tip).tree, commit=tip, half=half)

    def desired(self, before: RevertState) -> RevertState:
        """Want the branch, checked out; nothing where the deploy is taken back already."""
        if before.made is None and not before.count:
            return before
        return replace(before, on=self._ref, made=before.tree, commit=before.commit or _COMMIT)

    def ops(self, old: RevertState, new: RevertState) -> tuple[Op, ...]:
        """Make the branch, then check it out; the other way round in an undo."""
        ops: list[Op] = []
        if new.made is not None and old.made is None:
            ops.append(self._make(new))
        if old.on != new.on:
            ops.append(switch(self.target.name, self.repository, old.on, new.on))
        elif old.half:
            ops.append(settle(self.target.name, self.repository, old.half))
        if new.made is None and old.made is not None:
            ops.append(remove_ref(self.target.name, self.repository, self._ref, str(old.commit)))
        return tuple(ops)

    def _make(self, new: RevertState) -> Command:
        message = self.message or f"Take back {new.told}\n\nRun: {RUN_ID}"
        identity = {**identity_of(self.author), "GIT_AUTHOR_DATE": str(NOW), "GIT_COMMITTER_DATE": str(NOW)}
        script = _MAKE.format(
            identity=" ".join(f"{name}={shlex.quote(value)}" for name, value in identity.items()),
            of=new.of,
            head=new.base,
            back_to=new.back_to,
            tree=new.tree,
            message=shlex.quote(message),
            note=shlex.quote("rollbook: git.revert"),
            ref=shlex.quote(self._ref),
            none=_NO_REF,
        )
        told = f"git merge-tree; git commit-tree {new.tree} -p {new.base}; git update-ref {self._ref}"
        return write_ref(self.target.name, self.repository, self._ref, script, told)

    def undo(self, change: Change[RevertState]) -> Undo[RevertState]:
        """Go back to what was checked out."""
        back = short_branch(change.before.on)
        return Reverse(change.before, f"{back} is checked out again, {self.branch} removed unless more is on it")

    def outputs(self, after: RevertState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # read anew
        """Give the branch, its commit and the tree that it must have."""
        changed = after.on == self._ref
        return {
            "branch": self.branch if changed else short_branch(after.on),
            "commit": encode(after.commit) if changed else after.base,
            "tree": after.tree,
            "base": after.base,
            "of": after.of,
            "back_to": after.back_to,
            "changed": list(after.changed),
        }

    def details(self, change: Change[RevertState]) -> tuple[str, ...]:
        """Tell what is taken back, and the files that change."""
        found = change.before
        if not change.ops and found.on != self._ref:
            return (f"nothing to do: {found.told} is taken back already",) if found.told else ()
        if found.kept:
            return (found.kept,)
        files = [f"    {path}" for path in found.changed[:_SHOWN]]
        more = [f"    … and {found.count - _SHOWN} more"] if found.count > _SHOWN else []
        files_change = "1 file changes" if found.count == 1 else f"{found.count} files change"
        head = [f"takes back {found.told}; {files_change}:"] if found.told else []
        return (*head, *files, *more, "hooks of the repository do not run (core.hooksPath=/dev/null)")
