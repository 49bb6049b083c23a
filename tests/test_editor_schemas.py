"""The JSON Schemas of runbooks, playbooks and inventories, which editors read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import rollbook
from rollbook.reading.schemas import inventory_schema, playbook_schema, runbook_schema
from rollbook.schema import build
from rollbook.values import Plain


def test_the_schema_knows_every_action() -> None:
    """The JSON Schema lists each action with its arguments, and refers only to what it defines."""
    schema = runbook_schema()
    references: list[str] = []

    def collect(part: Plain) -> None:
        match part:
            case dict():
                references.extend([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
                for inner in part.values():
                    collect(inner)
            case list():
                for inner in part:
                    collect(inner)

    collect(schema)

    assert {"http.check", "shell.run", "include"} <= schema["$defs"]["step"]["properties"].keys()
    assert {name.removeprefix("#/$defs/") for name in references} <= schema["$defs"].keys()
    assert build(dict[str, object], schema)


@pytest.mark.parametrize(
    ("name", "make"),
    [("runbook", runbook_schema), ("playbook", playbook_schema), ("inventory", inventory_schema)],
)
def test_the_schema_files_are_current(name: str, make: Callable[[], dict[str, Plain]]) -> None:
    """Editors read what `rollbook schema` prints; when this fails, print it into lib/rollbook/schemas/ again."""
    path = Path(rollbook.__file__).parent / "schemas" / f"{name}.json"

    assert json.loads(path.read_text()) == make()
