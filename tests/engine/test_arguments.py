"""What a step's expressions may put in, and which targets an action may name."""

import json

import pytest

from rollbook.errors import RefusedError
from rollbook.targets.base import TargetSpec

from .workshop import Workshop


@pytest.mark.parametrize(
    "use", ["shell.run: {command: ['rm', '{{ v }}']}", "file.present: {path: o, content: '{{ v }}'}"]
)
def test_bytes_that_were_lost_are_not_used(workshop: Workshop, use: str) -> None:
    """What a command printed in bytes that are no text names no file, and is written into none."""
    use = use.replace("{{ v }}", "{{ steps.a.outputs.stdout }}")
    first = "  - {id: a, name: Say., shell.run: {command: \"printf 'p\\\\344ss'\"}, effect: read}\n"
    workshop.write("r", f"steps:\n{first}  - {{id: b, name: Use., {use}}}\n")

    run = workshop.run("r")

    assert (run.step("a").status, run.status) == ("changed", "failed")
    assert any("not UTF-8 text" in event.text for event in run.events)


def test_a_group_is_no_target_of_an_action(workshop: Workshop) -> None:
    """It is refused, with what to write; so is a target that nobody declared and that is not there."""
    workshop.groups = {"web": ("h1", "h2")}
    workshop.targets = {name: TargetSpec(name, "local") for name in ("h1", "h2")}
    step = "steps:\n  - {id: a, name: Do., shell.run: {command: 'true', target: NAME}, undo: {leave: x}}\n"
    workshop.write("g", "targets: {web: {}}\n" + step.replace("NAME", "web"))
    workshop.write("other", step.replace("NAME", "'{{ vars.host }}'"))
    workshop.variables = {"host": "h3"}

    with pytest.raises(RefusedError, match="web is a group"):
        workshop.planner("g").plan()
    with pytest.raises(RefusedError, match="the environment has no target h3"):
        workshop.planner("other").plan()


@pytest.mark.parametrize(
    "command",
    ['echo "{{ inputs.x }}"', "echo 'a {{ inputs.x }}'", "cat <<E\n{{ inputs.x }}\nE", "sh -c 'ls {{ inputs.x }}'"],
)
def test_a_value_inside_the_commands_own_quotes_is_refused(workshop: Workshop, command: str) -> None:
    """Where quoting a value does not protect, it is not put."""
    step = json.dumps({"id": "s", "name": "Say.", "shell.run": {"command": command}})
    workshop.write("i", f"inputs: {{x: {{type: text}}}}\nsteps: [{step}]\n")

    with pytest.raises(RefusedError, match="inside quotes"):
        workshop.planner("i", {"x": "$(touch pwned)"}).plan()


def test_a_value_that_stands_bare_is_one_word(workshop: Workshop) -> None:
    """Whatever a value holds, the shell sees one word."""
    nasty = "$(touch pwned) '; touch pwned #\n`touch pwned`"
    workshop.write(
        "i",
        'inputs: {x: {type: text}}\nsteps:\n  - id: s\n    name: Say.\n    shell.run: {command: "printf %s {{ inputs.x }} > said.txt"}\n    undo: {leave: x}\n',
    )

    assert workshop.run("i", inputs={"x": nasty}).status == "succeeded"

    assert (workshop.folder / "said.txt").read_text() == nasty
    assert not (workshop.folder / "pwned").exists()
