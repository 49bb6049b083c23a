"""Which version each branch of a course points at, in one store."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Self

from rollbook.errors import RefusedError
from rollbook.openedx.keys import BRANCHES, Branch, BranchName, CourseKey

from ..dataclass import dataclass

_HEX: Final = re.compile(r"[0-9a-f]{24}\Z")


@dataclass(frozen=True, slots=True)
class Pointers:
    """
    A version id (24 hex digits) for each branch; "" stands for a branch that is absent.

    Its text, `draft:ID,published:ID` or `library:ID`, is what people pass around and type.
    """

    draft: str = ""
    published: str = ""
    library: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raise RefusedError for anything else."""
        found: dict[str, str] = {}
        for part in filter(None, re.split(r"[,\s]+", text.strip())):
            word, colon, version = part.partition(":")
            if not colon or word in found or word not in _WORDS:
                raise RefusedError(f"{text!r} does not name versions", advice=_WRITE_IT_AS)
            found[word] = version_id(version) if version else ""
        if not any(found.values()):
            raise RefusedError(f"{text!r} names no version", advice=_WRITE_IT_AS)
        return cls(**found)

    @classmethod
    def of_versions(cls, versions: Mapping[str, object]) -> Self:
        """Read the `versions` of an active_versions document."""
        return cls(**{branch.word: str(versions.get(branch.name) or "") for branch in BRANCHES})

    def of(self, branch: Branch | BranchName) -> str:
        """Give the version of *branch*, or "" where it is absent."""
        name = branch.name if isinstance(branch, Branch) else branch
        return {"draft-branch": self.draft, "published-branch": self.published, "library": self.library}[name]

    @property
    def present(self) -> tuple[tuple[Branch, str], ...]:
        """Give the branches that point anywhere, with their versions."""
        return tuple((branch, version) for branch in BRANCHES if (version := self.of(branch)))

    @property
    def versions(self) -> tuple[str, ...]:
        """Give the versions pointed at, each once."""
        return tuple(dict.fromkeys(version for _, version in self.present))

    def __str__(self) -> str:
        return ",".join(f"{branch.word}:{version}" for branch, version in self.present)

    def short(self) -> str:
        """Name the versions by their last digits, which tell them apart; the first are only a time."""
        return " · ".join(f"{branch.word} …{version[-6:]}" for branch, version in self.present) or "none"


def version_id(text: str) -> str:
    """Read a version id; raise RefusedError unless it is 24 hex digits."""
    lowered = text.strip().lower()
    if not _HEX.match(lowered):
        raise RefusedError(f"{text!r} is not a version id", advice="a version id has 24 hexadecimal digits")
    return lowered


def is_version(value: object) -> bool:
    """Tell whether *value* is a version id just as the stores write it."""
    return isinstance(value, str) and bool(_HEX.match(value))


def saved_at(version: str) -> datetime:
    """Read from a version id when it was made, to the second: its first eight digits."""
    return datetime.fromtimestamp(int(version[:8], 16), UTC)


def check_fit(pointers: Pointers, key: CourseKey, *, allow_same: bool = False) -> None:
    """
    Refuse pointers that a course, or a library, cannot live with.

    A course needs a draft; its published branch may be absent (it was never published). Draft and published must
    not be one version unless *allow_same*.
    """
    expected = {branch.name for branch in key.branches}
    stray = [branch.word for branch, _ in pointers.present if branch.name not in expected]
    if stray:
        what = "library" if key.is_library else "course"
        raise RefusedError(
            f"{key} is a {what} and has no {' or '.join(stray)} branch",
            advice="choose one of the versions that openedx.versions lists for it",
        )
    first = key.branches[0]
    if not pointers.of(first):
        raise RefusedError(
            f"no {first.word} version given for {key}; without one Studio cannot open it",
            advice="choose a pair that has both branches, or name the version to use",
        )
    if pointers.draft and pointers.draft == pointers.published and not allow_same:
        raise RefusedError(
            f"draft and published of {key} would be one version, {pointers.draft}: unpublished work becomes public "
            "and the published branch loses its own history",
            advice="choose a pair from one line of the history, or set allow_same: true if that is really wanted",
        )


_WORDS: Final = {branch.word for branch in BRANCHES}
_WRITE_IT_AS: Final = "write it as draft:ID,published:ID (library:ID for a library), each ID of 24 hexadecimal digits"


def missing_from(wanted: Iterable[str], present: Iterable[str]) -> tuple[str, ...]:
    """Give those of *wanted* that are not *present*, in order, each once."""
    there = set(present)
    return tuple(dict.fromkeys(version for version in wanted if version not in there))
