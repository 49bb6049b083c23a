"""Converters of lists and mappings."""

from collections.abc import Callable, Iterable, Sequence

from ..source.document import Path
from .converter import Compile, Convert, Converter
from .encode import encode
from .fields import TypeHint
from .misfit import LATER, MISFIT, describe, refuse
from .problems import Problems


def sequence(make: Callable[[Iterable[object]], object], item: TypeHint, compile_part: Compile) -> Converter:
    """Compile a list of items of one type, which *make* turns into the wanted container."""
    convert_item = _lazily(item, compile_part)

    def convert_items(content: object, path: Path, problems: Problems) -> object:
        if not isinstance(content, list | tuple):
            return refuse(problems, path, "a list", content)
        items = [convert_item(part, (*path, index), problems) for index, part in enumerate(content)]
        return make(items) if (unfit := unfit_of(items)) is None else unfit

    return Converter(convert_items, "a list", rank=4, shape="list")


def unique_items(item: TypeHint, compile_part: Compile) -> Converter:
    """Compile a frozenset: a list in which nothing is twice."""
    items = sequence(tuple, item, compile_part)

    def convert_unique(content: object, path: Path, problems: Problems) -> object:
        converted = items.convert(tuple(content) if isinstance(content, frozenset) else content, path, problems)
        if not isinstance(converted, tuple):
            return converted
        seen: set[object] = set()
        for index, value in enumerate(converted):
            if value in seen:
                problems.add((*path, index), f"{describe(encode(value))} is in the list twice")
                return MISFIT
            seen.add(value)
        return frozenset(converted)

    return Converter(convert_unique, "a list", rank=4, shape="list")


def fixed_items(hints: Sequence[TypeHint], compile_part: Compile) -> Converter:
    """Compile a tuple whose items each have their own type."""
    converts = [_lazily(hint, compile_part) for hint in hints]
    expected = f"a list of {len(converts)} item{'' if len(converts) == 1 else 's'}"

    def convert_each(content: object, path: Path, problems: Problems) -> object:
        if not isinstance(content, list | tuple):
            return refuse(problems, path, expected, content)
        if len(content) != len(converts):
            problems.add(path, f"expected {expected}, found {len(content)}")
            return MISFIT
        items = [
            convert(part, (*path, index), problems)
            for index, (convert, part) in enumerate(zip(converts, content, strict=True))
        ]
        return tuple(items) if (unfit := unfit_of(items)) is None else unfit

    return Converter(convert_each, expected, rank=4, shape="list")


def mapping(key: TypeHint, value: TypeHint, compile_part: Compile) -> Converter:
    """Compile a mapping with values of one type."""
    convert_value = _lazily(value, compile_part)
    convert_key = None if key is str else _lazily(key, compile_part)

    def convert_mapping(content: object, path: Path, problems: Problems) -> object:
        if not isinstance(content, dict):
            return refuse(problems, path, "a mapping", content)
        made: dict[object, object] = {}
        for name, part in content.items():
            place = (*path, name)
            if not isinstance(name, str):
                problems.add(path, f"expected text as a key, found {describe(name)}")
                made[name] = MISFIT
                continue
            made_key = name if convert_key is None else convert_key(name, place, _AtKey(problems))
            made[name if made_key is MISFIT else made_key] = (
                MISFIT if made_key is MISFIT else convert_value(part, place, problems)
            )
        return made if (unfit := unfit_of(made.values())) is None else unfit

    return Converter(convert_mapping, "a mapping", rank=4, shape="mapping")


class _AtKey:
    """Notes problems at the key instead of the value."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.quotes = problems.quotes

    def add(self, path: Path, message: str, *, at_key: bool = False) -> None:  # noqa: ARG002  # always at the key
        self._problems.add(path, message, at_key=True)


def unfit_of(parts: Iterable[object]) -> object | None:
    """Say what becomes of a whole with these *parts*: MISFIT, LATER, or None if all are values."""
    later = None
    for part in parts:
        if part is MISFIT:
            return MISFIT
        if part is LATER:
            later = LATER
    return later


def _lazily(hint: TypeHint, compile_part: Compile) -> Convert:
    """Convert by *hint*, compiled when first used, for a type may contain itself."""
    compiled: Convert | None = None

    def convert_part(content: object, path: Path, problems: Problems) -> object:
        nonlocal compiled
        if compiled is None:
            compiled = compile_part(hint).convert
        return compiled(content, path, problems)

    return convert_part
