"""Converters of unions: the first alternative that fits, the more exact first."""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args

from ..source.document import Path
from ..values import Unknown
from .converter import Compile, Converter
from .fields import TypeHint, field_schemas, origin_of, strip_hint
from .leaves import closed_set
from .misfit import LATER, MISFIT, SILENT, TEMPLATE_MARK, Notebook, one_of, refuse, spell
from .problems import Problems

_RECORD_RANK: Final = 5


def union(hint: TypeHint, compile_part: Compile) -> Converter:
    """Compile a union; two alternatives that accept the same content are a mistake of its author."""
    # Words go by this order, too: int | str and str | int are equal, and compiled once, whoever comes first.
    compiled = (compile_part(part) for part in flatten(hint))
    alternatives = sorted(compiled, key=lambda alternative: (alternative.hint is NoneType, alternative.rank))
    kinds = frozenset[type]().union(*(alternative.kinds for alternative in alternatives))

    def convert_union(content: object, path: Path, problems: Problems) -> object:
        result: object = MISFIT
        for alternative in alternatives:
            found = alternative.convert(content, path, SILENT)
            if found is LATER:
                result = LATER
            elif found is not MISFIT:
                return found
        if result is MISFIT and problems is not SILENT:
            _explain(alternatives, kinds, content, path, problems)
        return result

    return Converter(convert_union, "", rank=max(alternative.rank for alternative in alternatives), kinds=kinds)


def is_union(hint: TypeHint) -> bool:
    """Tell whether *hint* is a union, in either of Python's forms."""
    return origin_of(hint) in (Union, UnionType)


def flatten(hint: TypeHint) -> Iterator[TypeHint]:
    """Yield the alternatives of a union, also of unions that a NewType or Annotated hides in it."""
    for part in get_args(hint):
        bare = strip_hint(part)
        if is_union(bare):
            yield from flatten(bare)
        else:
            yield bare


def _explain(
    alternatives: Sequence[Converter], kinds: frozenset[type], content: object, path: Path, problems: Problems
) -> None:
    """Note why no alternative fits, in terms of the one that was probably meant."""
    *_, meant = some = [part for part in alternatives if part.hint not in (NoneType, Unknown)] or alternatives
    if len(some) == 1:
        _explain_optional(meant, content, path, problems, optional=NoneType in kinds)
        return
    shape = _shape(content)
    similar = [part for part in some if shape and part.shape == shape]
    if shape == "mapping" and len(similar) > 1:
        tagged = _tagged(similar, content, path, problems)
        if tagged is None:
            return
        similar = list(tagged)
    if similar:
        attempts = [_attempt(part, content, path, problems) for part in similar]
        min(attempts, key=_distance).copy_to(problems)
        return
    names = [part.expected or _expectation(part, content) for part in alternatives if part.hint is not Unknown]
    refuse(problems, path, one_of(dict.fromkeys(names)), content, kinds)


def _explain_optional(meant: Converter, content: object, path: Path, problems: Problems, *, optional: bool) -> None:
    if optional and meant.expected and content in ("null", "~", ""):
        refuse(problems, path, one_of((meant.expected, "nothing")), content, {*meant.kinds, NoneType})
        return
    attempt = _attempt(meant, content, path, problems)
    expected = f"expected {meant.expected}"
    for noted in attempt.noted:
        message = noted.message
        if optional and meant.expected and noted.path == path and message.startswith(expected):
            message = f"{expected} or nothing{message.removeprefix(expected)}"
        problems.add(noted.path, message, at_key=noted.at_key)


def _attempt(alternative: Converter, content: object, path: Path, problems: Problems) -> Notebook:
    notebook = Notebook(quotes=problems.quotes)
    alternative.convert(content, path, notebook)
    return notebook


def _distance(attempt: Notebook) -> tuple[int, int]:
    """Tell how far content is from an alternative: keys that it does not know weigh most."""
    return sum(noted.at_key for noted in attempt.noted), len(attempt.noted)


def _expectation(alternative: Converter, content: object) -> str:
    """Ask a class that converts itself what it expects; only its error says."""
    notebook = Notebook(quotes=False)
    alternative.convert(content, (), notebook)
    return notebook.noted[0].message.removeprefix("expected ").partition(";")[0]


def _shape(content: object) -> str | None:
    if isinstance(content, dict):
        return "mapping"
    return "list" if isinstance(content, list | tuple) else None


def _tagged(
    similar: Sequence[Converter], content: object, path: Path, problems: Problems
) -> Sequence[Converter] | None:
    """Keep the alternatives that a tag such as `kind: ssh` allows; None if the tag itself is wrong, which is noted."""
    key, table = _tag([part for part in similar if part.rank == _RECORD_RANK])
    if not key or len(table) < len(similar) or not isinstance(content, dict):
        return similar
    if key not in content:
        defaulted = [part for part in similar if not _tag_field(part.hint, key).required]
        if not defaulted:
            problems.add(path, f"missing key {spell(key)}: {one_of(map(spell, table))}")
        return defaulted or None
    if isinstance(content[key], str) and TEMPLATE_MARK in content[key]:
        return similar
    closed = closed_set(tuple(table))
    value = closed.convert(content[key], (*path, key), problems)
    return None if value is MISFIT else [table[value]]


def _tag(records: Sequence[Converter]) -> tuple[str, Mapping[object, Converter]]:
    """Find the key whose Literal tells the records apart, and the record of each of its values."""
    if not records:
        return "", {}
    for field in field_schemas(records[0].hint):
        table: dict[object, Converter] = {}
        count = 0
        for part in records:
            values = _literals(part.hint, field.key)
            count += len(values)
            table |= dict.fromkeys(values, part)
        if all(_literals(part.hint, field.key) for part in records) and len(table) == count:
            return field.key, table
    return "", {}


def _literals(record: TypeHint, key: str) -> tuple[Any, ...]:
    for field in field_schemas(record):
        if field.key == key and origin_of(hint := strip_hint(field.hint)) is Literal:
            return get_args(hint)
    return ()


def _tag_field(record: TypeHint, key: str) -> Any:  # noqa: ANN401  # a FieldSchema; there is one, or no tag was found
    return next(field for field in field_schemas(record) if field.key == key)
