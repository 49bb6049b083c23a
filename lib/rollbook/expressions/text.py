"""How a value reads inside a text, and how a shell must be given it."""

import json
import shlex

from ..values import Plain


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
