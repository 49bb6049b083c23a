"""
Convert plain content (YAML, JSON, rendered arguments) to frozen dataclasses and back, strictly.

A class's annotations are its schema; nothing is coerced: `"3"` is not 3, 1 is not true.
All problems of one content are found at once, each with its place.

What a field's metadata may say: `key` (its name in YAML, else the field's without a trailing
underscore), `help` (one sentence), `rest` (a pattern: the field, a `Mapping[str, X]`, collects
the keys that match it and are no other field's).

A class of its own kind takes part by `__convert__(cls, content) -> Self`, which raises
ValueError("expected …"), and may add `__encode__(self) -> Plain` and `__json_schema__() -> dict`.
"""

from typing import Any

from .convert import build, check, convert
from .encode import encode
from .problems import DocumentProblems, PlainProblems, Problems
from .times import format_duration, parse_duration, parse_instant

__all__ = [
    "DocumentProblems",
    "PlainProblems",
    "Problems",
    "build",
    "check",
    "convert",
    "encode",
    "format_duration",
    "json_schema",
    "parse_duration",
    "parse_instant",
]


def json_schema(cls: type[Any], *, templates: bool = True) -> dict[str, Any]:
    """
    Describe *cls* as JSON Schema (draft 2020-12) for editors.

    With *templates*, any value may also be a text that holds an expression, as in `check`.
    """
    from .export import describe_class  # only `rollbook schema` needs it

    return describe_class(cls, templates=templates)
