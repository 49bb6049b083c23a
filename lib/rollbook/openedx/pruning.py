"""What pruning keeps and takes, and what its pending plan files would take."""

import json
from collections.abc import Collection, Iterable, Sequence

from rollbook.errors import RefusedError
from rollbook.openedx.pointers import version_id

from ..dataclass import dataclass


class PruningPlanError(RefusedError):
    """A file is not a plan of the pruning tool, so what it would take cannot be told."""


@dataclass(frozen=True, slots=True)
class PruningPlan:
    """A plan that was made and perhaps not carried out yet: which structures it would delete."""

    name: str
    deletes: frozenset[str]
    relinks: int

    def takes(self, versions: Iterable[str]) -> tuple[str, ...]:
        """Give those of *versions* that it would delete, in order."""
        return tuple(version for version in versions if version in self.deletes)


def read_plan(name: str, content: bytes | str) -> PruningPlan:
    """
    Read a plan file: `{"delete": [ID, …], "update_parents": [[ID, NEW PREVIOUS], …]}`.

    Raises PruningPlanError, naming the file, for anything else: a file that cannot be read might list the very
    version that is to be restored.
    """
    try:
        content = content.decode() if isinstance(content, bytes) else content
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _malformed(name, f"it is not JSON ({error})") from error
    match found:
        case {"delete": list(deletes), "update_parents": list(relinks), **rest} if not rest:
            return PruningPlan(name, frozenset(_ids(name, deletes)), len(_pairs(name, relinks)))
    raise _malformed(name, 'it is not an object with the lists "delete" and "update_parents"')


def saves_left(version: str, chains: Iterable[Sequence[str]], *, retain: int, kept: Collection[str] = ()) -> int | None:
    """
    Say how many more saves the course can take until pruning takes *version*: 0 means that its next run does.

    A chain is a branch's versions from the one that active_versions points at (MongoDB's, for pruning reads nothing
    else), each followed by its previous_version; only the first *retain* + 1 of each matter. None means that pruning
    never takes it: an original, or a version in use elsewhere, both given in *kept*.
    """
    if version in kept:
        return None
    positions = [chain.index(version) for chain in chains if version in chain]
    return max((retain + 1 - position for position in positions if position <= retain), default=0)


def tell_saves_left(left: int | None) -> str:
    """Put the answer of `saves_left` in words."""
    if left is None:
        return "never taken by pruning while in use"
    if left == 0:
        return "taken by the next pruning"
    return f"taken by pruning after {left} more save{'' if left == 1 else 's'}"


def _ids(name: str, values: Sequence[object]) -> list[str]:
    return [_version(name, value) for value in values]


def _pairs(name: str, values: Sequence[object]) -> list[tuple[str, str]]:
    found = []
    for value in values:
        match value:
            case [child, parent]:
                found.append((_version(name, child), _version(name, parent)))
            case _:
                raise _malformed(name, f'"update_parents" holds {value!r:.60}, not a pair of ids')
    return found


def _version(name: str, value: object) -> str:
    try:
        return version_id(value if isinstance(value, str) else "")
    except RefusedError as error:
        raise _malformed(name, f"it lists {value!r:.60}, which is not a version id") from error


def _malformed(name: str, why: str) -> PruningPlanError:
    return PruningPlanError(
        f"{name} is not a plan of the pruning tool: {why}",
        advice="name the pending plan files only, or move this one out of the folder, then try again",
    )
