"""What a snapshot holds, as the statements that make it again: what is chosen first, and what was saved of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final, Literal

from ..dataclass import dataclass

Server = Literal["postgresql", "mysql"]

# Beside what is doomed: with them it can be told later what state the rows are of.
BESIDE: Final = ("django_migrations", "django_content_type", "auth_permission")


@dataclass(frozen=True, slots=True)
class Chosen:
    """
    A table to be saved, *whole* or only those *columns*, of which *doomed* are the ones that will be gone.

    *read* is the statement by which its rows come; one without rows of its own (whose parts have them) has none.
    *rows* is an estimate, -1 where the server never counted.
    """

    name: str
    whole: bool
    columns: tuple[str, ...]
    doomed: tuple[str, ...]
    read: str
    rows: int = -1
    beside: bool = False

    def __str__(self) -> str:
        return self.name if self.whole else f"{self.name} ({', '.join(self.columns)})"


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What a snapshot will hold; *absent* are names that fit nothing, *refused* says what cannot be saved, and why.

    *warned* says what will stand in the way of putting it back.
    """

    tables: tuple[Chosen, ...] = ()
    absent: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedTable:
    """
    A table of a snapshot: what is sent *before* its rows are loaded by *load*, and *after*; *read* gives them again.

    *sum* is of the rows as they are in *file*, in whatever order: the first eight bytes of each one's SHA-256, added.
    """

    name: str
    whole: bool
    columns: tuple[str, ...]
    file: str
    before: tuple[str, ...]
    read: str
    load: str
    after: tuple[str, ...]
    rows: int = 0
    sum: str = ""
    doomed: tuple[str, ...] = ()
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """All of a snapshot: *prepare* comes before any table, *finish* once all of them are loaded."""

    prepare: tuple[str, ...] = ()
    tables: tuple[SavedTable, ...] = ()
    finish: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(one.rows for one in self.tables)


def counted(contents: Contents, found: Mapping[str, tuple[int, str]], ending: str) -> Contents:
    """Add to each table with a file how many rows it has and their sum, by the file's name without *ending*."""
    return replace(
        contents,
        tables=tuple(
            replace(one, file=f"{one.file}{ending}", rows=found[one.file][0], sum=found[one.file][1])
            if one.file
            else one
            for one in contents.tables
        ),
    )


def fits(name: str, patterns: Collection[str]) -> bool:
    """Say whether one of the patterns is of *name*."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def absent(patterns: Collection[str], names: Iterable[str]) -> Iterator[str]:
    """Give the patterns that none of *names* fits."""
    known = tuple(names)
    return (one for one in patterns if not any(fnmatchcase(name, one) for name in known))
