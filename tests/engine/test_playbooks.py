"""Playbooks carried out: stages in one or several environments, in one plan and one journal."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rollbook.engine import Engine
from rollbook.engine.locks import run_locks
from rollbook.errors import JournalError, LockHeld, PlanDrift, RefusedError, UsageError
from rollbook.inventory import Inventory
from rollbook.journal import replay
from rollbook.plan import PlannedLock, differences
from rollbook.planner import plan_undo
from rollbook.planner.environment import environments
from rollbook.run import Run
from rollbook.targets.base import TargetSpec
from rollbook.testing.crash import CrashError, crashing
from rollbook.values import Secret

from .workshop import Workshop, nobody

WORD = """
inputs: {word: text, file: path}
targets: {box: local}
lock: "file {{ inputs.file }}"
steps:
  - id: put
    name: Write it down.
    file.present: {path: "{{ inputs.file }}", content: "{{ inputs.word }} {{ vars.colour }}\\n", target: box}
  - id: count
    name: Count, once.
    shell.run:
      command: "echo {{ env.name }} >> count.txt; touch {{ inputs.file }}.done"
      creates: "{{ inputs.file }}.done"
      target: box
    undo: {leave: "a count stays"}
finally:
  - id: end
    name: Say how it ended.
    file.present: {path: "{{ inputs.file }}.end", content: "{{ run.status }}\\n", target: box}
"""
SCENE = """
targets: {box: local}
decide:
  - id: broken
    name: Say what is broken.
    human.choose: {text: "What?", from: [code, rows]}
  - id: found
    name: Keep it.
    value.set: {values: {what: "{{ steps.broken.outputs.value }}"}}
stages:
  - name: Write it where the run is for
    id: here
    runbook: word
    inputs: {word: one, file: here.txt}
  - name: Write it in both
    id: both
    runbook: word
    environments: [stage, prod]
    when: steps.found.outputs.what == 'code'
    gate: "Go on in {{ env.name }}?"
    inputs: {word: "{{ steps.found.outputs.what }}", file: "{{ env.name }}.txt"}
"""
ANSWERS = {"broken": "code", "both-gate": "yes"}
WANTED = {
    "here.txt": "one blue\n",
    "stage.txt": "code red\n",
    "prod.txt": "code green\n",
    "count.txt": "bench\nstage\nprod\n",
    **{f"{name}.txt.end": "succeeded\n" for name in ("here", "stage", "prod")},
}


def other(
    name: str, colour: str, *, protected: bool = False, targets: Mapping[str, TargetSpec] | None = None
) -> Inventory:
    """Give another environment, on this machine too."""
    specs = {"box": TargetSpec("box", "local")} if targets is None else targets
    return Inventory(name, {"local": TargetSpec("local", "local"), **specs}, {}, {"colour": colour}, protected)


@pytest.fixture
def scene(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Give a workshop with a playbook over three environments; other tests on this machine use locks of these names."""
    monkeypatch.setattr("rollbook.engine.locks.FOLDER", workshop.folder / "locks")
    workshop.targets = {"box": TargetSpec("box", "local")}
    workshop.variables = {"colour": "blue"}
    workshop.others = (other("stage", "red"), other("prod", "green"))
    workshop.write("word", WORD)
    workshop.write_playbook("scene", SCENE)
    return workshop


def files(folder: Path) -> dict[str, str]:
    """Read the visible text files."""
    found = (path for path in folder.glob("*.txt*") if path.suffix != ".done" and not path.name.startswith("."))
    return {path.name: path.read_text() for path in found}


def types(workshop: Workshop) -> list[str]:
    """Name the newest journal's records."""
    return [record.type for record in replay(workshop.runs.all()[-1].journal)]


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


PLACES = 120


def test_every_place_is_crashed_at(scene: Workshop) -> None:
    """The crashes below reach the last place of an undisturbed run."""
    with crashing(PLACES + 1) as points:
        scene.run("scene", nobody(ANSWERS))

    assert points.passed == PLACES


@pytest.mark.parametrize("at", range(1, PLACES + 1))
def test_a_crash_at_any_place_resumes_to_the_same_end(scene: Workshop, at: int) -> None:
    """After a crash at any boundary of a playbook, its stages possible and planned, the end is an undisturbed run's."""
    run: Run | None = None
    with crashing(at) as points:
        try:
            run = scene.run("scene", nobody(ANSWERS))
        except CrashError:
            assert points.crashed
    if run is None and not scene.runs.all():
        run = scene.run("scene", nobody(ANSWERS))  # killed before its first record: nothing was done
    elif run is None:
        try:
            run = scene.resume(nobody(ANSWERS))
        except JournalError as error:
            assert "before it began" in str(error)  # the same, in the midst of that record
            run = scene.run("scene", nobody(ANSWERS))
        except RefusedError as error:
            assert "is over" in str(error)
            run = scene.runs.all()[-1].read()

    assert (run.status, files(scene.folder)) == ("succeeded", WANTED)


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


URGENT = """
stages:
  - name: Write it first
    id: first
    runbook: word
    urgent: true
    inputs: {word: first, file: first.txt}
  - name: Look for long
    id: slow
    runbook: slow
"""
SLOW = """
targets: {box: local}
steps:
  - id: look
    name: Look for long.
    shell.run: {command: "cat first.txt; echo looked >> looked.txt", effect: read, plan: true, target: box}
"""


def test_what_follows_an_urgent_stage_is_planned_after_it(scene: Workshop) -> None:
    """Before an urgent stage is over nothing of later stages is looked at, however long they would take."""
    scene.write("slow", SLOW)
    scene.write_playbook("urgent", URGENT)

    plan = scene.planner("urgent").plan()

    assert "looked.txt" not in files(scene.folder)
    slow = plan.step("slow")
    assert slow is not None
    assert (slow.verdict, slow.reason) == ("unknown", "it is planned when the urgent stage first is over")
    run = scene.run("urgent")
    looked = run.step("slow/look")
    assert looked is not None
    assert (run.status, looked.status) == ("succeeded", "ok")


HURRY = """
decide:
  - id: harm
    name: Say whether it does harm.
    human.confirm: {text: "Harm?", stop_on_no: false}
  - id: calm
    name: Ask what has time.
    human.choose: {text: "What?", from: [code, rows], default: code}
stages:
  - name: Write it at once
    id: first
    runbook: word
    urgent: true
    after: harm
    when: steps.harm.outputs.value
    inputs: {word: first, file: first.txt}
  - {name: Write it in the end, id: last, runbook: word, inputs: {word: last, file: last.txt}}
"""


def test_an_urgent_stage_comes_before_questions_that_have_time(scene: Workshop) -> None:
    """What must be done at once is done before anything else is asked, and nothing later is planned until then."""
    scene.write_playbook("hurry", HURRY)

    harm = scene.planner("hurry", answers={"harm": "yes"}).plan()
    none = scene.planner("hurry", answers={"harm": "no"}).plan()
    run = scene.run("hurry", nobody({"harm": "yes"}))

    assert [step.verdict for step in harm.steps] == ["ask", "create", "run", "unknown", "ask", "unknown"]
    assert [step.verdict for step in none.steps] == ["ask", "skip", "ask", "create", "run", "unknown"]
    assert (run.status, run.waiting_for) == ("waiting", "calm")
    assert files(scene.folder)["first.txt"] == "first blue\n"
    resumed = scene.resume(nobody({"calm": "code"}))
    assert (resumed.status, files(scene.folder)["last.txt"]) == ("succeeded", "last blue\n")


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


def test_an_undo_can_be_planned_whatever_became_of_later_stages(scene: Workshop) -> None:
    """A stage that was never reached, and would not fit any more, is not in the way of an undo."""
    failing(scene, "stop")
    run = scene.run("failing")
    scene.others = (scene.others[0], other("prod", "green", targets={}))

    plan = plan_undo(run, scene.planner("failing"), scene.runs)

    assert [step.address for step in plan.steps] == ["undo/try@stage/break", "undo/try@stage/ready", "try@stage/end"]


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
