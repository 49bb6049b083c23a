"""What a step's expressions make of its arguments, and which targets these name."""

from collections.abc import Container, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final, cast

from ..action import Action, reader_types
from ..errors import RefusedError
from ..expressions import in_shell_quotes, render
from ..schema.fields import field_key
from ..values import Plain
from .scope import Use

_LOST: Final = "\ufffd"


def rendered_arguments(use: Use, kind: type[Action[Any]], names: Mapping[str, Plain]) -> dict[str, Plain]:
    """Render the step's arguments and put the keywords that the kind has as fields beside them."""
    arguments = {name: render(value, names) for name, value in use.step.arguments.items()}
    command = use.step.arguments.get("command")
    if isinstance(command, str) and isinstance(arguments["command"], str):
        unsafe = in_shell_quotes(command)
        if unsafe:
            raise RefusedError(
                f"{unsafe} stands inside quotes (or a comment) of the command, where what it holds could end "
                "them and be run.",
                advice="Take the quotes away: each value is quoted as one word. Or write the command as a list.",
            )
        # A text goes to a shell, so what is put into it is quoted; an expression that gives a list is an argv.
        arguments["command"] = render(command, names, quote=True)
    member = use.member or (render(use.step.target, names) if use.step.target else "")
    references = reader_types(kind)
    if member and references:
        arguments[next(iter(references))] = member
    own = _keys(cast("Any", kind))
    for keyword, value in _keywords(use, names).items():
        if keyword in own and keyword not in arguments:
            arguments[keyword] = value
    if kind.family == "command" or kind.kind.startswith("file."):
        _require_undamaged(use, arguments)
    return _qualified(arguments, kind, use) if use.scope.environment.mark else arguments


def _require_undamaged(use: Use, arguments: Mapping[str, Plain]) -> None:
    """Raise `RefusedError` where expressions put in what a command had printed in bytes that are no text."""
    if _LOST in str(arguments) and _LOST not in str(use.step.arguments):
        raise RefusedError(
            f"what its expressions put in holds bytes that are not UTF-8 text; they were lost "
            f"when they were read, and {_LOST!r} stands for them.",
            advice="Have the command that gives them print UTF-8 (iconv), or use the bytes in one command (a pipe).",
        )


def _qualified(arguments: dict[str, Plain], kind: type[Action[Any]], use: Use) -> dict[str, Plain]:
    """Name each target as the run knows it among those of several environments."""
    for reference, default in _references(cast("Any", kind)).items():
        value = arguments.get(reference, default)
        name = getattr(value, "name", value)
        if isinstance(name, str) and name:
            arguments[reference] = use.scope.environment.qualified(name)
    return arguments


def _keywords(use: Use, names: Mapping[str, Plain]) -> dict[str, Plain]:
    step = use.step
    given: dict[str, Plain] = {
        "effect": step.effect,
        "run_as": render(step.run_as, names) or ("root" if step.become else ""),
        "environment": render(dict(step.environment), names),
        "detach": step.detach,
        "no_log": step.no_log,
    }
    return {name: value for name, value in given.items() if value}


@cache
def _keys(kind: Any) -> frozenset[str]:  # noqa: ANN401  # to mypy, a class that may be any is not hashable
    return frozenset(field_key(part) for part in fields(kind))


@cache
def _references(kind: Any) -> Mapping[str, Plain]:  # noqa: ANN401  # as above
    """Give the default of each field that refers to a target."""
    references = reader_types(kind)
    return {part.name: part.default for part in fields(kind) if part.name in references}


def named_targets(kind: type[Action[Any]], arguments: Mapping[str, Plain]) -> tuple[str, ...]:
    """Name the targets that an action with these *arguments* is to have, in order."""
    named = []
    for reference, default in _references(cast("Any", kind)).items():
        value = arguments.get(reference, default)
        for one in value if isinstance(value, list | tuple) else (value,):
            name = getattr(one, "name", one)
            if isinstance(name, str) and name not in named:
                named.append(name)
    return tuple(named)


def absent_targets(use: Use, targets: tuple[str, ...], there: Container[str]) -> tuple[str, ...]:
    """Name the optional targets that the environment has not. Raises `RefusedError` for others, and for groups."""
    environment = use.scope.environment
    absent = tuple(name for name in targets if name not in there)
    for name in absent:
        own = name.removeprefix(environment.mark)
        need = use.scope.runbook.targets.get(own)
        if own in environment.inventory.groups:
            raise RefusedError(
                f"{own} is a group, and its action takes one target.",
                advice=f"Write `target: {own}` beside the action: the step is carried out on each member then.",
            )
        if need is None or not need.optional:
            raise RefusedError(
                f"the environment has no target {name}.",
                advice=f"Add it to {environment.inventory.file or 'the inventory'}, or correct the name; a target that "
                "may be missing is declared `optional: true` in the runbook's targets.",
            )
    return absent
