"""A YAML file that was read: its plain content, and where each part of it stands."""

import re
from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from ..dataclass import dataclass
from ..values import Plain

Path: TypeAlias = tuple[str | int, ...]

# YAML 1.1 breaks lines at all of these, and libyaml counts lines by them.
_LINE_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_WIDTH: Final = 100
_INDENT: Final = "    "


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something wrong at one place of a file.

    *line* is 0 where the file as a whole is meant. *excerpt* is the source line and, below it, the caret.
    """

    file: str
    line: int
    column: int
    message: str
    excerpt: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}\n{self.excerpt}" if self.excerpt else f"{place}: {self.message}"


@lru_cache(maxsize=8)
def source_lines(text: str) -> Sequence[str]:
    """Split *text* where YAML does, so that a mark's line is an index."""
    return _LINE_BREAK.split(text)


def problem_at(file: str, text: str, mark: Mark, message: str) -> Problem:
    """Describe a problem at *mark* of *text*, with its line and a caret."""
    lines = source_lines(text)
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    return Problem(file, mark.line, mark.column, message, _excerpt(line, mark.column - 1))


def _excerpt(line: str, column: int) -> str:
    """Show *line* with a caret below *column* (from 0); of a long line only what surrounds it."""
    column = min(column, len(line))
    start = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    before, after = line[start:column], line[column : start + _WIDTH]
    head = "…" if start else ""
    tail = "…" if start + _WIDTH < len(line) else ""
    # A tab stays a tab below a tab, whatever the terminal makes of it.
    gap = "".join("\t" if char == "\t" else " " * _cells(char) for char in head + before)
    return f"{_INDENT}{head}{before}{after}{tail}\n{_INDENT}{gap}^"


def _cells(char: str) -> int:
    """Count the terminal cells of a character."""
    if char.isascii():
        return 1
    from unicodedata import category, east_asian_width

    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


class Unread:
    """Stands for a value that cannot be read; its problem is told, so nothing else is told of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "what cannot be read"


UNREAD: Final = Unread()


# What the reader keeps of a part: the place of a scalar; that of a list or mapping with its parts, keys with theirs.
# The parser's own events are many times as large, and a long runbook has hundreds of thousands of them.
Place: TypeAlias = int
Node: TypeAlias = "Place | tuple[Place, dict[str, tuple[Place, Node]] | list[Node]]"

_COLUMN_BITS: Final = 20  # a file has fewer characters than that can count


def place_of(mark: Any) -> Place:  # noqa: ANN401  # of the yaml library, which has no types for it
    """Pack the parser's *mark* into one number."""
    place: Place = mark.line << _COLUMN_BITS | mark.column
    return place


def mark_of(place: Place) -> Mark:
    """Unpack a place."""
    return Mark((place >> _COLUMN_BITS) + 1, (place & ((1 << _COLUMN_BITS) - 1)) + 1)


@dataclass(frozen=True, slots=True)
class Document:
    """
    A file's plain content; *path*s below are keys and list indexes from the top.

    With *problems* it is there only to be checked further: UNREAD stands where a value cannot be read.
    """

    content: dict[str, Plain]
    file: str
    text: str = field(repr=False)
    root: Node = field(repr=False, compare=False)
    problems: tuple[Problem, ...] = ()

    def mark(self, path: Path) -> Mark:
        """Say where the value at *path* begins; for a path that is not there, its nearest parent."""
        _, value = self._find(path)
        return mark_of(value[0] if isinstance(value, tuple) else value)

    def key_mark(self, path: Path) -> Mark:
        """Say where the key of *path* stands; the value, for an item of a list and the top."""
        key, _ = self._find(path)
        return self.mark(path) if key is None else mark_of(key)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Describe a problem with the value at *path*, or with its key."""
        return problem_at(self.file, self.text, self.key_mark(path) if at_key else self.mark(path), message)

    def is_read(self, path: Path) -> bool:
        """Tell whether the value at *path* could be read."""
        found: Plain = self.content
        for part in path:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
                found = found[part]
        return found is not UNREAD

    def _find(self, path: Path) -> tuple[Place | None, Node]:
        """Return the key's place (None for an item or the top) and the node nearest to *path*."""
        key: Place | None = None
        node = self.root
        for part in path:
            parts = node[1] if isinstance(node, tuple) else None
            if isinstance(parts, dict) and isinstance(part, str) and part in parts:
                key, node = parts[part]
            elif isinstance(parts, list) and isinstance(part, int) and 0 <= part < len(parts):
                key, node = None, parts[part]
            else:
                break
        return key, node
