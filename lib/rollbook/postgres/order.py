"""
The order of tables by their foreign keys, parents first.

Tables that point at each other in a circle have no such order: they come as one group.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from .names import Name

N = TypeVar("N", Name, str)
N_co = TypeVar("N_co", covariant=True)


class Points(Protocol[N_co]):
    """A foreign key, of whichever server."""

    @property
    def child(self) -> N_co:
        """The table that points."""

    @property
    def parent(self) -> N_co:
        """The table that it points at."""


def in_order(tables: Iterable[N], keys: Iterable[Points[N]]) -> tuple[tuple[N, ...], ...]:
    """Give the tables in groups, each after all groups that it points at; a group of several is a circle."""
    names = sorted(tables)
    parents: dict[N, list[N]] = {name: [] for name in names}
    for key in keys:
        if key.child in parents and key.parent in parents:
            parents[key.child].append(key.parent)
    return _components(names, {name: sorted(set(found)) for name, found in parents.items()})


def flat(groups: Iterable[Sequence[N]]) -> tuple[N, ...]:
    """Give the tables of all groups one after the other."""
    return tuple(name for group in groups for name in group)


def _components(names: Sequence[N], towards: Mapping[N, Sequence[N]]) -> tuple[tuple[N, ...], ...]:
    """Find strongly connected components, those pointed at first; without recursion, for chains may be long."""
    number: dict[N, int] = {}
    lowest: dict[N, int] = {}
    open_names: list[N] = []
    found: list[tuple[N, ...]] = []
    for start in names:
        walk = [] if start in number else [(start, iter(towards[start]))]
        while walk:
            name, rest = walk[-1]
            if name not in number:
                number[name] = lowest[name] = len(number)
                open_names.append(name)
            following = next((one for one in rest if _enters(one, number, lowest, name, open_names)), None)
            if following is not None:
                walk.append((following, iter(towards[following])))
                continue
            walk.pop()
            if walk:
                lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[name])
            if lowest[name] == number[name]:
                at = open_names.index(name)
                found.append(tuple(sorted(open_names[at:])))
                del open_names[at:]
    return tuple(found)


def _enters(one: N, number: Mapping[N, int], lowest: dict[N, int], name: N, open_names: Sequence[N]) -> bool:
    """Say whether the walk goes on into *one*; a name that is open already closes a circle."""
    if one not in number:
        return True
    if one in open_names:
        lowest[name] = min(lowest[name], number[one])
    return False
