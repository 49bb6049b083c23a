"""Collectors of what is wrong with a content: with places in a file, or with paths only."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from ..dataclass import dataclass
from ..errors import SchemaError, SourceError
from ..source import Document, Problem
from ..source.document import Path
from ..source.gathering import Gathering

_PLAIN_KEY: Final = re.compile(r"[\w-]+")


class Problems(Protocol):
    """Takes problems while content is converted."""

    @property
    def quotes(self) -> bool:
        """Whether the author chose quotes, so that advice about them makes sense."""

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Note a problem with the value at *path*, or with its key."""


class DocumentProblems:
    """Problems with places in the file that the content came from, those of its reading among them."""

    quotes: Final = True

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found = Gathering()
        for problem in document.problems:
            self._found.add(problem)

    def add(self, path: Path, message: str, *, at_key: bool = False, hidden: bool = False) -> None:
        """Note a problem with the value at *path*, or with its key; *hidden* where its line may hold a secret."""
        if at_key or not self._document.problems or self._document.is_read(path):
            problem = self._document.problem(path, message, at_key=at_key)
            self._found.add(replace(problem, excerpt="") if hidden else problem)

    @property
    def problems(self) -> Sequence[Problem]:
        """Every problem noted, in the order of the file."""
        return self._found.problems()

    def error(self) -> SourceError | SchemaError:
        """Make one error of every problem noted: of the source where it could not be read in whole."""
        return (SourceError if self._document.problems else SchemaError)(self.problems)

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
