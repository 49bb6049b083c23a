"""The undo of an undo: what was taken back is brought about again."""

import shutil

import pytest

from rollbook.errors import PlanDrift, UsageError
from rollbook.planner import plan_undo
from rollbook.run import Run

from .workshop import Workshop, nobody, write_step

LOGS = """\
  - id: {name}
    name: Say {name}.
    shell.run: {{command: "echo {name} >> log", directory: "{folder}"}}
"""
ONCE = "    undo: {leave: it was said}\n"
OFTEN = "    effect: idempotent\n    undo: {leave: it may be said again}\n"
OWN = """\
    undo:
      steps:
        - id: not_{name}
          name: Unsay it.
          shell.run: {{command: "echo -{name} >> log", directory: "{folder}"}}
"""
CHOICE = """\
  - id: choice
    name: Choose.
    human.choose: {text: "Which?", from: [{value: one, label: "1"}, {value: two, label: "2"}]}
"""
SURE = """\
  - id: sure
    name: Ask.
    human.confirm: {text: "Sure?"}
"""
FINALLY = """\
finally:
  - id: end
    name: End.
    file.present: {path: end.txt, content: "{{ run.status }} {{ steps.own.status }}"}
"""
ANSWERS = {"choice": "two", "sure": "yes"}


def write(workshop: Workshop) -> None:
    """Write a runbook with a step of every sort that an undo treats in its own way."""
    said = {name: LOGS.format(name=name, folder=workshop.folder) for name in ("own", "once", "often")}
    own = said["own"] + OWN.format(name="own", folder=workshop.folder)
    body = CHOICE + SURE + own + write_step("a", "{{ steps.choice.outputs.value }}") + said["once"] + ONCE
    workshop.write("r", "steps:\n" + body + said["often"] + OFTEN + FINALLY)


def carried(workshop: Workshop) -> tuple[Run, Run]:
    """Run it, and take it back."""
    write(workshop)
    run = workshop.run("r", nobody(ANSWERS))
    return run, workshop.undo(run)


def test_what_was_taken_back_is_brought_about_again(workshop: Workshop) -> None:
    """Own undo steps by the step, reversed changes by their way back, what may be repeated; not what counts once."""
    run, back = carried(workshop)
    assert (run.status, back.status) == ("succeeded", "undone")
    assert workshop.said(forget=True) == ["own", "once", "often", "-own"]
    assert not (workshop.folder / "a.txt").exists()

    again = workshop.undo(back, nobody({"sure": "yes"}))

    assert again.status == "undone", [(step.address, step.error) for step in again.steps if step.error]
    assert workshop.said(forget=True) == ["own", "often"]
    assert (workshop.folder / "a.txt").read_text() == "two"
    assert [step.address for step in again.steps] == [step.address for step in run.steps]
    assert (workshop.folder / "end.txt").read_text() == "succeeded changed"


def test_what_was_chosen_is_not_asked_and_what_was_confirmed_is(workshop: Workshop) -> None:
    """An answer that decided something stands; one that guarded a step is given anew."""
    _, back = carried(workshop)

    waiting = workshop.undo(back, nobody({}))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "sure")
    assert waiting.plan.answers == {"choice": "two"}


DECIDING = {
    "mapping": (
        "human.choose: {text: Which?, from: [{value: {k: 1}, label: one}, {value: {k: 2}, label: two}]}",
        "two",
    ),
    "each": ("human.choose: {text: Which?, from: [a, b], each: ['x, y', z]}", "others=b"),
    "boolean": ("human.choose: {text: Which?, from: [{value: true, label: with}, {value: false, label: out}]}", "out"),
    "number": ("human.input: {text: How many?, type: number}", "12"),
    "no": ("human.confirm: {text: Sure?, stop_on_no: false}", "no"),
}


@pytest.mark.parametrize("kind", DECIDING)
def test_every_decision_comes_again_as_it_was(workshop: Workshop, kind: str) -> None:
    """Whatever the answer's value is, and be it a no after which the run goes on."""
    asked, answer = DECIDING[kind]
    told = "It is {{ steps.q.outputs.value }}."
    workshop.write("r", f"steps:\n  - {{id: q, name: Ask., {asked}}}\n" + write_step("a", told))
    run = workshop.run("r", nobody({"q": answer}))
    first = (workshop.folder / "a.txt").read_text()
    undo = workshop.undo(run)

    again = workshop.undo(undo, nobody())

    assert (run.status, undo.status, again.status) == ("succeeded", "undone", "undone")
    assert (workshop.folder / "a.txt").read_text() == first


def test_nobody_decides_otherwise_by_the_way(workshop: Workshop) -> None:
    """Changes go back to what they had led to, so another choice than that of the first run is refused."""
    _, back = carried(workshop)
    planner = workshop.planner("r", answers={"choice": "one"})

    with pytest.raises(UsageError, match="was decided as two"):
        plan_undo(back, planner, workshop.runs)


def test_back_and_forth_goes_on(workshop: Workshop) -> None:
    """What came again is taken back like the first run, and so on."""
    run, back = carried(workshop)
    workshop.said(forget=True)
    again = workshop.undo(back, nobody({"sure": "yes"}))
    workshop.said(forget=True)

    third = workshop.undo(again)

    assert third.status == "undone"
    assert (workshop.said(forget=True), (workshop.folder / "a.txt").exists()) == (["-own"], False)
    assert [step.address for step in third.steps if step.ops] == [step.address for step in back.steps if step.ops]

    fourth = workshop.undo(third, nobody({"sure": "yes"}))

    assert (fourth.status, workshop.said(forget=True)) == ("undone", ["own", "often"])
    assert (workshop.folder / "a.txt").read_text() == "two"
    assert fourth.plan.title == f"{run.plan.title}, again"


def test_somebodys_later_work_is_asked_about(workshop: Workshop) -> None:
    """A file that was changed since the undo is not written over without a yes."""
    _, back = carried(workshop)
    (workshop.folder / "a.txt").write_text("mine")

    waiting = workshop.undo(back, nobody({"sure": "yes"}))

    assert (waiting.status, waiting.waiting_for) == ("waiting", "a/sure")
    assert (workshop.folder / "a.txt").read_text() == "mine"
    assert workshop.resume(nobody({"a/sure": "yes"})).status == "undone"
    assert (workshop.folder / "a.txt").read_text() == "two"


def test_what_is_left_of_it_is_planned_anew_after_drift(workshop: Workshop) -> None:
    """A resume after drift keeps what came again already, and asks about the change."""
    _, back = carried(workshop)
    workshop.said(forget=True)
    waiting = workshop.undo(back, nobody({}))
    (workshop.folder / "a.txt").write_text("mine")
    with pytest.raises(PlanDrift):
        workshop.resume(nobody({"sure": "yes"}))

    asked = workshop.resume(nobody({}))

    assert (asked.id, asked.status, asked.waiting_for) == (waiting.id, "waiting", "a/sure")
    assert workshop.resume(nobody({"a/sure": "yes"})).status == "undone"
    assert workshop.said(forget=True) == ["own", "often"]
    assert (workshop.folder / "a.txt").read_text() == "two"


def test_to_keeps_what_the_undo_did_from_a_step_on(workshop: Workshop) -> None:
    """With --to, the named step of the undo stays, and those of its later steps alone are taken back."""
    _, back = carried(workshop)
    workshop.said(forget=True)

    again = workshop.undo(back, nobody({"sure": "yes"}), to="undo/a")

    assert again.status == "undone"
    assert workshop.said(forget=True) == ["own"]
    assert not (workshop.folder / "a.txt").exists()


def test_an_unfinished_run_comes_again_as_far_as_it_came(workshop: Workshop) -> None:
    """What the first run never did is not done by the undo of its undo."""
    write(workshop)
    run = workshop.run("r", nobody({"choice": "two"}))
    assert run.waiting_for == "sure"
    back = workshop.undo(run)

    again = workshop.undo(back)

    assert (back.status, again.status) == ("undone", "undone")
    assert workshop.said(forget=True) == []
    assert again.step("a").reason == "the first run did not do it"


def test_without_the_first_journal_changes_are_reversed(workshop: Workshop) -> None:
    """Where the first run is gone, the undo of its undo still brings back what can be reversed."""
    workshop.write("r", "steps:\n" + write_step("a", "x"))
    run = workshop.run("r")
    back = workshop.undo(run)
    shutil.rmtree(workshop.runs.find(run.id).path)

    again = workshop.undo(back)

    assert again.status == "undone"
    assert (workshop.folder / "a.txt").read_text() == "x"
