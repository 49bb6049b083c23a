"""Collectors of what is wrong with a content: with places in a file, or with paths only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..source import Document, Problem
from ..source.document import Path

_PLAIN_KEY: Final = re.compile(r"[\w-]+")


class Problems(Protocol):
    """Takes problems while content is converted."""

    @property
    def quotes(self) -> bool:
        """Whether the author chose quotes, so that advice about them makes sense."""

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Note a problem with the value at *path*, or with its key."""


class DocumentProblems:
    """Problems with places in the file that the content came from."""

    quotes: Final = True

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Problem] = []

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Note a problem with the value at *path*, or with its key."""
        self._found.append(self._document.problem(path, message, at_key=at_key))

    @property
    def problems(self) -> Sequence[Problem]:
        """Every problem noted, in the order of the file."""
        return tuple(sorted(self._found, key=lambda problem: (problem.line, problem.column)))

    def __bool__(self) -> bool:
        return bool(self._found)


@dataclass(frozen=True, slots=True)
class PathProblem:
    """Something wrong with content that no file holds, at a path such as `$.steps[2].id`."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.message}"


class PlainProblems:
    """Problems with paths only, for content that did not come from a file."""

    quotes: Final = False

    def __init__(self) -> None:
        self._found: list[PathProblem] = []

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:  # noqa: ARG002  # a path says both
        """Note a problem with the value at *path*."""
        self._found.append(PathProblem(path, message))

    @property
    def problems(self) -> Sequence[PathProblem]:
        """Every problem noted, in the order of the conversion."""
        return tuple(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)


def format_path(path: Path) -> str:
    """Write a path as `$.steps[2].id`."""
    return "$" + "".join(map(_format_part, path))


def _format_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f'["{part}"]'
