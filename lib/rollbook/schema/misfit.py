"""Telling a misfit: what was expected, what was found, and what the author may have meant."""

import json
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from ..source.document import Path
from ..source.scalars import resolve
from .problems import Problems

TEMPLATE_MARK: Final = "{{"
_SHOWN: Final = 60


class _Sentinel:
    """A result of a conversion that is no value."""

    __slots__ = ()


MISFIT: Final = _Sentinel()  # does not fit; the problem is noted
LATER: Final = _Sentinel()  # holds an expression, so it can be converted only once that is rendered


class _Silent:
    """Takes problems and keeps none: a union asks its alternatives in turn."""

    quotes: Final = False

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Forget it."""


SILENT: Final[Problems] = _Silent()


class Noted(NamedTuple):
    """A problem kept for later."""

    path: Path
    message: str
    at_key: bool


class Notebook:
    """Keeps problems until it is known whether they count."""

    def __init__(self, *, quotes: bool) -> None:
        self.quotes = quotes
        self.noted: list[Noted] = []

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:
        """Keep a problem."""
        self.noted.append(Noted(path, message, at_key))

    def copy_to(self, problems: Problems) -> None:
        """Note in *problems* what was kept."""
        for noted in self.noted:
            problems.add(noted.path, noted.message, at_key=noted.at_key)


def refuse(problems: Problems, path: Path, expected: str, content: object, kinds: Collection[type] = ()) -> object:
    """Note that *content* is not what was expected; *kinds* are the scalar types that would have fitted."""
    if problems is not SILENT:
        advice = _quote_advice(content, kinds) if problems.quotes else ""
        if bool in kinds and isinstance(content, str) and problems.quotes and not advice:
            advice = '; a condition is written "{{ … }}"'
        problems.add(path, f"expected {expected}, found {describe(content)}{advice}")
    return MISFIT


def describe(content: object) -> str:
    """Say in a few words what a plain value is."""
    match content:
        case None:
            return "nothing"
        case bool():
            return "true" if content else "false"
        case int() | float():
            return f"the number {content}"
        case str():
            return f"the text {spell(content)}"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return f"a value of type {type(content).__name__}"


def spell(content: object) -> str:
    """Write a scalar as it stands in YAML or JSON; a long text is cut."""
    if isinstance(content, str) and len(content) > _SHOWN:
        content = content[:_SHOWN] + "…"
    return json.dumps(content, ensure_ascii=False)


def one_of(names: Iterable[str]) -> str:
    """Join alternatives as people do: `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def nearest(name: str, known: Collection[str]) -> str | None:
    """Find the known name that *name* is probably a misspelling of."""
    from difflib import get_close_matches  # only mistakes need it

    folded = {other.casefold(): other for other in known}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def _quote_advice(content: object, kinds: Collection[type]) -> str:
    if isinstance(content, str) and str not in kinds:
        meant = type(resolve(content))
        return ": leave the quotes out" if meant in kinds or (meant is int and float in kinds) else ""
    return ": put it in quotes" if isinstance(content, int | float) and str in kinds else ""
