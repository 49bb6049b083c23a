"""MongoDB's Extended JSON read without a driver: ids as their hex text, dates as aware datetimes."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from rollbook.errors import RollbookError
from rollbook.openedx.instants import to_utc
from rollbook.openedx.structure import Document

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ExtendedJsonError(RollbookError):
    """A line is not a document in Extended JSON."""


def read_lines(name: str, lines: Iterable[str]) -> Iterator[Document]:
    """Yield the document of each line that is not blank; raise ExtendedJsonError naming *name* and the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _document(name, number, line)


def _document(name: str, number: int, line: str) -> Document:
    try:
        found = json.loads(line, object_hook=_plain)
    except (ValueError, RecursionError) as error:
        raise ExtendedJsonError(f"{name}:{number} is not Extended JSON: {error}") from error
    if not isinstance(found, dict):
        raise ExtendedJsonError(f"{name}:{number} holds {type(found).__name__}, not a document")
    return found


def _instant(milliseconds: int) -> datetime | int:
    """Give the time, or the number itself where it is beyond the years that Python knows."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return milliseconds


def _plain(value: dict[str, object]) -> object:
    match value:
        case {"$oid": str(text), **rest} if not rest:
            return text
        case {"$date": str(text), **rest} if not rest:
            return to_utc(datetime.fromisoformat(text))
        case {"$date": int(milliseconds), **rest} if not rest:
            return _instant(milliseconds)
        case {"$numberInt": str(text), **rest} | {"$numberLong": str(text), **rest} if not rest:
            return int(text)
        case {"$numberDouble": str(text), **rest} if not rest:
            return float(text)
    return value
