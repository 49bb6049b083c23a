"""The commands as `invoke` itself reads them."""

import inspect

import pytest
from invoke.parser import Parser
from invoke.program import Program

from rollbook.cli.command import Command
from rollbook.cli.commands import COMMANDS
from rollbook.cli.tasks import namespace
from rollbook.cli.wordline import read_words

BY_NAME = {one.name: one for one in COMMANDS}
LINES = [
    "status",
    "status --brief",
    "report 2024 --format html",
    "report --format html",
    "lint",
    "lint one.yml",
    "lint --file one.yml two.yml three.yml",
    "plan restore-course --set course_id=x --set before=y",
    "plan --env demo restore-course --json",
    "note last text --section root-cause",
    "run-runbook - --yes",
]


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.positional], ids=lambda one: one.name)
def test_invoke_takes_the_same_words_at_the_same_places(command: Command) -> None:
    """A word that may be left out after `rollbook` can be given after `invoke` too."""
    words = [f"word-{place}" for place in command.positional]
    contexts = namespace([command.name, *words]).to_contexts()

    (read,) = Parser(contexts=contexts).parse_argv([command.name, *words])

    assert [read.args[place].value for place in command.positional] == words


@pytest.mark.parametrize("line", LINES)
def test_invoke_hands_a_command_what_rollbook_hands_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that are left out, repeated, or stand between options reach the command alike from both programs."""
    words = line.split()
    command, seen = BY_NAME[words[0]], []
    wanted = read_words(words, BY_NAME)

    def body(**given: object) -> int:
        seen.append(given)
        return 0

    body.__signature__ = inspect.signature(command.body)  # type: ignore[attr-defined]  # as it is
    doubled = Command(command.name, body, command.help, command.iterable, command.rest)
    monkeypatch.setattr("rollbook.cli.tasks.COMMANDS", (doubled,))
    Program(namespace=namespace(words)).run(["invoke", *words], exit=False)

    assert seen == [{**dict(zip(command.positional, wanted.places, strict=True)), **wanted.options}]


@pytest.mark.parametrize(
    "line", ["plan --help", "plan restore-course --help", "plan --help restore-course", "plan x -h"]
)
def test_help_is_shown_wherever_it_is_asked_for(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` behind a command is no word of it, and asks for none."""
    words = line.split()

    Program(namespace=namespace(words)).run(["invoke", *words], exit=False)

    shown = capsys.readouterr()
    assert "Show what a runbook would do" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_invoke_takes_the_same_options(command: Command) -> None:
    """Whatever `rollbook` knows as an option, invoke knows under the same name."""
    (known,) = (one for one in namespace().to_contexts() if one.name == command.name)
    options = [part.name for part in command.parameters if part.name not in command.positional]

    assert {option.strip("_").replace("_", "-") for option in options} <= {flag.strip("-") for flag in known.flags}
