"""A pass of carrying over as the ledger of the restored database knows it."""

from collections.abc import Mapping
from dataclasses import field

from ..dataclass import dataclass
from ..ops import WrittenFile
from .catalog import Sequence
from .names import Name


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose pass it is: the run's id, and its *number* among those of its sort in this run."""

    run: str = ""
    number: int = 1


def pass_subject(restored: str, number: int, *, final: bool) -> tuple[str, str]:
    """Give the kind and the name of the subject that a pass into the database *restored* is."""
    return "pass", f"{restored} {final} {number}"


@dataclass(frozen=True, slots=True)
class Differing:
    """How many rows of a table live has more, otherwise and less than the base."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        """Give them all."""
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: "Differing") -> "Differing":
        return Differing(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


@dataclass(frozen=True, slots=True)
class Exported:
    """
    A file of rows that have no place; *what* says which, *sha256* is its checksum.

    *refers* tells what columns point at, as (table, column), of a table that no database has any more.
    """

    what: str
    path: str
    rows: int
    size: int
    sha256: str
    refers: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def written(self) -> WrittenFile:
        """Give it as an op tells of what it left behind."""
        return WrittenFile(self.path, self.size, self.sha256)


@dataclass(frozen=True, slots=True)
class Told:
    """What a pass did, as it is written down with it."""

    differing: Mapping[str, Differing] = field(default_factory=dict)
    conflicts: Mapping[str, int] = field(default_factory=dict)  # "kind table settled" → how many
    exported: tuple[Exported, ...] = ()
    only_live: tuple[str, ...] = ()
    without_key: tuple[str, ...] = ()
    sequences: Mapping[str, int] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)  # live's counters when the pass began to read it
    whole: Mapping[str, str] = field(default_factory=dict)  # tables of which every row was compared → why
    renamed: tuple[str, ...] = ()  # what migrations renamed, and was carried under the backup's names
    partitions: tuple[str, ...] = ()  # made for it, as live has them
    overtaken: bool = False  # live may have been written to since, so a final pass must come again


@dataclass(frozen=True, slots=True)
class Carried:
    """What a pass did: *differing* rows per table, how many conflicts, which sequences moved on."""

    differing: tuple[tuple[Name, Differing], ...]
    conflicts: int
    sequences: tuple[Sequence, ...]
    only_live: tuple[Name, ...]  # they have no place here or no base: their rows are exported
    without_key: tuple[Name, ...]
    told: Told
