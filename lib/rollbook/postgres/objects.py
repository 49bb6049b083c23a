"""What a database is made of besides rows: objects by kind and name with their definitions, and how two sets differ."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..dataclass import dataclass

Objects = Mapping["Thing", str]


class Thing(NamedTuple):
    """One object of a database: a table, a column, an index, a privilege; *name* is the server's own writing."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Unlike:
    """How a second database differs from a first: what it lacks, what only it has, what is defined otherwise."""

    lacks: tuple[Thing, ...] = ()
    extra: tuple[Thing, ...] = ()
    other: tuple[Thing, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lacks or self.extra or self.other)


def unlike(first: Objects, second: Objects, *, ignore: Collection[str] = ()) -> Unlike:
    """Compare two databases; kinds in *ignore* are left out."""
    ours = {thing: text for thing, text in first.items() if thing.kind not in ignore}
    theirs = {thing: text for thing, text in second.items() if thing.kind not in ignore}
    return Unlike(
        lacks=tuple(sorted(ours.keys() - theirs.keys())),
        extra=tuple(sorted(theirs.keys() - ours.keys())),
        other=tuple(sorted(thing for thing in ours.keys() & theirs.keys() if ours[thing] != theirs[thing])),
    )


def told(found: Unlike, first: Objects, second: Objects, *, limit: int = 40) -> tuple[str, ...]:
    """Say each difference in a line, *limit* of them at most."""
    lines = [
        *(f"- {thing}: {_short(first[thing])}" for thing in found.lacks),
        *(f"+ {thing}: {_short(second[thing])}" for thing in found.extra),
        *(f"~ {thing}: {_short(first[thing])} -> {_short(second[thing])}" for thing in found.other),
    ]
    more = (f"… and {len(lines) - limit} more",) if len(lines) > limit else ()
    return (*lines[:limit], *more)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:159]}…"
