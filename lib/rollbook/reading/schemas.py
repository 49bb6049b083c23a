"""JSON Schema of runbooks, playbooks and inventories, for editors."""

from collections.abc import Mapping
from typing import Any

from ..action import Assertion, Fact, Question
from ..registry import action_type, kinds
from ..schema import json_schema
from ..targets import KINDS, settings_type
from .forms import PhaseForm, PlaybookForm, RunbookForm, StageForm, StepForm
from .inventory import InventoryForm, TargetForm

Schema = dict[str, Any]


def runbook_schema() -> Schema:
    """Describe a runbook's file, with the arguments of every action that is installed."""
    root = _unfold(json_schema(RunbookForm, templates=False))
    definitions, both = _steps(kinds(), ("include",))
    root["properties"]["steps"] = {**both, "minItems": 1}
    root["properties"]["finally"] = both
    return {**root, "title": "Runbook", "$defs": {**root.get("$defs", {}), **definitions}}


def playbook_schema() -> Schema:
    """Describe a playbook's file, with the arguments of every installed action that only reads or asks."""
    root = _unfold(json_schema(PlaybookForm, templates=False))
    deciding = tuple(kind for kind in kinds() if issubclass(action_type(kind), Fact | Assertion | Question))
    definitions, both = _steps(deciding, ())
    definitions["stage"] = _taken(json_schema(StageForm, templates=True), definitions)
    root["properties"]["decide"] = both
    root["properties"]["stages"] = {"type": "array", "items": {"$ref": "#/$defs/stage"}, "minItems": 1}
    return {**root, "title": "Playbook", "$defs": {**root.get("$defs", {}), **definitions}}


def _steps(actions: tuple[str, ...], others: tuple[str, ...]) -> tuple[Schema, Schema]:
    """Give the definitions of steps that have one of *actions*, or a key of *others*; and a list of such steps."""
    definitions: Schema = {}
    step = _taken(json_schema(StepForm, templates=True), definitions)
    phase = _taken(json_schema(PhaseForm, templates=False), definitions)
    step.pop("patternProperties", None)
    for kind in actions:
        step["properties"][kind] = _arguments(kind, definitions)
    for key in {"include", "inputs"} if not others else ():
        step["properties"].pop(key)
    step["required"] = ["id", "name"]
    step["oneOf"] = [{"required": [kind]} for kind in (*actions, *others)]
    nested = {**step, "required": []}
    steps: Schema = {"type": "array", "items": {"$ref": "#/$defs/step"}}
    nested_steps: Schema = {"type": "array", "items": {"$ref": "#/$defs/nested_step"}}
    step["properties"]["verify"] = nested_steps
    phase["properties"]["steps"] = steps
    definitions |= {"step": step, "nested_step": nested, "phase": phase}
    return definitions, {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/phase"}]}}


def inventory_schema() -> Schema:
    """Describe an inventory's file, with the settings of every kind of target."""
    root = _unfold(json_schema(InventoryForm, templates=False))
    definitions: Schema = {}
    common = _taken(json_schema(TargetForm, templates=False), definitions)["properties"]
    alternatives = []
    for kind in KINDS:
        target = _taken(json_schema(settings_type(kind), templates=False), definitions)
        target["properties"] = {**target.get("properties", {}), **common, "kind": {"const": kind}}
        target["required"] = sorted({*target.get("required", ()), "kind"})
        name = f"target_{kind}"
        definitions[name] = target
        alternatives.append({"$ref": f"#/$defs/{name}"})
    root["properties"]["targets"] = {"type": "object", "additionalProperties": {"oneOf": alternatives}}
    return {**root, "title": "Inventory", "$defs": {**root.get("$defs", {}), **definitions}}


def _arguments(kind: str, definitions: Schema) -> Schema:
    described = _taken(json_schema(action_type(kind)), definitions)
    # A step's target: may stand for the first reference, and keywords for arguments.
    name = f"action_{kind}"
    definitions[name] = described
    own = {"$ref": f"#/$defs/{name}"}
    return {"anyOf": [own, {"type": "null"}]} if not described.get("required") else own


def _unfold(schema: Mapping[str, Any]) -> Schema:
    """Put the definition that a schema's root refers to in its place."""
    definitions = dict(schema.get("$defs", {}))
    name = str(schema["$ref"]).rpartition("/")[2]
    own: Schema = {key: part for key, part in schema.items() if key not in ("$ref", "$defs")}
    return {**own, **definitions.pop(name), "$defs": definitions}


def _taken(schema: Mapping[str, Any], definitions: Schema) -> Schema:
    """Move what a schema defines into *definitions*, under names that do not clash; give its root."""
    root = _unfold(schema)
    for name, definition in root.pop("$defs").items():
        if definitions.setdefault(name, definition) != definition:
            raise ValueError(f"two schemas define {name!r}, and differently")
    root.pop("$schema", None)
    root.pop("title", None)
    return root
