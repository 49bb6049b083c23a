"""A stage of a playbook that fails: it is left, the run stops, or is taken back."""

import pytest

from rollbook.engine import Engine
from rollbook.planner import plan_undo
from rollbook.testing.crash import CrashError, crashing

from .scenes import ANSWERS, SCENE, files, other
from .workshop import Workshop, nobody

FAILING = """
stages:
  - name: Try it in both
    id: try
    runbook: fail
    environments: [stage, prod]
    on_failure: {on_failure}
  - name: Say that it failed
    id: after
    runbook: word
    when: steps.try.status == 'failed'
    inputs: {{word: failed, file: after.txt}}
"""
FAIL = """
targets: {box: local}
steps:
  - id: ready
    name: Get ready.
    file.present: {path: "{{ env.name }}.ready.txt", content: "x", target: box}
  - id: break
    name: Fail in one environment.
    shell.run: {command: [test, "{{ env.name }}", "!=", stage], effect: read, target: box}
  - id: later
    name: Go on.
    file.present: {path: "{{ env.name }}.later.txt", content: "x", target: box}
finally:
  - id: end
    name: Say how it ended.
    file.present: {path: "{{ env.name }}.end.txt", content: "{{ run.status }}", target: box}
"""
LEFT = {
    "stage.ready.txt": "x",
    "stage.end.txt": "failed",
    "prod.ready.txt": "x",
    "prod.later.txt": "x",
    "prod.end.txt": "succeeded",
    "after.txt": "failed blue\n",
    "after.txt.end": "succeeded\n",
    "count.txt": "bench\n",
}


def failing(scene: Workshop, on_failure: str) -> None:
    """Write a playbook whose first stage fails in one of its environments."""
    scene.write("fail", FAIL)
    scene.write_playbook("failing", FAILING.format(on_failure=on_failure))


def test_a_failed_stage_may_be_left(scene: Workshop) -> None:
    """With on_failure: continue the rest of the stage is passed over, its end is kept, and later stages know of it."""
    failing(scene, "continue")

    run = scene.run("failing")

    assert (run.status, files(scene.folder)) == ("succeeded", LEFT)
    later = run.step("try@stage/later")
    assert later is not None
    assert later.status == "skipped"
    assert later.reason == "try@stage/break failed, and the stage's on_failure is continue"


@pytest.mark.parametrize("at", range(20, 95, 3))
def test_leaving_a_stage_is_one_instant(scene: Workshop, at: int) -> None:
    """A crash while a stage is left never leads on into what should have been passed over."""
    failing(scene, "continue")

    with crashing(at) as points:
        try:
            scene.run("failing")
        except CrashError:
            assert points.crashed
    if points.crashed:
        scene.resume()

    assert files(scene.folder) == LEFT


@pytest.mark.parametrize(("on_failure", "wanted"), [("stop", False), ("undo", True)])
def test_a_failed_stage_stops_the_run(scene: Workshop, on_failure: str, wanted: bool) -> None:
    """Otherwise the run fails there, and asks for its undo where the stage says so; no step's end is done yet."""
    failing(scene, on_failure)
    planner = scene.planner("failing")
    engine = Engine(scene.new_folder(), planner, asker=nobody(), watcher=scene.watcher)

    run = engine.run(planner.plan())

    assert (run.status, engine.undo_wanted) == ("failed", wanted)
    assert files(scene.folder) == {"stage.ready.txt": "x"}
    undo = scene.undo(run)
    assert (undo.status, files(scene.folder)) == ("undone", {"stage.end.txt": "undone"})


def test_an_undo_comes_to_the_end_of_a_stage_that_was_decided_on(scene: Workshop) -> None:
    """Whether a stage took part hangs on what the run that is taken back had decided, not on the undo."""
    scene.write(
        "fail", FAIL.replace("name: Say how it ended.", "name: Say how it ended.\n    when: run.status == 'undone'")
    )
    stage = "- {name: Try it, id: try, runbook: fail, environment: stage, when: steps.found.outputs.what == 'code'}\n"
    scene.write_playbook("decided", SCENE[: SCENE.index("stages:")] + "stages:\n" + stage)
    run = scene.run("decided", nobody(ANSWERS))

    undo = scene.undo(run)

    assert (run.status, undo.status) == ("failed", "undone")
    assert files(scene.folder) == {"stage.end.txt": "undone"}


def test_giving_up_comes_to_the_end_of_what_began(scene: Workshop) -> None:
    """A run that is abandoned in a stage does what belongs to that stage's end, and to no other's."""
    failing(scene, "stop")
    scene.run("failing")
    folder = scene.runs.all()[-1]

    run = Engine(folder, scene.planner("failing"), asker=nobody(), watcher=scene.watcher).abandon("no use")

    assert run.status == "abandoned"
    assert files(scene.folder) == {"stage.ready.txt": "x", "stage.end.txt": "abandoned"}


def test_an_undo_can_be_planned_whatever_became_of_later_stages(scene: Workshop) -> None:
    """A stage that was never reached, and would not fit any more, is not in the way of an undo."""
    failing(scene, "stop")
    run = scene.run("failing")
    scene.others = (scene.others[0], other("prod", "green", targets={}))

    plan = plan_undo(run, scene.planner("failing"), scene.runs)

    assert [step.address for step in plan.steps] == ["undo/try@stage/break", "undo/try@stage/ready", "try@stage/end"]
