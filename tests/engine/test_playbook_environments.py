"""The environments of a playbook's stages: their protection, locks, targets and secrets."""

from dataclasses import replace

import pytest

from rollbook.engine.locks import run_locks
from rollbook.errors import LockHeld, RefusedError, UsageError
from rollbook.plan import PlannedLock, differences
from rollbook.planner.environment import environments
from rollbook.targets.base import TargetSpec
from rollbook.values import Secret

from .scenes import ANSWERS, SCENE, WANTED, files, other
from .workshop import Workshop, nobody, types


def test_protection_is_that_of_the_environments_written_to(scene: Workshop) -> None:
    """A plan is guarded by each protected environment that it may write to, also in a stage that is only possible."""
    scene.others = (other("stage", "red", protected=True), other("prod", "green", protected=True))

    possible = scene.planner("scene").plan()
    without = scene.planner("scene", answers={"broken": "rows"}).plan()
    known = scene.planner("scene", answers=ANSWERS).plan()

    assert (possible.guarded, without.guarded, known.guarded) == (("stage", "prod"), (), ("stage", "prod"))
    assert (known.protected, known.environments) == (False, {"bench": False, "stage": True, "prod": True})
    scene.others = (other("stage", "red"), other("prod", "green", protected=True))
    changed = scene.planner("scene", answers=ANSWERS).plan()
    assert "protection: stage: planned yes, now no" in differences(known, changed)


def test_no_approval_of_a_protected_environment_comes_from_options(scene: Workshop) -> None:
    """A gate with names is an approval, and is not taken from --answer where its environment is protected."""
    scene.others = (other("stage", "red"), other("prod", "green", protected=True))
    scene.write_playbook("scene", SCENE.replace('gate: "Go on in {{ env.name }}?"', 'gate: {text: "Go?", names: [bo]}'))
    run = scene.run("scene", replace(nobody(ANSWERS), by="bo@example"), answers=ANSWERS)

    stage, prod = run.step("both@stage/put"), run.step("both@prod/put")

    assert run.status == "waiting"
    assert run.waiting_for == "both-gate@prod"
    assert stage is not None
    assert prod is not None
    assert (stage.status, prod.status) == ("changed", "pending")


def test_a_stage_holds_the_lock_of_its_runbook(scene: Workshop) -> None:
    """The lock of each stage's runbook is held in its environment, from the start or from when it is reached."""
    planner = scene.planner("scene", answers=ANSWERS)
    plan = planner.plan()
    assert [(lock.name, lock.environment) for lock in plan.locks] == [
        ("file here.txt", "bench"),
        ("file stage.txt", "stage"),
        ("file prod.txt", "prod"),
    ]

    with run_locks(planner.pool, "bo@example") as held:
        held.take([PlannedLock("file prod.txt", (), "prod")])
        with pytest.raises(LockHeld, match="held by bo@example"):
            scene.run("scene", nobody(ANSWERS), answers=ANSWERS)
        reached = scene.run("scene", nobody(ANSWERS))

    assert reached.status == "failed"
    assert "prod.txt" not in files(scene.folder)
    resumed = scene.resume(nobody(ANSWERS))
    assert (resumed.status, files(scene.folder)) == ("succeeded", WANTED)
    assert types(scene).count("lock_taken") == 3


def test_a_run_of_the_runbook_alone_is_kept_out(scene: Workshop) -> None:
    """A stage and a plain run of its runbook have one lock."""
    planner = scene.planner("word", {"word": "x", "file": "here.txt"})

    with run_locks(planner.pool, "bo@example") as held:
        held.take(planner.locks(planner.plan()))

        with pytest.raises(LockHeld):
            scene.run("scene", nobody(ANSWERS), answers=ANSWERS)


def test_a_stages_targets_must_be_there(scene: Workshop) -> None:
    """What an environment lacks for a stage is refused where it takes part, and told where it may."""
    scene.others = (other("stage", "red"), other("prod", "green", targets={}))

    possible = scene.planner("scene").plan().step("both@prod")
    with pytest.raises(RefusedError, match="prod does not fit word: target 'box' is not there"):
        scene.planner("scene", answers=ANSWERS).plan()

    assert possible is not None
    assert possible.details[1] == "it could not be carried out: prod does not fit word: target 'box' is not there."


def test_secrets_of_every_environment_are_hidden(scene: Workshop) -> None:
    """What one environment's inventory calls a secret is hidden wherever it turns up, also in another's output."""
    url = Secret("env:PROD_URL")
    site = TargetSpec("site", "http", {"base_url": url})
    scene.environ = {"PROD_URL": "https://prod.example.org/token-8261", "PATH": "/usr/bin:/bin"}
    scene.others = (other("stage", "red"), other("prod", "green", targets={"site": site}))
    scene.write("leak", "steps:\n  - id: say\n    name: Say it.\n    shell.run: {command: [cat, leak], effect: read}\n")
    scene.write("quiet", "steps:\n  - id: nothing\n    name: Do nothing.\n    value.set: {value: 1}\n")
    stages = "{name: Say it, runbook: leak, environment: stage}, {name: Say nothing, runbook: quiet, environment: prod}"
    scene.write_playbook("leaking", f"stages: [{stages}]\n")
    (scene.folder / "leak").write_text("https://prod.example.org/token-8261\n")

    run = scene.run("leaking")

    assert run.status == "succeeded"
    folder = scene.runs.all()[-1].path
    told = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"token-8261" not in told
    assert "‹secret env:PROD_URL›".encode() in told


def test_neighbours_are_those_of_the_same_environment() -> None:
    """A target that is reached through another goes through the one of its own environment."""
    specs = {
        "host": TargetSpec("host", "ssh", {"host": "h"}),
        "db": TargetSpec("db", "postgres", {"via": "host"}, reader={"via": "host", "user": "r"}),
        "cms": TargetSpec("cms", "command", {"on": "local", "prefix": ["docker"]}),
    }
    found = environments(other("stage", "red"), [other("prod", "green", targets=specs)])["prod"]

    by_name = {spec.name: spec for spec in found.specs()}

    assert by_name["prod:db"].settings["via"] == "prod:host"
    assert by_name["prod:db"].reader == {"via": "prod:host", "user": "r"}
    assert by_name["prod:cms"].settings["on"] == "local"


def test_environments_may_be_inputs(scene: Workshop) -> None:
    """The environments of a stage may be given as an input; twice the same is refused."""
    text = SCENE.replace("[stage, prod]", '"{{ inputs.where }}"')
    scene.write_playbook("scene", f"inputs: {{where: list}}\n{text}")

    plan = scene.planner("scene", {"where": "prod,stage"}, ANSWERS).plan()

    stages = [step.address for step in plan.steps if step.address.startswith("both@")]
    assert stages[0].startswith("both@prod/")
    assert stages[-1].startswith("both@stage/")
    with pytest.raises(UsageError, match="expected different names"):
        scene.planner("scene", {"where": "prod,prod"}, ANSWERS).plan()
