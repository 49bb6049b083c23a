"""The filters of expressions, and nothing else: what is not in FILTER_NAMES does not exist."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from ..parse import read_json
from ..values import Plain
from .budget import MAX_TEXT, TooMuchError, check_number, look_at, made, spend
from .shield import Shield, shield, touch
from .text import Raw, shell_text_of, text_of

_MISSING: Final = object()
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)"
_LONGEST_DURATION: Final = 100
_LONGEST_FORM: Final = 100
_LONGEST_QUOTE: Final = 80
_MOST_DIGITS: Final = 300
_MOST_INDENT: Final = 8


def join(value: Plain, separator: str = "") -> str:
    """Join the items of a list as text."""
    parts = [text_of(part) for part in value]
    _check_length(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def length(value: Plain) -> int:
    """Count the items of a list or mapping, or the characters of a text."""
    return len(value)


def string(value: Plain) -> str:
    """Write as text."""
    return text_of(value)


def lower(value: Plain) -> str:
    """Write in small letters."""
    return text_of(value).lower()


def upper(value: Plain) -> str:
    """Write in capitals."""
    return text_of(value).upper()


def trim(value: Plain) -> str:
    """Take blanks off both ends."""
    return text_of(value).strip()


def replace(value: Plain, old: str, new: str) -> str:
    """Replace each *old* by *new*."""
    text = text_of(value)
    if not old:
        raise ValueError("replace needs a text to look for")
    _check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def split(value: Plain, separator: str | None = None) -> list[str]:
    """Cut a text at each *separator*, or at blanks."""
    return text_of(value).split(separator)


def whole(value: Plain, default: Plain = _MISSING) -> Plain:
    """Turn a text or number into a whole number; without *default* anything else is an error."""
    try:
        return int(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError) as error:
        if default is _MISSING:
            raise ValueError(f"{_short(value)} is not a whole number") from error
        return default


def number(value: Plain, default: Plain = _MISSING) -> Plain:
    """Turn a text into a number; without *default* anything else is an error."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        if default is _MISSING:
            raise ValueError(f"{_short(value)} is not a number") from error
        return default


def rounded(value: Plain, digits: int = 0) -> float | int:
    """Round to *digits* after the point; to a whole number without."""
    if abs(digits) > _MOST_DIGITS:
        raise ValueError(f"a number is rounded to at most {_MOST_DIGITS} digits")
    result: float | int = round(value, digits) if digits else round(value)
    return result


def tojson(value: Plain, indent: int | None = None) -> str:
    """Write as JSON."""
    if indent is None:
        return json.dumps(value, ensure_ascii=False)
    if not 0 <= indent <= _MOST_INDENT:
        raise ValueError(f"JSON is indented by 0 to {_MOST_INDENT}")
    written: list[str] = []
    for part in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        spend(len(part))
        written.append(part)
    return "".join(written)


def fromjson(value: Plain) -> Plain:
    """Read JSON."""
    if not isinstance(value, str):
        raise TypeError(f"fromjson reads a text, not {value!r}")
    return read_json(value)


def instant(value: Plain, form: str = "") -> str:
    """Write a time (ISO 8601 with its zone, or seconds since 1970) in UTC, as ISO or in the *form* of strftime."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        moment = datetime.fromtimestamp(value, UTC)
    else:
        moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no zone: write it with Z or +00:00")
    if len(form) > _LONGEST_FORM or re.search(r"%[^a-zA-Z%]", form):
        raise ValueError("the form of a time is one of strftime, such as %Y-%m-%d %H:%M")
    moment = moment.astimezone(UTC)
    return moment.strftime(form) if form else moment.isoformat().replace("+00:00", "Z")


def seconds(value: Plain) -> float | int:
    """Turn a duration (`90s`, `1h30m`) into seconds, to compute and compare with."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value)
    parts = re.findall(_DURATION, text) if len(text) <= _LONGEST_DURATION else []
    if not parts or re.sub(_DURATION, "", text).strip():
        raise ValueError(f"{text[:_LONGEST_DURATION]!r} is not a duration such as 90s, 5m or 1h30m")
    total: float = sum(float(count) * _UNITS[unit] for count, unit in parts)
    return int(total) if total == int(total) else total


def total(environment: Plain, value: Plain, attribute: Plain = None, start: Plain = 0) -> Plain:
    """Add up numbers, or with a list as *start* the items of lists, in time that grows with their number only."""
    from jinja2.filters import make_attrgetter

    parts = value if attribute is None else map(make_attrgetter(environment, attribute), value)
    if not isinstance(start, list):
        return sum(parts, start)
    items = list(start)
    for part in parts:
        made(part)
        items += part
    return items


def basename(value: Plain) -> str:
    """Give the last part of a path."""
    return PurePosixPath(text_of(value)).name


def dirname(value: Plain) -> str:
    """Give a path without its last part."""
    return str(PurePosixPath(text_of(value)).parent)


def raw(value: Plain) -> Raw:
    """Keep a shell command's quotes off; the text is then the author's to answer for."""
    return Raw(" ".join(text_of(part) for part in value) if isinstance(value, list) else text_of(value))


def quoted(value: Plain) -> Raw:
    """Quote for a shell, in a text that is not a shell command itself."""
    return Raw(shell_text_of(value))


_OWN: Final[Mapping[str, Callable[..., Plain]]] = {
    "join": join,
    "length": length,
    "string": string,
    "lower": lower,
    "upper": upper,
    "trim": trim,
    "replace": replace,
    "split": split,
    "int": whole,
    "float": number,
    "round": rounded,
    "tojson": tojson,
    "fromjson": fromjson,
    "datetime": instant,
    "duration": seconds,
    "basename": basename,
    "dirname": dirname,
    "raw": raw,
    "quote": quoted,
}
# jinja's own; those that look into each item find shields by themselves.
_TAKEN: Final = """
    first last sort unique map select reject selectattr rejectattr min max items list abs dictsort groupby
""".split()  # noqa: SIM905  # words in rows read better than one a line

FILTER_NAMES: Final = tuple(sorted((*_OWN, *_TAKEN, "sum", "default")))

_TESTS: Final = """
    none boolean string number integer float mapping sequence iterable in odd even true false
    eq == equalto ne != lt < lessthan le <= gt > greaterthan ge >=
""".split()  # noqa: SIM905  # words in rows read better than one a line


def all_filters() -> dict[str, Callable[..., Plain]]:
    """Give every filter by name; imports jinja2."""
    from jinja2 import Undefined, filters, pass_environment

    def default(value: Plain, fallback: Plain = "", boolean: bool = False) -> Plain:  # as in jinja
        """Give *fallback* for what is not defined or empty; with *boolean* also for false, 0 and ''."""
        if isinstance(value, Undefined) or value is None:
            return fallback
        return fallback if boolean and not value else value

    taken = {name: _settled(filters.FILTERS[name]) for name in _TAKEN}
    taken["sum"] = _settled(pass_environment(total))
    return {"default": default, **taken, **{name: _guarded(function) for name, function in _OWN.items()}}


def all_tests() -> dict[str, Callable[..., Plain]]:
    """Give every test (`is …`) by name; imports jinja2."""
    from jinja2 import tests

    known: Plain = tests.TESTS
    guarded = {name: _guarded(known[name]) for name in _TESTS}
    return {"defined": known["defined"], "undefined": known["undefined"], **guarded}


def _guarded(function: Callable[..., Plain]) -> Callable[..., Plain]:
    """Refuse shields and undefined values before *function* sees them."""
    from jinja2 import Undefined

    def call(*arguments: Plain, **named: Plain) -> Plain:
        settled = [_settle(part) for part in arguments]
        for part in settled:
            if isinstance(part, Undefined):
                bool(part)  # raises, naming what is undefined
        touch(*settled, *named.values())
        look_at(*settled, *named.values())
        return _made(function(*settled, **named))

    return call


def _settled(function: Callable[..., Plain]) -> Callable[..., Plain]:
    """Turn what *function* yields into a list, and keep it from looking into a shield as a list."""
    from functools import wraps

    @wraps(function)  # copies the mark by which jinja hands over its context, too
    def call(*arguments: Plain, **named: Plain) -> Plain:
        for part in arguments:
            if isinstance(part, Shield):
                touch(part)
        look_at(*arguments, *named.values())
        result = function(*arguments, **named)
        return _settle(result) if isinstance(result, Iterator) else _made(result)

    return call


def _settle(value: Plain) -> Plain:
    """Make a list of what is yielded one by one."""
    return shield([_made(part) for part in value]) if isinstance(value, Iterator) else value


def _made(value: Plain) -> Plain:
    check_number(value)
    return made(value)


def _short(value: Plain) -> str:
    written = repr(value)
    return written if len(written) <= _LONGEST_QUOTE else f"{written[:_LONGEST_QUOTE]}…"


def _check_length(length: int) -> None:
    if length > MAX_TEXT:
        raise TooMuchError(f"the text would be longer than {MAX_TEXT} characters")
