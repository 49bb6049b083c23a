"""How values go into SQL parameters and come back out of rows, on each family of databases."""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from ..errors import TargetError
from ..values import Plain
from .sql_address import Family

_DATE: Final = "$date"


def moment(text: str) -> datetime:
    """Read the text of a `{"$date": …}`; raises `TargetError` for one that is no time with a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise TargetError(f"{text!r} is no time with a zone", advice="Write it like 2024-05-01T12:00:00Z.")
    return found.astimezone(UTC)


def parameter(value: Plain, family: Family) -> Plain:
    """
    Give *value* as the driver wants it, so that it equals what Django stored in the same column.

    Django stores UTC without a zone on MySQL and SQLite, there as text that has no fraction
    when the microseconds are zero.
    """
    match value:
        case {"$date": str(text), **rest} if not rest:
            at = moment(text)
            if family == "postgresql":
                return at
            naive = at.replace(tzinfo=None)
            return str(naive) if family == "sqlite" else naive
        case {"$binary": {"base64": str(content)}, **rest} if not rest:
            return base64.b64decode(content)
        case dict() | list() | tuple():
            raise TargetError(
                f"a SQL parameter cannot be a {type(value).__name__}", advice='Only plain values and {"$date": …} can.'
            )
    return value


def parameters(given: Mapping[str, Plain], family: Family) -> dict[str, Plain]:
    """Convert every parameter."""
    return {name: parameter(value, family) for name, value in given.items()}


def with_fractions(given: Mapping[str, Plain]) -> dict[str, Plain] | None:
    """Write times of a full second with their zero fraction, as SQLAlchemy does in SQLite; None when there are none."""
    found = dict(given)
    for name, value in given.items():
        if isinstance(value, dict) and set(value) == {_DATE}:
            at = moment(value[_DATE]).replace(tzinfo=None)
            if not at.microsecond:
                found[name] = f"{at}.000000"
    return found if found != dict(given) else None


def cell(value: object) -> Plain:
    """Make one value of a row plain: aware UTC times, whole decimals as int and others as text; bytes stay bytes."""
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case datetime():
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        case Decimal():
            return int(value) if value.is_finite() and value == value.to_integral_value() else str(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case memoryview() | bytearray():
            return bytes(value)
        case UUID():
            return str(value)
        case list() | tuple():
            return [cell(part) for part in value]
        case dict():
            return {str(key): cell(part) for key, part in value.items()}
    return str(value)


def exported(value: Plain) -> Plain:
    """Write one value of a row as JSON that can be told apart and brought back: times and bytes as Extended JSON."""
    match value:
        case datetime():
            return {_DATE: value.isoformat(timespec="microseconds").replace("+00:00", "Z")}
        case bytes():
            return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": "00"}}
    return value


def from_text(content: bytes) -> Plain:
    """Read a time that SQLite holds as text in a column declared datetime; text that is none stays text."""
    text = content.decode(errors="replace")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
