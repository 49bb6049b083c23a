"""Commands, run for real."""

from pathlib import Path

import pytest

from rollbook.action import Leave, Refuse
from rollbook.errors import CommandFailed, SchemaError
from rollbook.ops import Command

from .conftest import Machine, use


def test_a_command_gives_its_output(machine: Machine) -> None:
    """Exit code and output go to later steps."""
    outputs = machine.outputs(use("shell.run", command=["echo", "a b"]))

    assert (outputs["exited"], outputs["stdout"]) == (0, "a b\n")


def test_a_list_is_not_given_to_a_shell(machine: Machine) -> None:
    """In a list, shell characters are just characters."""
    assert machine.outputs(use("shell.run", command=["echo", "$HOME;id"]))["stdout"] == "$HOME;id\n"


def test_a_text_is_given_to_a_shell(machine: Machine, tmp_path: Path) -> None:
    """In a text, pipes work; folder and environment are as told."""
    action = use(
        "shell.run", command="pwd && echo $WORD | tr a-z A-Z", directory=str(tmp_path), environment={"WORD": "hi"}
    )

    assert machine.outputs(action)["stdout"] == f"{tmp_path}\nHI\n"


def test_a_secret_reaches_the_command_and_never_comes_back(machine: Machine) -> None:
    """A secret in the environment is used, and redacted from the output."""
    action = use("shell.run", command="echo ${#T} $T", environment={"T": {"secret": "env:TOKEN"}})

    outputs = machine.outputs(action)

    assert str(outputs["stdout"]).startswith("18 ")
    assert "s3cret" not in str(outputs) + machine.execution.output.decode()
    assert (
        "T=‹secret env:TOKEN›"
        in action.ops(action.probe(machine.read), action.desired(action.probe(machine.read)))[0].render()[0]
    )


def test_other_exit_codes_may_be_good(machine: Machine) -> None:
    """What counts as success is the runbook's to say."""
    assert machine.outputs(use("shell.run", command="exit 3", ok_codes=[0, 3]))["exited"] == 3
    with pytest.raises(CommandFailed):
        machine.outputs(use("shell.run", command="exit 3"))


def test_creates_makes_it_run_once(machine: Machine, tmp_path: Path) -> None:
    """When what it creates is there, a command does not run."""
    action = use("shell.run", command=["touch", str(tmp_path / "done")], creates=str(tmp_path / "done"))

    first = machine.apply(action)
    second = machine.plan(action)

    assert [action.verdict(change) for change in (first, second)] == ["run", "noop"]
    assert isinstance(action.undo(second), Leave)


def test_unless_is_asked_of_the_host(machine: Machine, tmp_path: Path) -> None:
    """A looking command that succeeds says that the work is done."""
    looked = use("shell.run", command=["false"], unless=["test", "-d", str(tmp_path)])

    assert machine.plan(looked).ops == ()
    assert machine.plan(use("shell.run", command=["true"], unless=["false"])).before.done is False


def test_without_a_probe_nothing_can_be_told(machine: Machine) -> None:
    """A command alone is planned as run, and what it did is not known to an undo."""
    action = use("shell.run", command=["true"])

    change = machine.plan(action)

    assert change.before.done is None
    assert action.verdict(change) == "run"
    assert action.effect() == "once"
    assert isinstance(action.undo(change), Refuse)


def test_a_reading_command_may_run_while_planning(machine: Machine) -> None:
    """With `effect: read` and `plan: true` the output is there before the run."""
    action = use("shell.run", command="echo $N; exit 1", effect="read", plan=True, ok_codes=[1], environment={"N": "7"})

    change = machine.plan(action)

    assert action.verdict(change) == "read"
    assert change.ops == ()
    assert action.outputs(change.after, ())["stdout"] == "7\n"
    assert isinstance(action.undo(change), Leave)


def test_a_reading_command_that_fails_while_planning_is_told(machine: Machine) -> None:
    """Its exit code and output are in the error."""
    with pytest.raises(CommandFailed, match="exit code 2") as caught:
        machine.plan(use("shell.run", command="echo why >&2; exit 2", effect="read", plan=True))

    assert "why" in caught.value.tail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"command": []}, "expected a command"),
        ({"command": ""}, "expected a command"),
        ({"command": ["x"], "plan": True}, "effect: read"),
        ({"command": ["x"], "plan": True, "effect": "read", "stdin": "y"}, "stdin"),
        ({"command": ["x"], "effect": "never"}, "once"),
        ({"command": ["x", 3]}, "text"),
    ],
)
def test_misuse_is_refused(arguments: dict[str, object], message: str) -> None:
    """A command that makes no sense is refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use("shell.run", **arguments)


def test_the_op_is_the_command(machine: Machine) -> None:
    """Everything the runbook says of the command is in the op."""
    action = use("shell.run", command=["x"], stdin="in", run_as="app", detach=True, no_log=True)

    (op,) = machine.plan(action).ops

    assert op == Command("local", ("x",), stdin="in", run_as="app", detach=True, no_log=True)
