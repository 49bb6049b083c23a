"""The report as JSON: a documented, stable shape for machines."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, Final

from .account import Report
from .wording import escaped, iso

_PAIRS: Final = ("inputs", "sources", "identities")


def to_json(report: Report) -> str:
    """
    Give the report as JSON text.

    `format` is raised when a field changes its meaning or goes; new fields may come without that.
    The fields are those of `account.Report`: `run` and `undo` (null where there is none) tell the
    runs' own facts; `summary` sentences with their tone; `impact` seconds, waits, gaps, downtimes;
    `steps`, `moments`, `answers`, `stages`, `stakes` in order; `written` the sections that people write. Times are
    ISO 8601 UTC with milliseconds, durations seconds, `zone` the name of the local time zone.
    """
    return "".join(json_pieces(report))


def json_pieces(report: Report) -> Iterator[str]:
    """Yield the text of `to_json`, a line at a time."""
    names = ["format", *(part.name for part in fields(report) if part.name != "format")]
    for index, name in enumerate(names):
        yield f"{',' if index else '{'}\n {_written(name)}: "
        yield from _lines(getattr(report, name))
    yield "\n}\n"


def _lines(value: object) -> Iterator[str]:
    """Write a list with one item a line: a step is found by its line, and the encoder is the fast one."""
    if not isinstance(value, tuple) or not value:
        yield _written(value)
        return
    for index, part in enumerate(value):
        yield f"{',' if index else '['}\n  {_written(part)}"
    yield "\n ]"


def _written(value: object) -> str:
    return escaped(_ENCODER.encode(value))


def _plain(value: object) -> object:
    """Give what JSON lacks as what it has; the encoder asks for nothing else, and then for what is inside."""
    match value:
        case datetime():
            return iso(value)
        case timedelta():
            return value.total_seconds()
    if not is_dataclass(value):
        return str(value)
    cls: Any = type(value)  # typeshed: a class is not Hashable to mypy
    names, values_of = _parts(cls)
    return {name: dict(part) if name in _PAIRS else part for name, part in zip(names, values_of(value), strict=True)}


@cache
def _parts(cls: type[Any]) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    names = tuple(part.name for part in fields(cls))
    return names, attrgetter(*names)


# A report is a tree, so no circle need be looked for.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=_plain)
