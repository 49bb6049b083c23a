"""What the stock's runbooks tell reads as sentences, in a plan and where a step fails."""

from collections.abc import Mapping

import pytest

from rollbook.expressions import render
from rollbook.library import Library
from rollbook.values import Plain


@pytest.mark.parametrize("name", ["rollback-deploy", "rollback-database"])
@pytest.mark.parametrize(("missing", "told"), [(["notes"], "notes"), ([], "notes, posts")])
def test_tables_that_must_be_there_again_are_named(name: str, missing: list[Plain], told: str) -> None:
    """A plan, which foresees none missing, names those that are looked for; a failure those that are missing."""
    step = next(step for step in Library().runbook(name).steps if step.id == "there")
    outputs: dict[str, Mapping[str, Plain]] = {
        "counted": {"missing": missing},
        "loss": {"gone_tables": ["notes", "posts"]},
    }
    names: dict[str, Plain] = {"steps": {step_id: {"outputs": dict(given)} for step_id, given in outputs.items()}}

    message = render(step.arguments["message"], names)

    assert str(message).startswith(f"Tables are still missing: {told}. Undo this run, or ")
