"""The way in: a type is compiled once to a function from plain content to a value of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, TypeVar, cast, get_args

from ..errors import SchemaError
from ..source.document import Path
from ..values import UNKNOWN_KEY, Unknown
from .containers import fixed_items, mapping, sequence, unique_items
from .converter import Compile, Convert, Converter
from .fields import TypeHint, origin_of, strip_hint
from .leaves import ANYTHING, SCALARS, TIMES, closed_set, enumeration, parsed
from .misfit import LATER, MISFIT, TEMPLATE_MARK
from .problems import PlainProblems, Problems
from .records import record
from .unions import is_union, union

T = TypeVar("T")

_SEQUENCES: Final[Mapping[type[Any], Callable[[Iterable[object]], object]]] = {
    tuple: tuple,
    list: list,
    Sequence: tuple,
}


def convert(cls: type[T], content: object, problems: Problems, path: Path = ()) -> T | None:
    """Convert *content* to *cls*; None when it does not fit, and then *problems* say why."""
    value = _converter(cls, deferred=False)(content, path, problems)
    return None if value is MISFIT else cast("T", value)


def build(cls: type[T], content: object) -> T:
    """Convert *content* that no file holds; raises SchemaError with every problem."""
    problems = PlainProblems()
    value = _converter(cls, deferred=False)(content, (), problems)
    if value is MISFIT:
        raise SchemaError(problems.problems)
    return cast("T", value)


def check(cls: type[Any], content: object, problems: Problems, path: Path = ()) -> bool:
    """
    Check *content* before its expressions are rendered; tell whether it fits.

    Any text that holds `{{`, and any Unknown, is accepted for any type; everything else must fit.
    """
    return _converter(cls, deferred=True)(content, path, problems) is not MISFIT


def _converter(hint: TypeHint, *, deferred: bool) -> Convert:
    return (_compile_deferred if deferred else _compile_strict)(strip_hint(hint)).convert


@cache
def _compile_strict(hint: TypeHint) -> Converter:
    return replace(_compile(hint, _strict_part), hint=hint)


@cache
def _compile_deferred(hint: TypeHint) -> Converter:
    compiled = _compile(hint, _deferred_part)
    deep = compiled is ANYTHING or hasattr(origin_of(hint), "__convert__")
    return replace(compiled, convert=_deferring(compiled.convert, deep=deep), hint=hint)


def _strict_part(hint: TypeHint) -> Converter:
    return _compile_strict(strip_hint(hint))


def _deferred_part(hint: TypeHint) -> Converter:
    return _compile_deferred(strip_hint(hint))


def _deferring(convert_now: Convert, *, deep: bool) -> Convert:
    """Put off what cannot be converted yet; *deep* looks for it inside content whose parts nobody else will see."""

    def convert_or_defer(content: object, path: Path, problems: Problems) -> object:
        if _is_later(content) or (deep and _holds_later(content)):
            return LATER
        return convert_now(content, path, problems)

    return convert_or_defer


def _is_later(content: object) -> bool:
    if isinstance(content, str):
        return TEMPLATE_MARK in content
    return isinstance(content, Unknown) or (isinstance(content, dict) and len(content) == 1 and UNKNOWN_KEY in content)


def _holds_later(content: object) -> bool:
    match content:
        case dict():
            return any(_is_later(part) or _holds_later(part) for part in content.values())
        case list() | tuple():
            return any(_is_later(part) or _holds_later(part) for part in content)
    return False


def _compile(hint: TypeHint, part: Compile) -> Converter:
    """Choose how to convert to *hint*; *part* compiles the types inside it."""
    if hint in SCALARS:
        return SCALARS[hint]
    if hint in (Any, object) or isinstance(hint, TypeVar):
        return ANYTHING
    if is_union(hint):
        return union(hint, part)
    origin = origin_of(hint)
    if origin is Literal:
        return closed_set(get_args(hint))
    if isinstance(origin, type):
        compiled = _compile_class(origin, hint, part)
        if compiled is not None:
            return compiled
    raise TypeError(f"{hint!r} is no type that plain content can be converted to")


def _compile_class(cls: type[Any], hint: TypeHint, part: Compile) -> Converter | None:
    if hasattr(cls, "__convert__"):
        return parsed(cls.__convert__, "", tells=False)
    if cls in TIMES:
        return TIMES[cls]
    if is_dataclass(cls):
        return record(hint, part)
    if issubclass(cls, Enum):
        return enumeration(cls)
    return _compile_container(cls, get_args(hint), part)


def _compile_container(cls: type[Any], arguments: tuple[TypeHint, ...], part: Compile) -> Converter | None:
    if cls is tuple and arguments[1:] != (Ellipsis,) and arguments:
        return fixed_items(arguments, part)
    if cls in _SEQUENCES:
        return sequence(_SEQUENCES[cls], arguments[0] if arguments else object, part)
    if cls is frozenset:
        return unique_items(arguments[0] if arguments else object, part)
    if cls in (dict, Mapping):
        key, value = arguments or (str, object)
        return mapping(key, value, part)
    return None
