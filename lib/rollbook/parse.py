"""What `parse:` makes of a command's output."""

import json
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from .errors import StepFailed
from .matching import search
from .values import Plain

Parse = Literal["json", "lines"] | Mapping[str, str]

DEEPEST: Final = 100
"""Lists and mappings that a document may hold in one another."""
_SHOWN: Final = 120


def parse_output(how: Parse, text: str) -> Plain:
    """
    Turn a command's output into a plain value.

    `json`: the document. `lines`: the lines that are not blank, without blanks at their ends.
    `{regex: PATTERN}`: its named groups as a mapping, else its groups as a list, its only group as a
    text, or the whole match. Raises `StepFailed` when the output is not like that.
    """
    match how:
        case "json":
            return _parse_json(text)
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Mapping() if set(how) == {"regex"}:
            return _parse_regex(text, how["regex"])
    raise StepFailed(f"An output cannot be parsed as {how!r}.", advice="Write json, lines or {regex: PATTERN}.")


def read_json(text: str | bytes) -> Plain:
    """Read a JSON document of somebody else's. Raises ValueError, also where it is nested more than 100 deep."""
    try:
        value: Plain = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [part for found in level if isinstance(found, list | dict) for part in _parts(found)]
        if not level:
            return value
    # What is deeper could be read here, and then neither be written to a journal nor printed.
    raise ValueError(_TOO_DEEP)


_TOO_DEEP: Final = f"it is nested more than {DEEPEST} deep"


def _parts(found: list[Plain] | dict[str, Plain]) -> Iterable[Plain]:
    return found.values() if isinstance(found, dict) else found


def _parse_json(text: str) -> Plain:
    try:
        return read_json(text)
    except ValueError as error:
        raise StepFailed(
            f"The output is not JSON: {error}. It begins with: {_beginning(text)}",
            advice="Run the command by hand; a warning printed before the document is the usual cause.",
        ) from error


def _refuse_constant(name: str) -> Plain:
    raise ValueError(f"{name} is not JSON")


def _parse_regex(text: str, pattern: str) -> Plain:
    found = search(pattern, text)
    if found is None:
        raise StepFailed(
            f"The output does not match {pattern!r}. It begins with: {_beginning(text)}",
            advice="Compare the pattern with the step's output file.",
        )
    names: Mapping[str, str | None] = found.names
    if names:
        return dict(names)
    if len(found.groups) > 1:
        return list(found.groups)
    return found.groups[0] if found.groups else found.text


def _beginning(text: str) -> str:
    shown = text.strip()
    if not shown:
        return "(nothing)"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
