"""Stages that are urgent come first, before questions and plans that have time."""

from .scenes import files
from .workshop import Workshop, nobody

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
