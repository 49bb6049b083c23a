"""The commands as `invoke` itself reads them."""

import pytest
from invoke.parser import Parser

from rollbook.cli.command import Command
from rollbook.cli.commands import COMMANDS
from rollbook.cli.tasks import NAMESPACE


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.positional], ids=lambda one: one.name)
def test_invoke_takes_the_same_words_at_the_same_places(command: Command) -> None:
    """A word that may be left out after `rollbook` can be given after `invoke` too."""
    words = [f"word-{place}" for place in command.positional]

    (read,) = Parser(contexts=NAMESPACE.to_contexts()).parse_argv([command.name, *words])

    assert [read.args[place].value for place in command.positional] == words


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_invoke_takes_the_same_options(command: Command) -> None:
    """Whatever `rollbook` knows as an option, invoke knows under the same name."""
    (known,) = (one for one in NAMESPACE.to_contexts() if one.name == command.name)
    options = [part.name for part in command.parameters if part.name not in command.positional]

    assert {option.strip("_").replace("_", "-") for option in options} <= {flag.strip("-") for flag in known.flags}
