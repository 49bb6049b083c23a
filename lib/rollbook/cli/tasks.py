"""The commands as invoke's tasks, for `invoke` itself and for what `rollbook` leaves to it: help, lists, completion."""

import inspect
from collections.abc import Iterator, Sequence
from functools import wraps
from typing import Any, Final

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task, task

from .command import HELP, OK, Command, guard, program
from .commands import COMMANDS
from .hints import option_of

_NAMES: Final = frozenset(one.name for one in COMMANDS)


class CommandTask(Task[Any]):
    """A task that takes `--help` at any place; invoke would take it for the word that is still missing."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Give the task's arguments, and `--help`."""
        asked = Argument(names=("help", "h"), kind=bool, default=False, help="Show this help.")
        return [*super().get_arguments(ignore_unknown_help), asked]


def namespace(words: Sequence[str] = ()) -> Collection:
    """
    Make the tasks for the command line *words*.

    invoke knows no word that may be left out, nor one that may be repeated: it refuses a place that is not filled, and
    passes over one with a default. So the command that is called gets just the places that the line fills, and those
    that it must fill.
    """
    at = next((place for place, word in enumerate(words) if word in _NAMES), len(words))
    called = words[at] if at < len(words) else ""
    return Collection(*(as_task(one, words[at + 1 :] if one.name == called else ()) for one in COMMANDS))


def as_task(command: Command, words: Sequence[str] = ()) -> "Task[Any]":
    """Make an invoke task of *command* with places for the free ones of *words*, and its exit code as invoke's."""
    free = len(tuple(_free(words, command)))
    surplus = tuple(f"word_{place}" for place in range(len(command.positional), free)) if command.rest else ()

    @wraps(command.body)
    def guarded(context: Context, *, debug: bool = False, **given: Any) -> None:  # noqa: ANN401  # as they were typed
        asks, rest = given.pop("help", False), tuple(given.pop(name) for name in surplus)
        for option in command.iterable:
            given[option] = (*(given.get(option) or ()), *(rest if option == command.rest else ()))
        run = (lambda: show_help(command.name)) if asks else (lambda: command.body(**given))
        code = guard(run, dry=bool(context.config.run.dry), debug=debug)
        if code:
            raise Exit(code=code)

    wanted = HELP.isdisjoint(words)
    guarded.__signature__ = _signature(command, free, surplus, wanted=wanted)  # type: ignore[attr-defined]  # read by inspect
    made: Task[Any] = task(
        name=command.name,
        klass=CommandTask,
        help={**command.help, "debug": "Show the Python traceback of an error."},
        iterable=command.iterable,
        auto_shortflags=False,
    )(guarded)
    return made


def _free(words: Sequence[str], command: Command) -> Iterator[str]:
    """Yield the words that stand for themselves: neither an option nor the value of one."""
    options = (part for part in command.parameters if part.name not in command.positional)
    valued = {option_of(part.name) for part in options if part.default is not False}
    rest = iter(words)
    for word in rest:
        if word in valued:
            next(rest, None)
        elif not word.startswith("-") or word == "-":
            yield word


def show_help(name: str) -> int:
    """Print the help of the command *name*."""
    from invoke.program import Program

    Program(namespace=namespace(), binary=program()).run([program(), "--help", name], exit=False)
    return OK


def _signature(command: Command, free: int, surplus: Sequence[str], *, wanted: bool) -> inspect.Signature:
    """Say what invoke reads: *free* words, with *surplus* names beyond the command's own; *wanted*: none may lack."""
    own = [
        _as_option(part, repeated=part.name in command.iterable)
        if part.name not in command.positional
        else _as_place(part, filled=place < free, wanted=wanted)
        for place, part in enumerate(command.parameters)
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    debug = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False)
    more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in surplus]
    ordered = sorted((context, *own), key=lambda part: (part.kind, part.default is not part.empty))
    return inspect.Signature([*ordered, *more, debug])


def _as_place(part: inspect.Parameter, *, filled: bool, wanted: bool) -> inspect.Parameter:
    """Keep a place that the line fills or must fill; to invoke, one with a default is an option."""
    if filled or (wanted and part.default is part.empty):
        return part.replace(default=part.empty)
    return part.replace(default="" if part.default is part.empty else part.default)


def _as_option(part: inspect.Parameter, *, repeated: bool) -> inspect.Parameter:
    """Let an option's type come from its default; for a repeated one it must be None."""
    return part.replace(default=None) if repeated else part
