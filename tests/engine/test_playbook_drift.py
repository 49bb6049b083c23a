"""A playbook whose world is not as planned any more: what has begun or is over stays."""

from datetime import UTC, datetime

import pytest

from rollbook.engine import Engine
from rollbook.errors import PlanDrift
from rollbook.journal import replay
from rollbook.targets.base import TargetSpec

from .scenes import files
from .workshop import Workshop, nobody

TWO = """
targets: {box: local}
steps:
  - id: one
    name: Write one.
    file.present: {path: one.txt, content: "1", target: box}
  - id: two
    name: Write two.
    file.present: {path: two.txt, content: "2", target: box}
"""
BY_VARIABLE = """
decide:
  - id: found
    name: Keep it.
    value.set: {values: {what: "{{ vars.what }}"}}
stages:
  - {name: Write two files, runbook: two, when: steps.found.outputs.what == 'go'}
"""


def test_a_stage_that_has_begun_stays_in_the_plan(workshop: Workshop) -> None:
    """After drift the decision may be another by then; what a begun stage did is not forgotten for that."""
    workshop.targets, workshop.variables = {"box": TargetSpec("box", "local")}, {"what": "go"}
    workshop.write("two", TWO)
    workshop.write_playbook("by-variable", BY_VARIABLE)
    planner = workshop.planner("by-variable")
    plan = planner.plan()
    (workshop.folder / "two.txt").write_text("somebody's\n")
    with pytest.raises(PlanDrift):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan)
    workshop.variables = {"what": "stop"}

    run = workshop.resume()

    assert [(step.address, step.status) for step in run.steps] == [
        ("found", "ok"),
        ("two/one", "changed"),
        ("two/two", "changed"),
    ]
    assert files(workshop.folder) == {"one.txt": "1", "two.txt": "2"}


LOOKING = """
inputs: {file: path}
targets: {box: local}
steps:
  - id: keep
    name: Keep something.
    value.set: {value: "{{ inputs.file }}"}
  - id: put
    name: Write it down.
    file.present: {path: "{{ inputs.file }}", content: "1", target: box}
"""
TWICE = """
decide: [{id: rules, name: Keep something., value.set: {value: 1}}]
stages:
  - {name: Write one, id: one, runbook: looking, environment: stage, inputs: {file: one.txt}}
  - {name: Write two, id: two, runbook: looking, environment: prod, inputs: {file: two.txt}}
"""


def test_drift_in_a_stage_does_not_concern_those_that_are_over(scene: Workshop) -> None:
    """What was read and reads as before stays as it is when the world is not as planned in a later stage."""
    scene.write("looking", LOOKING)
    scene.write_playbook("twice", TWICE)
    planner = scene.planner("twice")
    plan = planner.plan()
    (scene.folder / "two.txt").write_text("somebody's\n")
    with pytest.raises(PlanDrift):
        Engine(scene.new_folder(), planner, asker=nobody(), watcher=scene.watcher).run(plan)

    run = scene.resume()

    ended = [record["step"] for record in replay(scene.runs.all()[-1].journal) if record.type == "step_finished"]
    counted = {address: ended.count(address) for address in ("rules", "one@stage/keep", "two@prod/keep")}
    assert (run.status, files(scene.folder)) == ("succeeded", {"one.txt": "1", "two.txt": "1"})
    assert counted == {"rules": 1, "one@stage/keep": 1, "two@prod/keep": 1}


MATRIX = """
decide:
  - id: advice
    name: Look it up.
    decide.matrix:
      deployed_at: "2026-01-02T12:00:00Z"
      severity: bad
      table: [{below: 2h, bad: back}, {bad: forward}]
stages:
  - {name: Go back, id: back, runbook: word, when: steps.advice.outputs.decision == 'back', inputs: {word: back, file: x.txt}}
  - {name: Go on, id: forward, runbook: word, when: steps.advice.outputs.decision == 'forward', inputs: {word: forward, file: x.txt}}
"""


def test_a_decision_holds_as_long_as_its_row(scene: Workshop) -> None:
    """A deploy that grows older between plan and run is no drift, until the table says something else."""
    scene.write_playbook("aging", MATRIX)
    times = iter([datetime(2026, 1, 2, 13, 59, tzinfo=UTC), *[datetime(2026, 1, 2, 14, 0, tzinfo=UTC)] * 1000])
    scene.clock = lambda: next(times)
    planner = scene.planner("aging")
    plan = planner.plan()
    with pytest.raises(PlanDrift):
        Engine(scene.new_folder(), planner, asker=nobody(), watcher=scene.watcher).run(plan)
    assert "x.txt" not in files(scene.folder)

    run = scene.resume()

    assert (run.status, files(scene.folder)["x.txt"]) == ("succeeded", "forward blue\n")
