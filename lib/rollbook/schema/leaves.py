"""Converters of what has no parts: scalars, closed sets, times, and classes that convert themselves."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from math import isfinite
from types import NoneType
from typing import Any, Final

from ..source.document import Path
from .converter import Converter
from .misfit import MISFIT, describe, nearest, one_of, refuse, spell
from .problems import Problems
from .times import parse_duration, parse_instant


def _exact(kind: type, expected: str) -> Converter:
    kinds = frozenset((kind,))

    def convert_exact(content: object, path: Path, problems: Problems) -> object:
        return content if type(content) is kind else refuse(problems, path, expected, content, kinds)

    return Converter(convert_exact, expected, rank=0, kinds=kinds)


def _convert_text(content: object, path: Path, problems: Problems) -> object:
    if type(content) is str:
        return content
    if isinstance(content, str) and not isinstance(content, Enum):
        return str.__str__(content)  # templates give subclasses of str
    return refuse(problems, path, "text", content, (str,))


def _convert_number(content: object, path: Path, problems: Problems) -> object:
    if type(content) is float and isfinite(content):
        return content
    if type(content) is int:
        try:
            return float(content)
        except OverflowError:
            pass
    return refuse(problems, path, "a number", content, (int, float))


def _convert_anything(content: object, _path: Path, _problems: Problems) -> object:
    return content


SCALARS: Final[Mapping[Any, Converter]] = {
    NoneType: _exact(NoneType, "nothing"),
    None: _exact(NoneType, "nothing"),
    bool: _exact(bool, "true or false"),
    int: _exact(int, "a whole number"),
    float: Converter(_convert_number, "a number", rank=1, kinds=frozenset((float,))),
    str: Converter(_convert_text, "text", rank=3, kinds=frozenset((str,))),
}
ANYTHING: Final = Converter(_convert_anything, "anything", rank=9)


def parsed(parse: Callable[[object], object], expected: str, *, tells: bool) -> Converter:
    """
    Compile what *parse* accepts, which raises ValueError("expected …").

    *tells* adds what was found to its message: not for a class of its own, which may be a secret.
    """

    def convert_parsed(content: object, path: Path, problems: Problems) -> object:
        try:
            return parse(content)
        except ValueError as error:
            message = str(error)
            problems.add(path, f"{message}, found {describe(content)}" if tells and ";" not in message else message)
            return MISFIT

    return Converter(convert_parsed, expected, rank=2)


TIMES: Final[Mapping[type[Any], Converter]] = {
    datetime: parsed(parse_instant, 'a date and time with its zone such as "2024-05-01T12:30:00Z"', tells=True),
    timedelta: parsed(parse_duration, "a duration such as 90s, 5m, 1h30m or a number of seconds", tells=True),
}


def enumeration(cls: type[Enum]) -> Converter:
    """Compile an Enum, whose members are written by their values."""
    members = {(type(member.value), member.value): member for member in cls}
    closed = closed_set(tuple(member.value for member in cls))

    def convert_member(content: object, path: Path, problems: Problems) -> object:
        if isinstance(content, cls):
            return content
        value = closed.convert(content, path, problems)
        return value if value is MISFIT else members[type(value), value]

    return Converter(convert_member, closed.expected, rank=0, kinds=closed.kinds)


def closed_set(values: tuple[Any, ...]) -> Converter:
    """Compile a Literal: one of *values*, of just that type."""
    known = {(type(value), value): value for value in values}
    names = tuple(map(spell, values))
    expected = names[0] if len(names) == 1 else f"one of {one_of(names)}"
    texts = tuple(value for value in values if isinstance(value, str))
    kinds = frozenset(type(value) for value in values)

    def convert_literal(content: object, path: Path, problems: Problems) -> object:
        kind = str if isinstance(content, str) and not isinstance(content, Enum) else type(content)
        if kind in kinds and (kind, content) in known:
            return known[kind, content]
        if kind is not str or not (near := nearest(str(content), texts)):
            return refuse(problems, path, expected, content, kinds)
        problems.add(path, f"expected {expected}, found {describe(content)}; did you mean {spell(near)}?")
        return MISFIT

    return Converter(convert_literal, expected, rank=0, kinds=kinds)
