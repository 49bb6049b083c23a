"""What a dataclass declares: its fields with their keys and types, read once per class."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, Generic, NewType, TypeVar, get_args, get_origin, get_type_hints

from ..dataclass import dataclass

# Any is at home here: this is where annotations, which are objects of many kinds, are taken apart.
TypeHint = Any


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field as people write it: *key* in YAML, *name* in Python."""

    name: str
    key: str
    hint: TypeHint
    required: bool
    help: str
    rest: re.Pattern[str] | None
    field: Field[Any]


@cache
def field_schemas(hint: TypeHint) -> tuple[FieldSchema, ...]:
    """Read the fields of a dataclass, which may be a generic one with its arguments."""
    cls = origin_of(hint)
    hints = get_type_hints(cls, include_extras=True)
    bound = _type_arguments(hint)
    return tuple(_field_schema(part, _bind(hints[part.name], bound)) for part in fields(cls) if part.init)


def _field_schema(part: Field[Any], hint: TypeHint) -> FieldSchema:
    rest = part.metadata.get("rest")
    return FieldSchema(
        name=part.name,
        key=field_key(part),
        hint=hint,
        required=rest is None and part.default is MISSING and part.default_factory is MISSING,
        help=part.metadata.get("help", ""),
        rest=None if rest is None else re.compile(rest),
        field=part,
    )


def field_key(part: Field[Any]) -> str:
    """Give the name of a field in YAML and JSON: `from_` is written `from`."""
    key: str = part.metadata.get("key") or part.name.removesuffix("_")
    return key


def _type_arguments(hint: TypeHint) -> Mapping[Any, TypeHint]:
    """Map the type variables of a generic class and its generic bases to what stands for them in *hint*."""
    origin = origin_of(hint)
    parameters = getattr(origin, "__parameters__", ())
    bound = dict(zip(parameters, get_args(hint), strict=False))
    for base in getattr(origin, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            inherited = _type_arguments(base)
            bound |= {variable: _bind(value, bound) for variable, value in inherited.items() if variable not in bound}
    return bound


def _bind(hint: TypeHint, bound: Mapping[Any, TypeHint]) -> TypeHint:
    if isinstance(hint, TypeVar):
        return bound.get(hint, object)
    parameters = getattr(hint, "__parameters__", ())
    return (
        hint[tuple(bound.get(parameter, object) for parameter in parameters)]
        if parameters and get_origin(hint)
        else hint
    )


def origin_of(hint: TypeHint) -> Any:  # noqa: ANN401  # a class or a typing form
    """Give what a hint is made from: `tuple` of `tuple[int, ...]`, a class of itself."""
    return get_origin(hint) or hint


def strip_hint(hint: TypeHint) -> TypeHint:
    """Take the wrappers off that say nothing about the content: Annotated, NewType."""
    while True:
        if hasattr(hint, "__metadata__"):
            hint = hint.__origin__
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        else:
            return hint
