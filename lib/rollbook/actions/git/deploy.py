"""A deploy as git sees it: one merge, one squashed commit or a range, and the commit before it."""

from typing import Literal

from ...dataclass import dataclass
from ...errors import RefusedError
from .names import check_lasting, from_head
from .repository import Commit, Repository

Shape = Literal["merge", "squash", "range"]


@dataclass(frozen=True, slots=True)
class Deploy:
    """What is to be taken back: the way from *before* to *last*; *mainline* is the parent's number in a merge."""

    shape: Shape
    last: Commit
    before: Commit
    mainline: int = 0

    @property
    def label(self) -> str:
        """What people read."""
        if self.shape == "range":
            return f"the range {self.before.id[:10]}..{self.last.label}"
        parent = f" (mainline {self.mainline}: {self.before.label})" if self.mainline else ""
        return f"the {'merge' if self.shape == 'merge' else 'commit'} {self.last.label}{parent}"


def check_deploy(text: str) -> None:
    """Raise ValueError where *text* is neither a commit nor `A..B`, or would mean another one after the revert."""
    for part in text.split("..") if ".." in text else (text,):
        check_lasting(part)
    if text.count("..") > 1 or "..." in text:
        raise ValueError(f"{text!r}: expected a commit, or a range A..B of which A stays")


def find_deploy(repository: Repository, text: str, head: str, mainline: int | None, good: str) -> Deploy:
    """
    Read which deploy *text* names; it must be in the history of *head*, which is HEAD to it.

    What is checked out is no more what is deployed once it was taken back.
    Raises `RefusedError` for one that is not, that has no parent, or whose mainline cannot be told.
    """
    first, _, second = (from_head(part, head) for part in text.rpartition(".."))
    last = _within(repository, second, head)
    if first:
        before = _within(repository, first, last.id)
        return Deploy("range", last, before)
    if not last.parents:
        more = "; its parent was cut off (a shallow clone)" if repository.shallow else ""
        raise RefusedError(
            f"{repository.place}: {last.label} has no parent to go back to{more}.",
            advice="Fetch the whole history with `git fetch --unshallow`, or name another commit.",
        )
    if len(last.parents) == 1:
        return Deploy("squash", last, repository.commit(last.parents[0]))
    number = mainline or _mainline(repository, last, head, good)
    if number > len(last.parents):
        raise RefusedError(
            f"{repository.place}: {last.label} has {len(last.parents)} parents, so no mainline {number}.",
            advice="Give in mainline: the number of the parent that the branch was before the merge, mostly 1.",
        )
    return Deploy("merge", last, repository.commit(last.parents[number - 1]), number)


def _within(repository: Repository, name: str, head: str) -> Commit:
    found = repository.commit(name)
    if not repository.contains(head, found.id):
        raise RefusedError(
            f"{repository.place}: {found.label} is not in the history of {head[:10]}, so it was not deployed with it.",
            advice="Is this the repository and the branch that was deployed?",
        )
    return found


def _mainline(repository: Repository, merge: Commit, head: str, good: str) -> int:
    """Find the parent that was deployed before: the one on *head*'s own line, or on whose own line *good* is."""
    if good:
        wanted = repository.commit(good).id
        lines = {number: repository.first_parents(parent) for number, parent in enumerate(merge.parents, 1)}
        found = [number for number, line in lines.items() if wanted in line]
        exact = [number for number in found if merge.parents[number - 1] == wanted]
        found = exact or found
    else:
        line = set(repository.first_parents(head))
        found = [number for number, parent in enumerate(merge.parents, 1) if parent in line]
    if len(found) == 1:
        return found[0]
    parents = "; ".join(
        f"{number}: {repository.commit(parent).label}" for number, parent in enumerate(merge.parents, 1)
    )
    where = f"on whose own line {good} is" if good else "on the deployed branch's own line"
    raise RefusedError(
        f"{repository.place}: {merge.label} has {len(found) or 'no'} parents {where}, so its mainline cannot be told.",
        advice=f"Give mainline: with the number of the one to go back to ({parents}).",
    )
