"""The sections of a report that people write, as they may be named on the command line."""

import difflib
from collections.abc import Mapping
from typing import Final

from ..errors import UsageError
from ..report.model import FREE_SECTION, SECTIONS

_ALIASES: Final[Mapping[str, str]] = {
    "action-items": "actions",
    "action": "actions",
    "lesson": "lessons",
    "cause": "root-cause",
    "rootcause": "root-cause",
    "note": FREE_SECTION,
}


def section_named(text: str) -> str:
    """Give the section that *text* names. Raises `UsageError`, naming the nearest, where the report has none such."""
    name = "-".join(text.casefold().replace("_", " ").replace("-", " ").split())
    name = _ALIASES.get(name, name)
    names = (*SECTIONS, FREE_SECTION)
    if name in names:
        return name
    near = difflib.get_close_matches(name, (*names, *_ALIASES), n=1, cutoff=0.5)
    meant = f"Did you mean {_ALIASES.get(near[0], near[0])}? " if near else ""
    raise UsageError(
        f"--section {text}: the report has no such section.",
        advice=f"{meant}It has {', '.join(names)}; all else is computed.",
    )
