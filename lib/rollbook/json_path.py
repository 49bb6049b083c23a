"""Paths into a JSON document: `data.items[0].id`, `$.a["b.c"]`."""

import re
from collections.abc import Iterator
from typing import Final

from .values import Plain

_PART: Final = re.compile(
    r"""
    \.?(?P<name>[^\s.\[\]"']+)          # a.b
    | \[(?P<index>-?\d+)\]              # [0], [-1]
    | \[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]  # ["a.b"]
    """,
    re.VERBOSE,
)


class MissingPathError(LookupError):
    """Nothing is at a path; the message says how far it led and what is there."""


def parse_path(path: str) -> tuple[str | int, ...]:
    """Split a path into keys and positions; raises ValueError where it is none."""
    return tuple(_parts(path))


def _parts(path: str) -> Iterator[str | int]:
    position = 1 if path.startswith("$") else 0
    if not path:
        raise ValueError('expected a path such as "status", "checks[0].name" or "$.a.b"')
    while position < len(path):
        found = _PART.match(path, position)
        if found is None:
            raise ValueError(f"{path!r} is no path: character {position + 1} is not understood")
        index, name = found["index"], found["name"]
        yield int(index) if index is not None else name if name is not None else found["quoted"]
        position = found.end()


def find_path(document: Plain, path: str) -> Plain:
    """Give what stands at *path* in *document*; raises `MissingPathError`."""
    found = document
    walked = "$"
    for part in parse_path(path):
        match found, part:
            case dict(), str() if part in found:
                found = found[part]
            case list(), int() if -len(found) <= part < len(found):
                found = found[part]
            case _:
                raise MissingPathError(f"{path} is not there: {walked} is {_kind(found)}")
        walked += f"[{part}]" if isinstance(part, int) else f".{part}"
    return found


def _kind(value: Plain) -> str:
    match value:
        case dict():
            return f"a mapping with the keys {', '.join(map(str, list(value)[:10])) or '(none)'}"
        case list():
            return f"a list of {len(value)}"
    return repr(value)
