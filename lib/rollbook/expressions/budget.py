"""How much one expression may make: without a limit a line of YAML could fill the memory."""

from math import isfinite
from threading import local
from typing import Final

from ..values import Plain

MAX_TEXT: Final = 1_000_000
MAX_MADE: Final = 5_000_000
MAX_BITS: Final = 10_000

_LOOKED_AT_PER_UNIT: Final = 16  # looking at a part of a value costs less than making one

_SIMPLE: Final = frozenset((int, float, bool, type(None)))


class TooMuchError(Exception):
    """An expression would make more than it may."""


class _Budget(local):
    """What the expression that this thread evaluates may still make, in characters and items."""

    left = MAX_MADE


_BUDGET: Final = _Budget()


def renew() -> None:
    """Give the thread's next expression its whole budget."""
    _BUDGET.left = MAX_MADE


def spend(amount: int) -> None:
    """Note that so many characters and items are made; raises TooMuchError when it is too much."""
    _BUDGET.left -= amount
    if _BUDGET.left < 0:
        raise TooMuchError(f"it would make more than {MAX_MADE:,} characters and items".replace(",", " "))


def made(value: Plain) -> Plain:
    """Return *value*, which an operation has just made, if there is budget left for it."""
    spend(weigh(value))
    return value


def look_at(*values: Plain) -> None:
    """Spend what it costs a function to go through its arguments once."""
    for value in values:
        if isinstance(value, str | list | tuple | dict):
            spend(len(value) // _LOOKED_AT_PER_UNIT)


def check_number(value: Plain) -> None:
    """Refuse a number that JSON cannot hold or that takes long to compute with."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise TooMuchError("the number would be too large")
    if isinstance(value, float) and not isfinite(value):
        raise TooMuchError(f"it gives {value}, which is no number to work with")


def weigh(value: Plain) -> int:
    """Count the characters and items of *value* as it would be written out, a part that stands in it twice twice."""
    return _weigh(value, {})


def _weigh(value: Plain, known: dict[int, int]) -> int:
    if isinstance(value, str):
        return len(value)
    place = id(value)
    if not isinstance(value, list | tuple | dict) or place in known:
        return known.get(place, 1)
    parts = (*value.keys(), *value.values()) if isinstance(value, dict) else value
    # A list of numbers, however long, is gone through without a call for each.
    deep = [part for part in parts if type(part) not in _SIMPLE]
    known[place] = 1 + 2 * len(parts) - len(deep) + sum(_weigh(part, known) for part in deep)
    return known[place]
