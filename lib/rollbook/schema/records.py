"""Converters of dataclasses: each key its field, all problems at once."""

from collections.abc import Collection
from typing import Any, NamedTuple

from ..source.document import Path
from .containers import unfit_of
from .converter import Compile, Convert, Converter
from .fields import FieldSchema, TypeHint, field_schemas, origin_of
from .misfit import MISFIT, describe, nearest, refuse, spell
from .problems import Problems


class _Record(NamedTuple):
    """A dataclass, taken apart for conversion."""

    fields: dict[str, tuple[str, Convert]]
    required: frozenset[str]
    rest: FieldSchema | None
    rest_convert: Convert | None


def record(hint: TypeHint, compile_part: Compile) -> Converter:
    """Compile a dataclass; its fields are read when first used, for it may contain itself."""
    cls: type[Any] = origin_of(hint)
    schema: _Record | None = None

    def convert_record(content: object, path: Path, problems: Problems) -> object:
        nonlocal schema
        if not isinstance(content, dict):
            return content if isinstance(content, cls) else refuse(problems, path, "a mapping", content)
        if schema is None:
            schema = _read(hint, compile_part)
        values = _values(schema, content, path, problems)
        if (unfit := unfit_of(values.values())) is not None:
            return unfit
        try:
            return cls(**values)
        except ValueError as error:
            problems.add(path, str(error))
            return MISFIT

    return Converter(convert_record, "a mapping", rank=5, shape="mapping", hint=hint)


def _read(hint: TypeHint, compile_part: Compile) -> _Record:
    schemas = field_schemas(hint)
    rest = next((part for part in schemas if part.rest is not None), None)
    return _Record(
        fields={part.key: (part.name, compile_part(part.hint).convert) for part in schemas if part.rest is None},
        required=frozenset(part.key for part in schemas if part.required),
        rest=rest,
        rest_convert=None if rest is None else compile_part(rest.hint).convert,
    )


def _values(schema: _Record, content: dict[Any, object], path: Path, problems: Problems) -> dict[str, object]:
    """Convert what is there; a missing field, and a key that is no field's, leave a MISFIT under no name."""
    values: dict[str, object] = {}
    others: dict[str, object] = {}
    fields = schema.fields
    for key, part in content.items():
        if field := fields.get(key):
            values[field[0]] = field[1](part, (*path, key), problems)
        elif schema.rest and isinstance(key, str) and schema.rest.rest and schema.rest.rest.search(key):
            others[key] = part
        else:
            values[""] = MISFIT
            _unknown_key(key, fields, content, path, problems)
    if schema.rest and schema.rest_convert:
        values[schema.rest.name] = schema.rest_convert(others, path, problems)
    if not schema.required <= content.keys():
        values[""] = MISFIT
        for key in fields:
            if key in schema.required and key not in content:
                problems.add(path, f"missing key {spell(key)}")
    return values


def _unknown_key(
    key: object, known: Collection[str], content: dict[Any, object], path: Path, problems: Problems
) -> None:
    if not isinstance(key, str):
        problems.add(path, f"expected text as a key, found {describe(key)}")
        return
    if near := nearest(key, [other for other in known if other not in content]):
        advice = f"did you mean {spell(near)}?"
    elif near := nearest(key, known):
        advice = f"{spell(near)} is here already"
    else:
        advice = f"known keys: {', '.join(known)}" if known else "no keys are known here"
    problems.add((*path, key), f"unknown key {spell(key)}; {advice}", at_key=True)
