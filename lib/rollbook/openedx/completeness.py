"""Whether a version can be gone back to: it exists, can be read, and everything reachable in it is there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self

from rollbook.openedx.keys import Branch
from rollbook.openedx.structure import BranchKind, Outline, StructureError

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Sketch:
    """
    One version in short: enough to list it, judge it and compare it with many others.

    A version that *exists* is not None-like: pruning takes whole structures, so one that is gone has no other field.
    *lost* are the ids of its definitions that are gone; what is *dumped* exists only once a dump was brought back.
    """

    version: str
    exists: bool
    name: str = ""
    kind: BranchKind = BranchKind.UNCLEAR
    counts: Mapping[str, int] | None = None
    missing_blocks: tuple[str, ...] = ()
    missing_definitions: int = 0
    lost: frozenset[str] = frozenset()
    dumped: bool = False
    damage: str = ""
    edited_by: int | None = None
    edited_on: datetime | None = None
    previous_version: str = ""
    original_version: str = ""
    marks: frozenset[int] = frozenset()
    lenient: bool = False  # children that are nowhere do not stand against it: the platform leaves them out

    @classmethod
    def gone(cls, version: str) -> Self:
        """Tell of a version that is not in modulestore.structures: pruning took it, or it never was."""
        return cls(version, exists=False)

    @classmethod
    def damaged(cls, version: str, error: StructureError) -> Self:
        """Tell of a version whose document cannot be read."""
        return cls(version, exists=True, damage=error.message)

    @classmethod
    def of(cls, outline: Outline, *, lost: Iterable[str]) -> Self:
        """Sketch an outline, whose definitions *lost* are not in modulestore.definitions."""
        gone = frozenset(lost)
        return cls(
            version=outline.version,
            exists=True,
            name=outline.name,
            kind=outline.kind,
            counts=outline.counts,
            missing_blocks=tuple(str(key) for key in outline.missing),
            missing_definitions=len(gone) + len(outline.without_definition),
            lost=gone,
            edited_by=outline.edited_by,
            edited_on=outline.edited_on,
            previous_version=outline.previous_version,
            original_version=outline.original_version,
            marks=outline.marks,
        )

    def with_definitions(self, back: Collection[str]) -> Self:
        """Tell of it as it is once the definitions *back* were brought back from a dump."""
        found = self.lost.intersection(back)
        if not found:
            return self
        missing = self.missing_definitions - len(found)
        return replace(self, missing_definitions=missing, lost=self.lost - found, dumped=True)

    @property
    def without(self) -> str:
        """Say which blocks are named as children and are not there; empty where all are."""
        sample = ", ".join(self.missing_blocks[:3]) + (" …" if len(self.missing_blocks) > 3 else "")
        told = f"{_many(len(self.missing_blocks), 'block')} named as children missing ({sample})"
        return told if self.missing_blocks else ""

    @property
    def complete(self) -> bool:
        """Tell whether a course can stand on it."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """Say everything that stands against it, in words for people."""
        if not self.exists:
            return ("pruned: its structure is gone",)
        found = [self.damage] if self.damage else []
        if self.missing_blocks and not self.lenient:
            found.append(self.without)
        if self.missing_definitions:
            found.append(f"{_many(self.missing_definitions, 'definition')} missing")
        return tuple(found)


def leniently(sketches: Mapping[str, Sketch], *, lenient: bool) -> dict[str, Sketch]:
    """Have children that are nowhere stand against none of *sketches*, where that is wanted."""
    return {version: replace(sketch, lenient=lenient) for version, sketch in sketches.items()}


def misplaced(found: Sequence[tuple[Branch, Sketch]], *, were_in_force: bool) -> dict[Branch, str]:
    """
    Say of which branches the versions of a pair look as if they were written for another, and why.

    A pair that *were_in_force* is only taken for a swapped one when all of its branches look so: the platform's own
    reset_course_content points both branches at one version, and the branch that this was not written for goes on
    from there.
    """
    wrong = {branch: why for branch, sketch in found if (why := _misplaced(sketch, branch))}
    return {} if were_in_force and len(wrong) < len(found) else wrong


def _misplaced(sketch: Sketch, branch: Branch) -> str:
    if sketch.kind is BranchKind.UNCLEAR or sketch.kind.value == branch.word:
        return ""
    return f"its blocks say that it was written for the {sketch.kind.value} branch, not for {branch.word}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
