"""How numbers and times read on a screen; durations and sizes are those of the report."""

from datetime import UTC, datetime

from ..plan import shown
from ..report.wording import duration, size
from ..values import Plain


def elapsed(seconds: float) -> str:
    """Say a time that goes on, in whole seconds."""
    return f"{int(seconds)} s" if seconds < 60 else duration(int(seconds))


def count(number: int, noun: str, plural: str = "") -> str:
    """Say a number of things: `1 step`, `2 steps`, `no steps`."""
    return f"{number or 'no'} {noun if number == 1 else plural or noun + 's'}"


def about(seconds: float) -> str:
    """Say an estimate."""
    return "under 1 s" if seconds < 1 else f"about {elapsed(round(seconds))}"


def amount(number: int, unit: str) -> str:
    """Say how much was done: bytes in binary units, all else counted."""
    return size(number) if unit == "B" else f"{number:,} {unit}"


def instant(at: datetime) -> str:
    """Say a time in UTC, and what the clock on the wall says where that differs."""
    here = at.astimezone()
    utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return utc if not here.utcoffset() else f"{utc} ({here:%H:%M:%S %Z} here)"


def clock(at: datetime) -> str:
    """Say a time of day in UTC."""
    return at.astimezone(UTC).time().isoformat("seconds")


def answer_shown(value: Plain, prompt: Plain = None) -> str:
    """Say an answer to *prompt*; the items that a checklist confirmed are counted, for they were just read."""
    asked = prompt if isinstance(prompt, dict) else {}
    if asked.get("kind") == "task" and isinstance(value, bool):
        return "done" if value else "that it could not be done"
    if not isinstance(value, list):
        return shown(value)
    items = asked.get("items") or ()
    return f"{len(value)} of {count(len(items), 'item')}" if items else count(len(value), "item")


def one_line(text: str, limit: int = 160) -> str:
    """Put *text* on one line of at most *limit* characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
