"""The commands as invoke's tasks, for `invoke` itself and for what `rollbook` leaves to it: help, lists, completion."""

import inspect
from functools import wraps
from typing import Any, Final

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task, task

from .command import HELP, OK, Command, guard, program
from .commands import COMMANDS


def as_task(command: Command) -> "Task[Any]":
    """Make an invoke task of *command*: the same words, and its exit code as invoke's."""

    @wraps(command.body)
    def guarded(context: Context, *args: object, debug: bool = False, **options: object) -> None:
        for option in command.iterable:
            given = options.get(option)
            options[option] = tuple(given) if isinstance(given, list) else ()
        asks = _asks_help(inspect.signature(command.body).bind(*args, **options))
        run = (lambda: show_help(command.name)) if asks else (lambda: command.body(*args, **options))
        code = guard(run, dry=bool(context.config.run.dry), debug=debug)
        if code:
            raise Exit(code=code)

    guarded.__signature__ = _signature(command)  # type: ignore[attr-defined]  # read by inspect
    made: Task[Any] = task(
        name=command.name,
        help={**command.help, "debug": "Show the Python traceback of an error."},
        iterable=command.iterable,
        positional=command.positional,
        auto_shortflags=False,
    )(guarded)
    return made


def _asks_help(given: inspect.BoundArguments) -> bool:
    """Tell whether invoke took a `--help` behind the command as an argument that the command takes."""
    places = (one.name for one in given.signature.parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD)
    return any(given.arguments.get(one) in HELP for one in places)


def show_help(name: str) -> int:
    """Print the help of the command *name*."""
    from invoke.program import Program

    Program(namespace=NAMESPACE, binary=program()).run([program(), "--help", name], exit=False)
    return OK


def _signature(command: Command) -> inspect.Signature:
    own = [_as_invoke_takes(part, repeated=part.name in command.iterable) for part in command.parameters]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    debug = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False)
    return inspect.Signature([context, *own, debug])


def _as_invoke_takes(part: inspect.Parameter, *, repeated: bool) -> inspect.Parameter:
    if part.kind is part.POSITIONAL_OR_KEYWORD:
        # A word that may be left out would never be taken: invoke gives it its default and reads on for a task.
        return part.replace(default=part.empty)
    # An option's type comes from its default; for a repeated one it must be None.
    return part.replace(default=None) if repeated else part


NAMESPACE: Final = Collection(*map(as_task, COMMANDS))
