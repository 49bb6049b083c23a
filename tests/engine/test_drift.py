"""What was agreed to holds for the plan that was shown, and for no other."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rollbook import plan as plans
from rollbook.engine import Engine
from rollbook.engine.stepper import Stepper
from rollbook.errors import PlanDrift, RefusedError
from rollbook.journal import replay
from rollbook.planner import plan_undo
from rollbook.run import Run

from .workshop import Workshop, newest, nobody, write_step


def drifted(workshop: Workshop) -> Run:
    """Run until an approval, change the world, and let the approved write drift."""
    workshop.write(
        "d",
        "steps:\n  - id: look\n    name: Look.\n    shell.run: {command: [cat, a.txt], effect: read, plan: true}\n"
        "  - id: ok\n    name: Approve.\n    human.approve: {text: Go on?, not_operator: false}\n"
        + write_step("a", "mine"),
    )
    (workshop.folder / "a.txt").write_text("first")
    workshop.run("d")
    (workshop.folder / "a.txt").write_text("second")
    with pytest.raises(PlanDrift):
        workshop.resume(nobody({"ok": "yes"}))
    return newest(workshop).read()


def test_an_approval_does_not_survive_drift(workshop: Workshop) -> None:
    """After drift the plan is another one: it is approved again before anything is written."""
    assert drifted(workshop).status == "stopped"

    waiting = workshop.resume(nobody(agrees=True))
    assert (waiting.status, waiting.waiting_for) == ("waiting", "ok")
    assert (workshop.folder / "a.txt").read_text() == "second"
    run = workshop.resume(nobody({"ok": "yes"}))

    assert (run.status, (workshop.folder / "a.txt").read_text()) == ("succeeded", "mine")
    types = [record.type for record in replay(newest(workshop).journal)]
    assert types.count("replanned") == 1


def test_where_long_values_differ_is_shown(workshop: Workshop) -> None:
    """A difference far into a long command is in the refusal, not only what both begin with."""
    long = "echo " + " ".join(f"word{number}" for number in range(200))
    workshop.write("l", f"steps:\n  - id: a\n    name: Say.\n    shell.run: {{command: {long} here}}\n")
    made = workshop.planner("l").plan()
    workshop.write("l", f"steps:\n  - id: a\n    name: Say.\n    shell.run: {{command: {long} there}}\n")

    told = [one for one in plans.differences(made, workshop.planner("l").plan()) if "command" in one]

    assert told
    for one in told:
        assert one.endswith("word199 there")
        assert "word199 here, now" in one
        assert len(one) < 400


def test_a_plan_with_its_steps_in_another_order_is_another_plan(workshop: Workshop) -> None:
    """Order, section and protection bind: a saved plan in which they were changed is refused with each named."""
    workshop.write("o", "steps:\n" + write_step("a", "x") + write_step("b", "y"))
    made = workshop.planner("o").plan()

    edited = replace(made, steps=(replace(made.steps[1]), replace(made.steps[0], section="finally")), protected=True)

    text = "\n".join(plans.differences(edited, made))
    assert edited.digest != made.digest
    assert "order of the steps: planned b, a, now a, b" in text
    assert "section: planned finally, now steps" in text
    assert "planned as protected, now not protected" in text


def test_agreement_to_a_changed_tail_is_asked_again_and_the_question_is_not(workshop: Workshop) -> None:
    """A run that waits for agreement goes on from the answer given, and never by the old plan."""
    workshop.write(
        "ask",
        "steps:\n  - id: q\n    name: Choose.\n    human.choose: {text: Which, from: [a, b], default: a}\n"
        + write_step("out", "{{ steps.q.outputs.value }}"),
    )
    waiting = workshop.run("ask", nobody({"q": "b"}, agrees=False))
    assert (waiting.status, waiting.waiting_for, waiting.agreement_due) == ("waiting", "out", True)
    assert workshop.resume(nobody(agrees=False)).status == "waiting"

    run = workshop.resume(nobody(agrees=True))

    assert (run.status, (workshop.folder / "out.txt").read_text()) == ("succeeded", "b")
    assert [answer.value for answer in run.answers] == ["b"]


def test_an_undo_that_drifted_goes_on_back(workshop: Workshop) -> None:
    """What is left of an undo is planned anew as an undo, never as the run that it takes back."""
    workshop.write("u", "steps:\n" + write_step("a", "mine") + write_step("b", "mine"))
    run = workshop.run("u")
    planner = workshop.planner("u")
    plan = plan_undo(run, planner, workshop.runs)
    (workshop.folder / "a.txt").write_text("somebody else's")
    with pytest.raises(PlanDrift):
        Engine(workshop.new_folder(), planner, asker=nobody(), watcher=workshop.watcher).run(plan)
    assert not (workshop.folder / "b.txt").exists()

    waiting = workshop.resume(nobody(agrees=True))
    assert (waiting.status, waiting.waiting_for) == ("waiting", "undo/a/sure")
    back = workshop.resume(nobody({"a-sure": "yes"}))

    assert back.status == "undone"
    assert not (workshop.folder / "a.txt").exists()


@dataclass(frozen=True)
class Seen:
    missing: str


class Look:
    """A look that finds what forbids to go on."""

    def probe(self, read: Any) -> Seen:
        return Seen(read)

    def refusal(self, state: Seen) -> str:
        return f"{state.missing} is not there"


def test_a_look_that_refuses_says_why_and_not_that_it_was_planned_otherwise() -> None:
    """What it found that forbids the run is told before that the plan was made on something else."""
    planned = SimpleNamespace(address="look", before={"missing": ""}, bound_fields=lambda state: state)
    session = SimpleNamespace(planner=SimpleNamespace(read="a table"))
    look: Any = Look()

    with pytest.raises(RefusedError, match="a table is not there"):
        Stepper._read(cast("Any", SimpleNamespace(planned=planned, session=session)), look)
