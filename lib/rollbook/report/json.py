"""The report as JSON: a documented, stable shape for machines."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from ..values import Plain
from .account import Report
from .wording import escaped, iso

_PAIRS: Final = ("inputs", "sources", "identities")


def to_json(report: Report) -> str:
    """
    Give the report as JSON text.

    `format` is raised when a field changes its meaning or goes; new fields may come without that.
    The fields are those of `account.Report`: `run` and `undo` (null where there is none) tell the
    runs' own facts; `summary` sentences with their tone; `impact` seconds, waits, gaps, downtimes;
    `steps`, `moments`, `answers` in order; `written` the sections that people write. Times are
    ISO 8601 UTC with milliseconds, durations seconds, `zone` the name of the local time zone.
    """
    told: dict[str, Plain] = {"format": report.format, **_plain(report)}
    text = "{\n" + ",\n".join(f" {_written(key)}: {_lines(part)}" for key, part in told.items()) + "\n}\n"
    return escaped(text)


def _lines(value: Plain) -> str:
    """Write a list with one item a line: a step is found by its line, and the encoder is the fast one."""
    if not isinstance(value, list) or not value:
        return _written(value)
    return "[\n" + ",\n".join(f"  {_written(part)}" for part in value) + "\n ]"


def _written(value: Plain) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> Plain:
    match value:
        case datetime():
            return iso(value)
        case timedelta():
            return value.total_seconds()
        case str() | int() | float() | bool() | None:
            return value
        case Sequence():
            return [_plain(part) for part in value]
    if is_dataclass(value):
        cls: Any = type(value)  # typeshed: a class is not Hashable to mypy
        return {name: _part(name, getattr(value, name)) for name in _names(cls)}
    return str(value)


@cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(part.name for part in fields(cls))


def _part(name: str, value: Plain) -> Plain:
    return dict(value) if name in _PAIRS else _plain(value)
