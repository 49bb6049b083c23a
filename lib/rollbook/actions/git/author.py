"""Whose name a commit bears: servers seldom know anybody's."""

import re
from collections.abc import Mapping
from typing import Final

AUTHOR: Final = "Rollbook <rollbook@localhost>"
_FORM: Final = re.compile(r"([^<>\n\0]*[^<>\s\0])\s+<([^<>\s\0]+)>")


def check_author(text: str) -> None:
    """Raise ValueError where *text* is not `Name <mail>`."""
    if not _FORM.fullmatch(text):
        raise ValueError("author: expected Name <mail>")


def identity_of(text: str) -> Mapping[str, str]:
    """Give the environment in which git commits as *text*; it asks nobody for a password there."""
    found = _FORM.fullmatch(text)
    name, mail = found.groups() if found else ("", "")
    people = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": mail,
    }
    return {**people, "GIT_TERMINAL_PROMPT": "0"}
