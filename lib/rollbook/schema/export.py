"""JSON Schema from the same fields, so that an editor knows what Rollbook accepts."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from ..values import Unknown
from .encode import encode
from .fields import FieldSchema, TypeHint, field_schemas, origin_of, strip_hint
from .misfit import TEMPLATE_MARK
from .times import DURATION_PATTERN
from .unions import flatten, is_union

Schema: TypeAlias = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE: Final = "template"
_SIMPLE: Final[Mapping[Any, Schema]] = {
    NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number"}]},
}


def describe_class(cls: type[Any], *, templates: bool) -> Schema:
    """Describe *cls*, a dataclass, and all that it is made of."""
    writer = _Writer(templates=templates)
    root = writer.reference(cls)
    definitions = dict(sorted(writer.definitions.items()))
    return {"$schema": _DIALECT, "title": cls.__name__, **root, "$defs": definitions}


class _Writer:
    """Collects the definitions of one schema."""

    def __init__(self, *, templates: bool) -> None:
        self.definitions: dict[str, Schema] = {}
        self._names: dict[TypeHint, str] = {}
        self._templates = templates
        if templates:
            self.definitions[_TEMPLATE] = {
                "type": "string",
                "pattern": TEMPLATE_MARK.replace("{", r"\{"),
                "description": "an expression, rendered when the step's turn comes",
            }

    def describe(self, hint: TypeHint) -> Schema:
        """Describe content of a type, or an expression in its place."""
        schema = self._describe(strip_hint(hint))
        any_text = schema.get("type") == "string" and schema.keys() <= {"type", "description"}
        if not self._templates or not schema or any_text:
            return schema
        return {"anyOf": [*schema.get("anyOf", [schema]), {"$ref": f"#/$defs/{_TEMPLATE}"}]}

    def reference(self, hint: TypeHint) -> Schema:
        """Describe a dataclass once and refer to it; it may contain itself."""
        if hint not in self._names:
            name = self._names[hint] = self._free_name(hint)
            self.definitions[name] = {}  # holds the place while its fields are described
            self.definitions[name] = self._describe_record(hint)
        return {"$ref": f"#/$defs/{self._names[hint]}"}

    def _free_name(self, hint: TypeHint) -> str:
        parts = [origin_of(hint), *get_args(hint)]
        name = free = "_".join(getattr(part, "__name__", "any") for part in parts)
        count = 1
        while free in self.definitions:
            count += 1
            free = f"{name}_{count}"
        return free

    def _describe(self, hint: TypeHint) -> Schema:
        if hint in _SIMPLE:
            return dict(_SIMPLE[hint])
        if hint in (Any, object) or isinstance(hint, TypeVar):
            return {}
        if is_union(hint):
            return self._describe_union(hint)
        origin = origin_of(hint)
        if origin is Literal:
            return _describe_values(get_args(hint))
        return self._describe_class(origin, hint)

    def _describe_class(self, cls: type[Any], hint: TypeHint) -> Schema:
        if hasattr(cls, "__convert__"):
            own: Schema = cls.__json_schema__() if hasattr(cls, "__json_schema__") else {}
            return own
        if is_dataclass(cls):
            return self.reference(hint)
        if issubclass(cls, Enum):
            return _describe_values([member.value for member in cls])
        return self._describe_container(cls, get_args(hint))

    def _describe_union(self, hint: TypeHint) -> Schema:
        # People never write an Unknown; only the JSON of plans and journals holds one.
        parts = [self._describe(part) for part in flatten(hint) if part is not Unknown]
        unlike = [part for index, part in enumerate(parts) if part not in parts[:index]]
        return unlike[0] if len(unlike) == 1 else {"anyOf": unlike}

    def _describe_container(self, cls: type[Any], arguments: Sequence[TypeHint]) -> Schema:
        if cls in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.describe(arguments[1] if arguments else object)}
        if cls is tuple and arguments and arguments[-1] is not Ellipsis:
            items = [self.describe(part) for part in arguments]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        schema: Schema = {"type": "array", "items": self.describe(arguments[0] if arguments else object)}
        return schema | {"uniqueItems": True} if cls is frozenset else schema

    def _describe_record(self, hint: TypeHint) -> Schema:
        cls = origin_of(hint)
        parts = field_schemas(hint)
        schema: Schema = {"type": "object"}
        doc = inspect.getdoc(cls) or ""
        if not doc.startswith(f"{cls.__name__}("):  # what dataclass writes itself tells people nothing
            schema["description"] = doc.partition("\n\n")[0].replace("\n", " ")
        schema["properties"] = {part.key: self._describe_field(part) for part in parts if part.rest is None}
        if required := [part.key for part in parts if part.required]:
            schema["required"] = required
        for part in parts:
            if part.rest is not None:
                value = (*get_args(strip_hint(part.hint)), object, object)[1]
                schema["patternProperties"] = {part.rest.pattern: self.describe(value)}
        return schema | {"additionalProperties": False}

    def _describe_field(self, part: FieldSchema) -> Schema:
        schema = self.describe(part.hint)
        if part.help:
            schema = schema | {"description": part.help}
        default = part.field.default
        return schema if default is MISSING or default is None else schema | {"default": encode(default)}


def _describe_values(values: Sequence[Any]) -> Schema:
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}
