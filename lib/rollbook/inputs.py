"""Inputs of runbooks: what one may be, and the conversion of what people give."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

from .dataclass import dataclass
from .errors import StepFailed
from .schema import format_duration, parse_duration, parse_instant
from .values import Plain, Secret, Unknown

InputType = Literal["text", "number", "whole", "bool", "datetime", "duration", "list", "course_key", "path"]


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a runbook; without *default* and not *optional* it must be given."""

    type: InputType = "text"
    help: str = ""
    default: Plain = None
    optional: bool = False
    choices: tuple[Plain, ...] = ()
    pattern: str = ""
    secret: bool = False

    @property
    def required(self) -> bool:
        """Tell whether a run cannot do without it."""
        return self.default is None and not self.optional


def convert_input(wanted: Input, given: Plain, name: str) -> Plain:
    """
    Turn what was *given* (text from a command line, or a plain value) into the input's value.

    Times become ISO 8601 text in UTC, durations their shortest text, secrets a `Secret`. What is not
    known yet passes. Raises ValueError, whose text begins with *name* and never quotes a secret.
    """
    if isinstance(given, Unknown):
        return given
    try:
        if wanted.secret:
            return _secret(given)
        value = _CONVERSIONS[wanted.type](given)
        _check_choice(wanted, value)
        _check_pattern(wanted, value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return value


def _text(given: Plain) -> str:
    if not isinstance(given, str):
        raise ValueError(f"expected text, found {_shown(given)}")  # noqa: TRY004  # one kind of error for all misfits
    return given


def _whole(given: Plain) -> int:
    if isinstance(given, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", given, re.ASCII):
        return int(given)
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    raise ValueError(f"expected a whole number, found {_shown(given)}")


def _number(given: Plain) -> int | float:
    if isinstance(given, str) and re.fullmatch(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\s*", given, re.ASCII):
        given = float(given) if any(mark in given for mark in ".eE") else int(given)
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given):
        return given
    raise ValueError(f"expected a number, found {_shown(given)}")


def _bool(given: Plain) -> bool:
    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in ("true", "yes"):
        return True
    if word in ("false", "no"):
        return False
    raise ValueError(f"expected true or false, found {_shown(given)}")


def _datetime(given: Plain) -> str:
    instant = parse_instant(given.strip() if isinstance(given, str) else given)
    return instant.isoformat().replace("+00:00", "Z")


def _duration(given: Plain) -> str:
    text = given.strip() if isinstance(given, str) else given
    return format_duration(parse_duration(text))


def _list(given: Plain) -> list[Plain]:
    if isinstance(given, list | tuple):
        return list(given)
    if not isinstance(given, str):
        raise ValueError(f"expected a list, found {_shown(given)}")  # noqa: TRY004  # one kind of error for all misfits
    text = given.strip()
    if text.startswith("["):
        from .parse import read_json  # few lists are given as JSON

        try:
            found = read_json(text)
            return list(found) if isinstance(found, list) else [found]
        except ValueError as error:
            raise ValueError(f"expected a list as JSON or with commas; as JSON it is broken: {error}") from None
    return [part.strip() for part in text.split(",")] if text else []


def _course_key(given: Plain) -> str:
    text = _text(given).strip()
    if not re.fullmatch(r"[^\s:/]+[:/]\S+", text):
        raise ValueError(f"expected a course key such as course-v1:ORG+COURSE+RUN, found {_shown(given)}")
    return text


def _path(given: Plain) -> str:
    text = _text(given)
    if not text.strip() or "\0" in text:
        raise ValueError(f"expected a path, found {_shown(given)}")
    return text


_CONVERSIONS: Final[Mapping[InputType, Callable[[Plain], Plain]]] = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "bool": _bool,
    "datetime": _datetime,
    "duration": _duration,
    "list": _list,
    "course_key": _course_key,
    "path": _path,
}


def _secret(given: Plain) -> Secret:
    content = {"secret": given.strip()} if isinstance(given, str) else given
    try:
        return Secret.__convert__(content)
    except ValueError:
        # The value itself may have been typed: never show it.
        raise ValueError(
            "a secret is given by reference, such as env:NAME, file:PATH or command:ARGV, never by value"
        ) from None


def _check_choice(wanted: Input, value: Plain) -> None:
    if not wanted.choices or value in wanted.choices:
        return
    listed = ", ".join(_shown(choice) for choice in wanted.choices)
    raise ValueError(f"expected one of {listed}; found {_shown(value)}")


def _check_pattern(wanted: Input, value: Plain) -> None:
    if not wanted.pattern or not isinstance(value, str):
        return
    from .matching import fits  # few inputs have a pattern

    try:
        fitting = fits(wanted.pattern, value)
    except StepFailed as error:
        raise ValueError(f"{error.message} {error.advice}") from None
    if not fitting:
        raise ValueError(f"expected text of the form {wanted.pattern}, found {_shown(value)}")


def _shown(value: Plain) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"
