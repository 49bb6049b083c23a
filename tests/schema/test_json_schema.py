"""The JSON Schema of a class, which editors read."""

import json

from rollbook.schema import json_schema

from .samples import Retry, Ssh, Step


class TestJsonSchema:
    """What editors are told."""

    def test_a_small_class_in_full(self) -> None:
        """Types, defaults, help and required keys are all there, and nothing else is allowed."""
        assert json_schema(Retry, templates=False) == {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Retry",
            "$ref": "#/$defs/Retry",
            "$defs": {
                "Retry": {
                    "type": "object",
                    "description": "How often a step is tried.",
                    "properties": {
                        "times": {"type": "integer", "description": "how many times more", "default": 0},
                        "delay": {
                            "anyOf": [
                                {
                                    "type": "string",
                                    "pattern": "^(?=.)([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
                                },
                                {"type": "number"},
                            ],
                            "default": 0,
                        },
                    },
                    "additionalProperties": False,
                }
            },
        }

    def test_templates_are_allowed_beside_every_value(self) -> None:
        """With templates, a number may be an expression; a text may be one anyway."""
        schema = json_schema(Ssh)

        properties = schema["$defs"]["Ssh"]["properties"]
        assert properties["host"] == {"type": "string"}
        assert properties["port"] == {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/template"}], "default": 22}
        assert schema["$defs"]["Ssh"]["required"] == ["kind", "host"]
        assert schema["$defs"]["template"]["pattern"] == r"\{\{"

    def test_a_class_that_holds_itself_is_described_once(self) -> None:
        """Recursion, unions, classes of their own kind and rest fields have their place."""
        schema = json_schema(Step, templates=False)

        step = schema["$defs"]["Step"]
        assert set(schema["$defs"]) == {"Step", "Retry", "Local", "Ssh"}
        assert step["properties"]["steps"] == {"type": "array", "items": {"$ref": "#/$defs/Step"}, "default": []}
        assert step["properties"]["from"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
        assert step["properties"]["size"] == {"type": "integer", "default": 0}
        assert step["properties"]["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
        assert step["properties"]["tags"]["uniqueItems"] is True
        assert step["properties"]["target"]["anyOf"][1] == {"$ref": "#/$defs/Ssh"}
        assert step["patternProperties"] == {r"\.": {}}
        assert step["additionalProperties"] is False
        assert "secret" in schema["$defs"]["Ssh"]["properties"]["password"]["anyOf"][0]["properties"]

    def test_a_schema_is_json(self) -> None:
        """Whatever the defaults, the schema can be written to a file."""
        assert json.loads(json.dumps(json_schema(Step))) == json_schema(Step)
