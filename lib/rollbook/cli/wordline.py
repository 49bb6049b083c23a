"""What was typed after `rollbook`, read by argparse as the command's own signature says."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import field
from inspect import Parameter
from typing import Final, Never

from ..dataclass import dataclass
from ..errors import UsageError
from .command import HELP, Command
from .hints import option_of, typed

_REST: Final = "rest"


@dataclass(frozen=True, slots=True)
class WordLine:
    """A command, the words at their places, its options, and whether help or tracebacks are asked for."""

    command: Command
    places: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    help: bool = False
    debug: bool = False


def read_words(words: Sequence[str], commands: Mapping[str, Command]) -> WordLine:
    """Read a command line that begins with a command's name. Raises `UsageError` for what has no place there."""
    name, rest = words[0], words[1:]
    if name not in commands:
        raise UsageError(f"There is no command {name!r}.", advice=_nearest(name, commands))
    command = commands[name]
    if not HELP.isdisjoint(rest):
        return WordLine(command, help=True)
    parser = _Parser(command)
    given, surplus = parser.parse_known_intermixed_args(list(rest))
    if surplus:
        parser.refuse(surplus[0])
    return _line(command, given)


class _Parser(ArgumentParser):
    """The arguments of one command; what is wrong is told in Rollbook's words."""

    def __init__(self, command: Command) -> None:
        super().__init__(prog=command.name, add_help=False, allow_abbrev=False)
        self._command = command
        self.add_argument("--debug", action="store_true")
        for part in command.parameters:
            self._add(part)

    def _add(self, part: Parameter) -> None:
        """Add what *part* stands for: as in invoke's tasks, the default tells the sort of an option."""
        if part.name in self._command.positional:
            self.add_argument(part.name, nargs=None if part.default is part.empty else "?", default=part.default)
            return
        if part.name == self._command.rest:
            self.add_argument(_REST, nargs="*")
        sort = "append" if part.name in self._command.iterable else "store_true" if part.default is False else "store"
        # Its own empty list: argparse appends to the default.
        default = [] if sort == "append" else part.default
        self.add_argument(option_of(part.name), dest=part.name, action=sort, default=default)

    def refuse(self, word: str) -> Never:
        """Say why *word* has no place in the line."""
        if word.startswith("-") and word != "-":
            self._refuse_option(word.partition("=")[0])
        takes = " and ".join([*(one.upper() for one in self._command.positional), "options"])
        raise UsageError(f"{self._command.name} takes {takes}; {word!r} has no place there.", advice=self._way(word))

    def _refuse_option(self, word: str) -> Never:
        options = [one for one in self._option_string_actions if one.startswith("--")]
        import difflib  # only a mistake needs it

        near = difflib.get_close_matches(word, options, n=2, cutoff=0.6)
        advice = f"Did you mean {' or '.join(near)}?" if near else self._help_line("names its options")
        raise UsageError(f"{self._command.name} has no option {word}.", advice=advice)

    def _way(self, word: str) -> str:
        if "set_" in self._command.iterable:
            given = word if "=" in word else f"NAME={word}"
            return f"An input is given by its name: --set {given}. `{typed('show', 'RUNBOOK')}` names the inputs."
        return self._help_line("says what it takes; words with blanks need quotes")

    def _help_line(self, rest: str) -> str:
        return f"`{typed(self._command.name)} --help` {rest}."

    def error(self, message: str) -> Never:
        """Tell argparse's own complaint: a value or a word that is not there."""
        advice = self._help_line("says what it takes; a value that begins with a dash is given as --option=VALUE")
        raise UsageError(f"{self._command.name}: {message}.", advice=advice)


def _line(command: Command, given: Namespace) -> WordLine:
    values = dict(vars(given))
    rest, debug = values.pop(_REST, []), values.pop("debug")
    places = tuple(values.pop(name) for name in command.positional)
    for name in command.iterable:
        values[name] = (*values[name], *(rest if name == command.rest else ()))
    return WordLine(command, places, values, debug=debug)


def _nearest(name: str, commands: Mapping[str, Command]) -> str:
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, tuple(commands), n=3, cutoff=0.5)
    listed = f"`{typed('--list')}` names them all."
    return f"Did you mean {' or '.join(near)}? {listed}" if near else listed
