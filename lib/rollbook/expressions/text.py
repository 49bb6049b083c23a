"""How a value reads inside a text, and how a shell must be given it."""

import json
import re
import shlex
from typing import Final

from ..values import Plain

_TAKEN_OVER: Final = re.compile(r"\|\s*(raw|quote)\b")
_COMMENT: Final = "#\n"
_LITERAL: Final = ("'", _COMMENT)
_BEFORE_COMMENT: Final = " \t\n;&|("


class Raw(str):
    """A text that goes into a shell command as it is."""

    __slots__ = ()


def text_of(value: Plain) -> str:
    """Write *value* as part of a text: true and false as in YAML, lists and mappings as JSON."""
    match value:
        case str():
            return str(value)
        case bool():
            return "true" if value else "false"
        case None:
            raise ValueError("it is empty: give a value in its place with `| default('…')`")
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def shell_text_of(value: Plain) -> str:
    """Write *value* as words of a shell command: one word, or one for each item of a list."""
    match value:
        case Raw():
            return str(value)
        case list():
            return shlex.join(text_of(part) for part in value)
    return shlex.quote(text_of(value))


def in_shell_quotes(command: str) -> str:
    """
    Give the first `{{ }}` of a shell command that stands where quoting it does not protect, or nothing.

    That is inside quotes or a comment of the command's own, and anywhere in one with a here-document: what is put
    there is quoted for a bare word, so a quote within it would end the surrounding one. One that says
    `| raw` or `| quote` is passed over: whoever wrote it has taken the quoting over.
    """
    quote, index = "", 0
    while index < len(command):
        if command.startswith("{{", index):
            end = command.find("}}", index)
            end = len(command) if end < 0 else end + 2
            if (quote or "<<" in command) and not _TAKEN_OVER.search(command, index, end):
                return command[index:end]
            index = end
            continue
        letter = command[index]
        if letter == "\\" and quote not in _LITERAL:
            index += 1
        elif quote:
            quote = "" if letter == quote[-1] else quote
        elif letter in "'\"":
            quote = "$'" if letter == "'" and command[index - 1 : index] == "$" else letter
        elif letter == "#" and (index == 0 or command[index - 1] in _BEFORE_COMMENT):
            quote = _COMMENT  # an apostrophe in it opens nothing, and a line break in a value would end it
        index += 1
    return ""
