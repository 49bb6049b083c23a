"""Playbooks carried out: stages in one or several environments, in one plan and one journal."""

from rollbook.journal import replay

from .scenes import ANSWERS, SCENE, WANTED, files
from .workshop import Workshop, nobody


def test_each_stage_sees_its_own_environment(scene: Workshop) -> None:
    """Steps of a stage see the variables and targets of its environment, and stand under its address."""
    run = scene.run("scene", nobody(ANSWERS), answers=ANSWERS)

    assert run.status == "succeeded"
    assert files(scene.folder) == WANTED
    assert [step.address for step in run.steps] == [
        "broken", "found", "here/put", "here/count", "here/end",
        "both-gate@stage", "both@stage/put", "both@stage/count", "both@stage/end",
        "both-gate@prod", "both@prod/put", "both@prod/count", "both@prod/end",
    ]  # fmt: skip
    put = run.step("both@prod/put")
    assert put is not None
    assert (put.planned.targets, put.planned.environment, put.planned.stage) == (
        ("prod:box",),
        "prod",
        "Write it in both",
    )
    assert run.plan.identities.keys() == {"bench:box", "stage:box", "prod:box"}


def test_one_environment_needs_no_other_names(scene: Workshop) -> None:
    """Where all stages are carried out in one environment, its targets keep the names that they have."""
    scene.others = ()
    scene.write_playbook("scene", SCENE.replace("    environments: [stage, prod]\n", ""))

    plan = scene.planner("scene", answers=ANSWERS).plan()

    put = plan.step("both/put")
    assert put is not None
    assert (put.targets, put.environment, plan.environments) == (("box",), "", {})


def test_what_is_not_known_yet_is_possible_and_planned_when_reached(scene: Workshop) -> None:
    """A stage whose condition hangs on an open answer is one line of the plan; reached, it is planned and agreed to."""
    plan = scene.planner("scene").plan()

    run = scene.run("scene", nobody(ANSWERS))

    possible = plan.step("both@prod")
    assert possible is not None
    assert (possible.verdict, possible.reason) == ("unknown", "whether it takes part is ‹known after step found›")
    assert possible.details[0].startswith("possible: A test (word)")
    assert (run.status, files(scene.folder)) == ("succeeded", WANTED)
    assert run.plan.step("both@prod") is None
    fresh = [record.get("fresh") for record in replay(scene.runs.all()[-1].journal) if record.type == "replanned"]
    assert "both@stage/put" in next(part for part in fresh if part)


def test_a_stage_that_is_reached_must_be_agreed_to(scene: Workshop) -> None:
    """Nobody's agreement to what was possible is agreement to what it turned out to be."""
    waiting = scene.run("scene", nobody(ANSWERS, agrees=False))

    resumed = scene.resume(nobody(ANSWERS))

    assert (waiting.status, waiting.agreement_due) == ("waiting", True)
    assert waiting.step("here/put") is not None
    assert (resumed.status, files(scene.folder)) == ("succeeded", WANTED)


def test_a_stage_that_takes_no_part_is_skipped_with_its_gate(scene: Workshop) -> None:
    """Where the condition does not hold, neither the stage nor the question before it comes."""
    run = scene.run("scene", nobody({"broken": "rows"}))

    assert run.status == "succeeded"
    skipped = [step.address for step in run.steps if step.status == "skipped"]
    assert skipped == ["both-gate@stage", "both@stage", "both-gate@prod", "both@prod"]
    assert "stage.txt" not in files(scene.folder)


def test_a_gate_holds_the_next_environment(scene: Workshop) -> None:
    """After a no to the gate the run stops before the environment that it asks about, and can be resumed."""
    stopped = scene.run("scene", nobody({"broken": "code", "both-gate@stage": "yes", "both-gate@prod": "no"}))

    resumed = scene.resume(nobody({"both-gate@prod": "yes"}))

    assert stopped.status == "failed"
    prod = stopped.step("both@prod/put")
    assert prod is not None
    assert prod.status == "pending"
    assert (resumed.status, files(scene.folder)) == ("succeeded", WANTED)


def test_an_undo_takes_every_environment_back(scene: Workshop) -> None:
    """The undo of a playbook's run is one run, which takes the changes of all environments back, last to first."""
    (scene.folder / "prod.txt").write_text("before\n")
    run = scene.run("scene", nobody(ANSWERS))

    undo = scene.undo(run)

    assert undo.status == "undone"
    assert files(scene.folder) == {"prod.txt": "before\n", "count.txt": WANTED["count.txt"]}
    first = undo.steps[0].planned
    assert (first.address, first.environment, first.targets) == ("undo/both@prod/end", "prod", ("prod:box",))


def test_the_undo_of_a_playbooks_undo_writes_it_all_again(scene: Workshop) -> None:
    """Each stage comes again in its environment, its gate is asked again, and what counts once is not."""
    undo = scene.undo(scene.run("scene", nobody(ANSWERS), answers=ANSWERS))
    assert files(scene.folder) == {"count.txt": WANTED["count.txt"]}

    again = scene.undo(undo, nobody({"both-gate": "yes"}))

    assert again.status == "undone", [(step.address, step.error) for step in again.steps if step.error]
    assert files(scene.folder) == WANTED
