"""What an unquoted scalar means: YAML 1.2's few forms, and YAML 1.1's surprises as traps."""

import re
from typing import Final, TypeAlias

from ..dataclass import dataclass

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Trap:
    """A scalar that readers of YAML do not agree on; *message* says what to write instead."""

    message: str


_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_SWITCHES: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

# Anything else than a word that begins otherwise is text, which keeps most scalars off the patterns.
_NUMBER_STARTS: Final = frozenset("0123456789+-.")
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS: Final = 100
# Patterns of the traps are compiled when first needed: most files hold none.
_SPECIAL_FLOAT: Final = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_LEADING_ZERO: Final = r"([-+]?)0+([0-9][0-9_]*(\.[0-9]*)?([eE][-+]?[0-9]+)?)"
_SEXAGESIMAL: Final = r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
_OTHER_BASE: Final = r"[-+]?0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)"
_UNDERSCORES: Final = r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
_DATE: Final = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]*)?)?[ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?)?)?"
)


def quoted(text: str) -> str:
    """Write *text* as a YAML scalar that means just that text."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def resolve(scalar: str) -> Scalar | Trap:
    """Say what an unquoted scalar means, or what is wrong with it."""
    if not scalar or scalar[0] not in _NUMBER_STARTS:
        return _resolve_word(scalar)
    if _INT.fullmatch(scalar):
        return int(scalar) if len(scalar) <= _MAX_DIGITS else _too_long(scalar)
    if _FLOAT.fullmatch(scalar):
        number = float(scalar)
        return number if abs(number) != float("inf") else _too_long(scalar)
    return _number_trap(scalar) or scalar


def _resolve_word(scalar: str) -> Scalar | Trap:
    if scalar in _WORDS:
        return _WORDS[scalar]
    if len(scalar) > 5:
        return scalar
    lower = scalar.lower()
    if lower in ("true", "false", "null"):
        return Trap(f"{scalar} is not {lower} to every reader: write {lower}, or {quoted(scalar)} for the text")
    if meant := _SWITCHES.get(lower):
        return Trap(f"{scalar} is read as text by some and as {meant} by others: write {meant}, or {quoted(scalar)}")
    return Trap("a merge key is not supported: write the keys out") if scalar == "<<" else scalar


def _number_trap(scalar: str) -> Trap | None:
    if re.fullmatch(_SPECIAL_FLOAT, scalar):
        return Trap(f"{scalar} is not a number that can be worked with: write a finite number, or {quoted(scalar)}")
    if leading := re.fullmatch(_LEADING_ZERO, scalar):
        decimal = leading[1] + leading[2].replace("_", "")
        return Trap(
            f"{scalar} begins with 0 and is read as octal by some: write {decimal} for the number, "
            f"or {quoted(scalar)} for the text"
        )
    if re.fullmatch(_SEXAGESIMAL, scalar):
        return Trap(f"{scalar} is read as a number in base 60 by some: quote it: {quoted(scalar)}")
    if re.fullmatch(_DATE, scalar):
        return Trap(f"{scalar} is read as a date by some and as text by others: quote it: {quoted(scalar)}")
    if re.fullmatch(_OTHER_BASE, scalar):
        return Trap(f"{scalar} is read as a number in another base by some: write it in decimal, or {quoted(scalar)}")
    if "_" in scalar and re.fullmatch(_UNDERSCORES, scalar):
        plain = scalar.replace("_", "")
        return Trap(f"{scalar} is read as a number by some and as text by others: write {plain}, or {quoted(scalar)}")
    return None


def _too_long(scalar: str) -> Trap:
    shown = scalar if len(scalar) <= 20 else f"{scalar[:20]}…"
    return Trap(f"{shown} is too large a number to work with: quote it if it is text")
