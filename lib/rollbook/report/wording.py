"""The words, times and sizes of a report, the same in every format."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:  # lists and errors are worded too, and need no actions and no runs
    from ..run import RunStatus, StepRun, StepStatus

Tone = Literal["good", "calm", "warn", "bad"]

FINE: Final = 60.0

RUN_WORDS: Final["Mapping[RunStatus, str]"] = {
    "planned": "Planned, not started",
    "running": "Not finished: no end is recorded",
    "waiting": "Waiting for an answer",
    "stopped": "Stopped, can be resumed",
    "failed": "Failed, can be resumed",
    "succeeded": "Succeeded",
    "undone": "Succeeded",  # of an undo: it is the other run that is undone
    "abandoned": "Abandoned",
}
RUN_TONES: Final["Mapping[RunStatus, Tone]"] = {
    "planned": "calm",
    "running": "warn",
    "waiting": "warn",
    "stopped": "warn",
    "failed": "bad",
    "succeeded": "good",
    "undone": "calm",
    "abandoned": "bad",
}
STEP_WORDS: Final["Mapping[StepStatus, str]"] = {
    "pending": "not reached",
    "running": "begun, no end recorded",
    "ok": "ok, nothing to change",
    "changed": "changed",
    "skipped": "skipped",
    "failed": "failed",
    "unreachable": "no answer came",
    "waiting": "waiting for an answer",
    "in_doubt": "in doubt",
    "recovered": "recovered after a cut",
    "undone": "changed, then undone",
}
ONLY_READ: Final = "ran, to read only"
BY_HAND: Final = "done by hand"
BY_THEN: Final = f", {BY_HAND} by then"
STEP_TONES: Final["Mapping[StepStatus, Tone]"] = {
    "pending": "calm",
    "running": "warn",
    "ok": "calm",
    "changed": "good",
    "skipped": "calm",
    "failed": "bad",
    "unreachable": "bad",
    "waiting": "warn",
    "in_doubt": "bad",
    "recovered": "good",
    "undone": "calm",
}
STEP_MARKS: Final["Mapping[StepStatus, str]"] = {
    "pending": "○",
    "running": "…",
    "ok": "✓",
    "changed": "●",
    "skipped": "–",
    "failed": "✕",
    "unreachable": "✕",
    "waiting": "◔",
    "in_doubt": "?",
    "recovered": "●",
    "undone": "↺",
}
# Marks that turn the direction of text, or take no room: shown by name, for a value must not
# be able to look like another one in a record that people sign. The joiners (U+200C, U+200D) and the variation
# selectors stay: Persian, Indic scripts and emoji are not written rightly without them.
_HIDDEN: Final = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e007f]"
)
_LONE: Final = "[\ud800-\udfff\ufffe\uffff]"
_SEEN: Final = f"{_HIDDEN}|{_LONE}"


def visible(text: str) -> str:
    """Write control characters and direction marks so that they are seen and do nothing; keep newline and tab."""
    # Most texts hold none of them; to see that costs a tenth.
    if (text.isascii() and text.isprintable()) or not re.search(_SEEN, text):
        return text
    return re.sub(_HIDDEN, _picture, re.sub(_LONE, "\ufffd", text.replace("\r\n", "\n")))


def escaped(text: str) -> str:
    """Write what JSON allows raw and `visible` does not as JSON's own escapes; *text* is JSON."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_LONE, _code, re.sub(_HIDDEN, _code, text))


def _code(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def json_text(value: object) -> str:
    """Write *value* as JSON for a screen or a pipe: no character of it does anything to a terminal."""
    return escaped(json.dumps(value, indent=2, ensure_ascii=False))


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"‹U+{code:04X}›"


def one_line(text: str) -> str:
    """Write *text* on one line."""
    return " ".join(visible(text).split())


def duration(seconds: float | None) -> str:
    """Print a duration in the two largest units that matter; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 0:
        return "unknown (the clock was set back)"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for size, name, small, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name} {rest} {part}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def size(count: int) -> str:
    """Print a number of bytes."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def utc(at: datetime | None) -> str:
    """Print a time in UTC to the second; nothing for None."""
    # A run of many steps prints many times, and `strftime` takes thrice as long.
    return "" if at is None else f"{at.astimezone(UTC).isoformat(' ', 'seconds')[:19]} UTC"


def local(at: datetime | None, zone: tzinfo | None) -> str:
    """Print a time in *zone*; nothing when either is None."""
    if at is None or zone is None:
        return ""
    there = at.astimezone(zone)
    return f"{there:%Y-%m-%d %H:%M:%S} {there:%Z}".strip()


def clock(at: datetime, *, fine: bool = False) -> str:
    """Print the time of day in UTC; *fine* with milliseconds, for what happened within a minute."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[11 : 23 if fine else 19]


def iso(at: datetime | None) -> str | None:
    """Print a time for machines: ISO 8601 UTC with milliseconds."""
    if at is None:
        return None
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


def step_words(step: "StepRun") -> str:
    """Say how a step ended, in the words of its verdict."""
    if step.adopted_at:
        return BY_HAND
    if step.status == "ok":
        return {"read": "looked at", "ask": "answered"}.get(step.planned.verdict, STEP_WORDS["ok"])
    return ONLY_READ if only_read(step) else STEP_WORDS[step.status]


def only_read(step: "StepRun") -> bool:
    """Tell whether what it sent changed nothing: it is shown as calmly as what was looked at."""
    return step.status == "changed" and not step.changed


def times(count: int) -> str:
    """Print how often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def counted(count: int, one: str, many: str = "") -> str:
    """Print a number with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(parts: tuple[str, ...], *, limit: int = 6) -> str:
    """Join names as a sentence does; past *limit* it says how many more there are."""
    shown = list(parts[:limit])
    if len(parts) > limit:
        shown.append(f"{len(parts) - limit} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
