"""What a step sees of how the steps before it ended."""

import pytest

from rollbook.engine import Engine

from .workshop import Workshop, nobody

TRY = '  - {id: try, name: Try., shell.run: {command: "%s"}, on_failure: continue, undo: {leave: it stays}}\n'
NEXT = """\
  - id: repair
    name: Repair.
    when: steps.try.status != 'changed'
    file.present: {path: repair.txt, content: "{{ steps.try.status }}"}
  - id: go_on
    name: Go on.
    when: steps.try.status == 'changed'
    file.present: {path: go_on.txt, content: "{{ steps.try.status }}"}
"""
EACH = """\
  - id: each
    name: Do each.
    loop: [a, b, c]
    shell.run: {command: "echo {{ item }}"}
    undo: {leave: it was said}
"""
INNER = "steps:\n  - {id: one, name: Do one., file.present: {path: one.txt, content: one}}\n"


@pytest.mark.parametrize(("command", "written"), [("true", {"go_on": "changed"}), ("false", {"repair": "failed"})])
def test_a_step_goes_by_how_another_one_ended(workshop: Workshop, command: str, written: dict[str, str]) -> None:
    """Nobody knows while planning how a step ends, so what goes by it is planned when it did: also that it failed."""
    workshop.write("r", "steps:\n" + TRY % command + NEXT)
    plan = workshop.planner("r").plan()

    run = workshop.run("r")

    assert [step.verdict for step in plan.steps] == ["run", "unknown", "unknown"]
    assert run.status == "succeeded"
    found = {path.stem: path.read_text() for path in workshop.folder.glob("*.txt")}
    assert found == written


def test_a_step_that_takes_no_part_is_known_as_skipped_while_planning(workshop: Workshop) -> None:
    """So what goes by it needs no planning anew."""
    after = "  - {id: b, name: B., when: steps.a.status == 'skipped', file.present: {path: b.txt, content: b}}\n"
    workshop.write("r", "steps:\n  - {id: a, name: A., when: false, file.present: {path: a.txt, content: a}}\n" + after)

    plan = workshop.planner("r").plan()

    assert [step.verdict for step in plan.steps] == ["skip", "create"]


def test_a_step_passed_over_by_hand_is_seen_as_skipped_or_failed(workshop: Workshop) -> None:
    """It failed where it was tried before somebody went past it."""
    workshop.write("r", "steps:\n" + (TRY % "false").replace(", on_failure: continue", "") + NEXT)
    workshop.run("r")

    run = workshop.resume(skip={"try": "it is not needed"})

    assert run.status == "succeeded"
    assert (workshop.folder / "repair.txt").read_text() == "failed"


def test_a_loop_is_seen_with_one_output_for_each_item(workshop: Workshop) -> None:
    """Also by what is only looked at when its turn comes, and at the end; its status is that of all its items."""
    then = """\
  - id: then
    name: Go on.
    requires:
      - {that: "steps.each.outputs['items'] | length == 3", message: "there are not three"}
    file.present: {path: then.txt, content: "then"}
finally:
  - id: last
    name: Tell.
    file.present: {path: last.txt, content: "{{ steps.each.outputs['items'] | length }} {{ steps.each.status }}"}
"""
    workshop.write("r", "steps:\n" + EACH + then)

    run = workshop.run("r")

    assert run.status == "succeeded"
    assert (workshop.folder / "last.txt").read_text() == "3 changed"


def test_the_end_of_a_run_sees_what_was_not_begun_as_planned(workshop: Workshop) -> None:
    """Whatever was planned anew before: only what began may have to be given back."""
    last = """\
  - {id: never, name: Never., file.present: {path: never.txt, content: x}}
finally:
  - {id: last, name: Tell., file.present: {path: last.txt, content: "{{ steps.never.status }}"}}
"""
    stuck = "  - {id: stuck, name: Get stuck., shell.run: {command: 'false'}, undo: {leave: x}}\n"
    workshop.write("r", "steps:\n" + TRY % "true" + NEXT + stuck + last)
    stopped = workshop.run("r")
    folder, planner = workshop.runs.find(stopped.id), workshop.planner("r")

    run = Engine(folder, planner, asker=nobody(), watcher=workshop.watcher).abandon("it is stuck")

    assert run.status == "abandoned"
    assert (workshop.folder / "last.txt").read_text() == "planned"


def test_an_include_is_seen_to_have_ended(workshop: Workshop) -> None:
    """It went well where each of its steps did."""
    after = "  - {id: b, name: B., when: steps.inc.status == 'ok', file.present: {path: b.txt, content: b}}\n"
    workshop.write("inner", INNER)
    workshop.write("r", "steps:\n  - {id: inc, name: Do it., include: inner}\n" + after)

    run = workshop.run("r", nobody())

    assert run.status == "succeeded"
    assert (workshop.folder / "b.txt").exists()
