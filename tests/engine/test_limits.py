"""Runbooks that are larger than anybody could want."""

import json

import pytest

from rollbook.errors import RefusedError, SchemaError
from rollbook.library import DEEPEST
from rollbook.planner.planner import MOST_STEPS

from .workshop import Workshop

ECHO = '  - {id: s, name: Say so., effect: read, shell.run: {command: "echo a"}}\n'


def include(name: str, step_id: str = "s") -> str:
    """Give a step that includes a runbook."""
    return f"  - {{id: {step_id}, name: Do the rest., include: {name}}}\n"


def test_an_include_inside_an_include_is_carried_out_and_undone(workshop: Workshop) -> None:
    """What an included runbook includes is its own, and the outermost need not name it."""
    workshop.write("outer", "steps:\n" + include("middle"))
    workshop.write("middle", "steps:\n" + include("inner"))
    workshop.write("inner", 'steps:\n  - {id: f, name: Write., file.present: {path: f.txt, content: "x"}}\n')

    run = workshop.run("outer")

    assert [(step.address, step.status) for step in run.steps] == [("s/s/f", "changed")]


def test_includes_have_a_depth_that_is_refused_in_words(workshop: Workshop) -> None:
    """A chain of includes that is too long is refused at its place, not by a stack that overflows."""
    for number in range(DEEPEST + 2):
        workshop.write(f"c{number}", "steps:\n" + (include(f"c{number + 1}") if number <= DEEPEST else ECHO))

    with pytest.raises(SchemaError, match=rf"c{DEEPEST}.yml:6:.*nested more than {DEEPEST} deep: c0 → c1"):
        workshop.planner("c0")
    assert len(workshop.planner("c1").plan().steps) == 1


def test_includes_that_double_at_each_level_are_refused(workshop: Workshop) -> None:
    """A few small files cannot make a plan that fills the memory."""
    for number in range(16):
        twice = include(f"d{number + 1}", "a") + include(f"d{number + 1}", "b")
        workshop.write(f"d{number}", "steps:\n" + (twice if number < 15 else ECHO))

    with pytest.raises(RefusedError, match=f"more than {MOST_STEPS} steps"):
        workshop.planner("d0").plan()


def test_a_loop_over_too_many_items_is_refused_in_words(workshop: Workshop) -> None:
    """A plan that nobody could read is not made; the error names the step and its line."""
    workshop.write(
        "many",
        "inputs: {n: {type: list}}\nsteps:\n  - id: l\n    name: Say.\n    effect: read\n"
        '    loop: "{{ inputs.n }}"\n    shell.run: {command: "echo a"}\n',
    )

    with pytest.raises(RefusedError, match=rf"more than {MOST_STEPS} steps; at l\[.*\(.*many.yml:7\)"):
        workshop.planner("many", {"n": list(range(100_000))}).plan()


def test_steps_that_look_alike_keep_their_own_values(workshop: Workshop) -> None:
    """What a plan's steps share is the same in JSON too: 1, 1.0 and true are three values."""
    values = ("1", "true", "1.0", "1", "[1]", "[true]", "{a: 1}", "{a: 1.0}")
    steps = (
        f"  - {{id: v{index}, name: Keep., value.set: {{value: {value}}}}}\n" for index, value in enumerate(values)
    )
    workshop.write("alike", "steps:\n" + "".join(steps))

    plan = workshop.planner("alike").plan()

    kept = [json.dumps(step.arguments["value"]) for step in plan.steps]
    assert kept == ["1", "true", "1.0", "1", "[1]", "[true]", '{"a": 1}', '{"a": 1.0}']
    assert plan.steps[2].arguments is not plan.steps[3].arguments


def test_equal_steps_share_what_they_are_made_of(workshop: Workshop) -> None:
    """A plan of many equal steps holds their arguments once."""
    workshop.write("equal", "steps:\n" + ECHO + ECHO.replace("id: s", "id: t"))

    first, second = workshop.planner("equal").plan().steps

    assert first.ops[0] is second.ops[0]
    assert first.arguments is second.arguments
