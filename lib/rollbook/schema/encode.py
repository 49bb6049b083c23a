"""The way back: values to plain content, for JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any, Final, TypeAlias

from ..values import Plain
from .fields import field_key
from .times import format_instant

Encode: TypeAlias = Callable[[Any], Plain]

# Looked up in place wherever values are many: most of what a journal holds is text.
_PLAIN: Final = frozenset((str, int, bool, NoneType))


def encode(value: object) -> Plain:
    """
    Write *value* as plain content for JSON, from which `build` gives an equal value back.

    Raises TypeError for what has no such form (bytes), ValueError for a number or time that has none.
    """
    cls: Any = type(value)  # typeshed: a class is not Hashable to mypy
    return value if cls in _PLAIN else _encoder(cls)(value)


@cache
def _encoder(cls: type[Any]) -> Encode:
    """Choose the function that encodes values of just this class."""
    if hasattr(cls, "__encode__"):
        own: Encode = cls.__encode__
        return own
    if is_dataclass(cls):
        return _record_encoder(cls)
    for base, function in _BASES:
        if issubclass(cls, base):
            return function
    raise TypeError(f"a value of type {cls.__name__} cannot be written as JSON")


def _record_encoder(cls: type[Any]) -> Encode:
    parts = [part for part in fields(cls) if part.init]
    named = [(part.name, field_key(part)) for part in parts if "rest" not in part.metadata]
    rest = [part.name for part in parts if "rest" in part.metadata]

    def encode_record(value: object) -> Plain:
        content = {key: part if type(part := getattr(value, name)) in _PLAIN else encode(part) for name, key in named}
        for name in rest:
            content |= encode(getattr(value, name))
        return content

    return encode_record


def _encode_number(value: float) -> Plain:
    if not isfinite(value):
        raise ValueError(f"{value} has no form in JSON")
    return float(value)


def _encode_duration(value: timedelta) -> Plain:
    # Whole seconds stay whole; a float is exact to the microsecond for 270 years.
    return value.total_seconds() if value.microseconds else value.days * 86400 + value.seconds


def _encode_mapping(value: Mapping[object, object]) -> Plain:
    content = {
        key if type(key) is str else encode(key): part if type(part) in _PLAIN else encode(part)
        for key, part in value.items()
    }
    for key in content:
        if not isinstance(key, str):
            raise TypeError(f"a key must be text to be written as JSON, not {key!r}")
    return content


def _encode_sequence(value: Sequence[object]) -> Plain:
    return [part if type(part) in _PLAIN else encode(part) for part in value]


def _encode_unordered(value: frozenset[object]) -> Plain:
    parts = [encode(part) for part in value]
    kinds = {type(part) for part in parts}
    if len(kinds) == 1 and kinds <= {str, int, float}:
        return sorted(parts)
    import json  # gives parts of any kind an order

    return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True))


_BASES: Final[tuple[tuple[type[Any] | tuple[type[Any], ...], Encode], ...]] = (
    (Enum, lambda value: encode(value.value)),
    (str, str.__str__),
    (int, int),
    (float, _encode_number),
    (datetime, format_instant),
    (timedelta, _encode_duration),
    (Mapping, _encode_mapping),
    ((list, tuple), _encode_sequence),
    ((set, frozenset), _encode_unordered),
)
