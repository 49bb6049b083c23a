"""A playbook looks into several environments before it does anything, and a stage sees how it went in those before."""

import pytest

from rollbook.errors import SchemaError
from rollbook.targets.base import TargetSpec

from .scenes import other
from .workshop import Workshop, nobody

LOOKS = """
targets: {box: local}
decide:
  - id: mark
    name: Read each one's mark.
    environments: "{{ inputs.where }}"
    value.set: {values: {colour: "{{ vars.colour }}", place: "{{ env.name }}"}}
  - id: again
    name: Use what each one told.
    environments: "{{ inputs.where }}"
    value.set: {values: {told: "{{ steps.mark.outputs.members[env.name].colour }} of {{ steps.mark.outputs.members | length }}"}}
  - id: together
    name: Lay it together.
    value.set: {values: {all: "{{ steps.again.outputs.items | map(attribute='told') | join(', ') }}"}}
inputs: {where: {type: list, default: [stage, prod]}}
stages:
  - name: Write it everywhere
    id: roll
    runbook: put
    environments: "{{ inputs.where }}"
    when: steps.roll.status != 'failed'
    on_failure: continue
  - name: Clean up where it went wrong
    id: clean
    runbook: gone
    environments: "{{ inputs.where }}"
    when: steps.roll.status == 'failed'
"""
PUT = """
steps:
  - {id: put, name: Write., file.present: {path: "{{ env.name }}.txt", content: "x"}}
  - id: ask
    name: Look whether it may stay.
    shell.run: {command: [test, "!", -e, "no-{{ env.name }}"], effect: idempotent}
    undo: {leave: "it only looked"}
"""
GONE = """
steps:
  - {id: gone, name: Remove., file.absent: {path: "{{ env.name }}.txt"}}
"""


@pytest.fixture
def scene(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Give a workshop with the playbook."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    workshop.targets = {"box": TargetSpec("box", "local")}
    workshop.others = (other("stage", "red"), other("prod", "green"))
    workshop.write("put", PUT)
    workshop.write("gone", GONE)
    workshop.write_playbook("looks", LOOKS)
    return workshop


def written(workshop: Workshop) -> list[str]:
    return sorted(path.stem for path in workshop.folder.glob("*.txt"))


def test_each_environment_is_looked_into_and_named(scene: Workshop) -> None:
    """A step sees the variables of each in turn, and later ones find what it gave by the environment's name."""
    run = scene.run("looks", nobody())

    addresses = [step.address for step in run.steps][:5]
    assert addresses == ["mark@stage", "mark@prod", "again@stage", "again@prod", "together"]
    together = run.step("together")
    assert together is not None
    assert together.outputs == {"all": "red of 2, green of 2"}
    assert [step.planned.environment for step in run.steps][:2] == ["stage", "prod"]


def test_one_of_them_will_do(scene: Workshop) -> None:
    """The environments are what the inputs say."""
    run = scene.run("looks", nobody(), inputs={"where": ["prod"]})

    assert (run.status, written(scene)) == ("succeeded", ["prod"])


def test_all_goes_well_in_every_one(scene: Workshop) -> None:
    """A stage that went well in one environment goes on in the next; nothing is cleaned up."""
    run = scene.run("looks", nobody())

    assert (run.status, written(scene)) == ("succeeded", ["prod", "stage"])
    clean = run.step("clean@stage")
    assert clean is not None
    assert clean.status == "skipped"


def test_no_further_one_is_begun_where_it_went_wrong(scene: Workshop) -> None:
    """The environments after it are passed over, and the stage that answers a failure is carried out in all."""
    (scene.folder / "no-stage").touch()

    run = scene.run("looks", nobody())

    assert written(scene) == []
    ends = {step.address: step.status for step in run.steps}
    assert ends["roll@stage/ask"] == "skipped"
    assert ends["roll@prod"] == "skipped"
    assert "clean@stage/gone" in ends


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('environments: "{{ inputs.where }}"\n    value.set: {values: {colour', 'environments: "{{ steps.x.outputs.y }}"\n    value.set: {values: {colour', "only inputs are known then"),
        ('    environments: "{{ inputs.where }}"\n    value.set: {values: {colour', '    environments: [stage]\n    loop: [1]\n    value.set: {values: {colour', "takes neither loop nor target"),
        ("members[env.name].colour", "colour", "has no output 'colour'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_when_it_is_read(scene: Workshop, old: str, new: str, message: str) -> None:
    """What a step of several environments may not have, or give, is refused with its place."""
    scene.write_playbook("looks", LOOKS.replace(old, new, 1))

    with pytest.raises(SchemaError, match=message):
        scene.planner("looks")


def test_runbooks_look_into_one_environment(workshop: Workshop) -> None:
    """Only what decides looks into several: a runbook acts where its run is for."""
    workshop.write("r", "steps:\n  - {id: a, name: Keep., environments: [b], value.set: {values: {c: 1}}}\n")

    with pytest.raises(SchemaError, match="is for steps of decide: in a playbook"):
        workshop.planner("r")
