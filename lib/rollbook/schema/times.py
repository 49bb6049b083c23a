"""Times as people write them: instants with a zone, and durations such as `1h30m`."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

DURATION_PATTERN: Final = r"^(?=.)([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_DURATION: Final = (
    r"(?=.)(?:(?P<weeks>\d{1,9})w)?(?:(?P<days>\d{1,9})d)?(?:(?P<hours>\d{1,9})h)?"
    r"(?:(?P<minutes>\d{1,9})m)?(?:(?P<seconds>\d{1,9})s)?(?:(?P<milliseconds>\d{1,12})ms)?"
)
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_EXPECTED_DURATION: Final = "expected a duration such as 90s, 5m, 1h30m or a number of seconds"
_EXPECTED_INSTANT: Final = 'expected a date and time with its zone such as "2024-05-01T12:30:00Z"'


def parse_duration(content: object) -> timedelta:
    """
    Take `1h30m`, `500ms`, or a number of seconds; raises ValueError saying what is accepted.

    Only a number may be negative, as in an offset of two clocks.
    """
    if isinstance(content, timedelta):
        return content
    if isinstance(content, int | float) and not isinstance(content, bool) and math.isfinite(content):
        return _duration(seconds=content)
    if isinstance(content, str) and (match := re.fullmatch(_DURATION, content, re.ASCII)):
        return _duration(**{unit: int(number) for unit, number in match.groupdict().items() if number})
    raise ValueError(_EXPECTED_DURATION)


def _duration(**parts: float) -> timedelta:
    try:
        return timedelta(**parts)
    except OverflowError:
        raise ValueError(f"{_EXPECTED_DURATION}; this one is too long") from None


def format_duration(duration: timedelta) -> str:
    """Write a duration in the form that `parse_duration` takes, to the millisecond."""
    milliseconds = round(abs(duration) / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    text = "-" if duration < timedelta(0) else ""
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    text += f"{milliseconds}ms" if milliseconds else ""
    return text if text.strip("-") else "0s"


def parse_instant(content: object) -> datetime:
    """Take ISO 8601 text with a zone; return the instant in UTC. Raises ValueError saying what is accepted."""
    instant = content
    if isinstance(content, str):
        try:
            instant = datetime.fromisoformat(content)
        except ValueError:
            raise ValueError(_EXPECTED_INSTANT) from None
    if not isinstance(instant, datetime):
        raise ValueError(_EXPECTED_INSTANT)  # noqa: TRY004  # one kind of error for all misfits
    if instant.utcoffset() is None:
        example = instant.isoformat()
        raise ValueError(
            f"{_EXPECTED_INSTANT}; without a zone nobody knows which instant is meant: "
            f'write "{example}Z" for UTC, or an offset as in "{example}+02:00"'
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(_EXPECTED_INSTANT) from None


def format_instant(instant: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with Z; raises ValueError if it has no zone."""
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no zone, so it is no instant")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
