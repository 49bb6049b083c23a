"""Which part of a snapshot is wanted back."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Tables and columns that are wanted of a snapshot, and names that are wanted and that it is *lacking*."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    lacking: tuple[str, ...] = ()


def chosen(tables: Sequence[str], columns: Sequence[str], wanted: Collection[str] | None) -> Part:
    """
    Give what *wanted* names, by whole names or patterns, of a snapshot's whole tables and its columns; None wants all.

    A column that is named is also had of a table that was saved whole.
    """
    if wanted is None:
        return Part(tuple(tables), tuple(columns))
    inside = [name for name in wanted if name.rpartition(".")[0] in tables]
    mine = tuple(name for name in tables if _named(name, wanted))
    cells = tuple(dict.fromkeys([*(name for name in columns if _named(name, wanted)), *inside]))
    had = (*tables, *columns, *inside)
    return Part(mine, cells, tuple(one for one in wanted if not any(_named(name, (one,)) for name in had)))


def _named(name: str, wanted: Collection[str]) -> bool:
    return any(fnmatchcase(name, one) or name == one for one in wanted)
