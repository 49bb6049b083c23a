"""What `parse:` makes of a command's output."""

import json
from collections.abc import Mapping
from typing import Final, Literal

from .errors import StepFailed
from .matching import search
from .values import Plain

Parse = Literal["json", "lines"] | Mapping[str, str]

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


def _parse_json(text: str) -> Plain:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # not JSON, or nested in thousands of levels
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
