"""What was typed after `rollbook`, made plain for invoke: help asked for behind a command, files, a run left out."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ..errors import UsageError
from .hints import typed

if TYPE_CHECKING:
    from invoke.parser.context import ParserContext

HELP: Final = frozenset({"--help", "-h"})
_LAST: Final = frozenset({"status", "report", "verify-journal"})
_MANY: Final = {"lint": "--file"}


def plain_words(words: Sequence[str], commands: Mapping[str, "ParserContext"]) -> tuple[str, ...]:
    """
    Give the words as invoke understands them. Raises `UsageError` for a word that has no place.

    Only what begins with a command is changed: options of invoke itself may come before one.
    """
    if not words or words[0].startswith("-"):
        return tuple(words)
    name, rest = words[0], words[1:]
    if name not in commands:
        raise UsageError(f"There is no command {name!r}.", advice=_nearest(name, commands))
    if HELP & set(rest):
        return ("--help", name)
    context = commands[name]
    free = tuple(_free(rest, context))
    if name in _MANY:
        return (name, *_as_option(rest, free, _MANY[name]))
    wanted = [part.name for part in context.positional_args if part.name]
    if len(free) > len(wanted):
        surplus = rest[free[len(wanted)]]
        if surplus not in commands:  # invoke carries out several commands one after the other
            raise UsageError(_surplus(name, wanted, surplus), advice=_inputs(name, surplus))
    if name in _LAST and not free:
        return (name, "last", *rest)
    return tuple(words)


def _free(rest: Sequence[str], context: "ParserContext") -> Iterator[int]:
    """Yield the places of the words that are neither options nor their values."""
    value = False
    for place, word in enumerate(rest):
        if value:
            value = False
        elif word in context.flags:
            value = context.flags[word].takes_value
        elif word.startswith("-") and " " not in word:
            _check_option(word.partition("=")[0], context)
        else:
            yield place


def _check_option(word: str, context: "ParserContext") -> None:
    options = tuple(context.flags)
    if word in options:
        return
    near = difflib.get_close_matches(word, options, n=2, cutoff=0.6)
    advice = f"Did you mean {' or '.join(near)}?" if near else f"`{typed(str(context.name))} --help` names its options."
    raise UsageError(f"{context.name} has no option {word}.", advice=advice)


def _as_option(rest: Sequence[str], free: Sequence[int], option: str) -> Iterator[str]:
    for place, word in enumerate(rest):
        yield from (option, word) if place in free else (word,)


def _nearest(name: str, commands: Mapping[str, "ParserContext"]) -> str:
    near = difflib.get_close_matches(name, tuple(commands), n=3, cutoff=0.5)
    listed = f"`{typed('--list')}` names them all."
    return f"Did you mean {' or '.join(near)}? {listed}" if near else listed


def _surplus(name: str, wanted: Sequence[str], word: str) -> str:
    takes = " and ".join(part.upper() for part in wanted) if wanted else "nothing"
    return f"{name} takes {takes} and options; {word!r} has no place there."


def _inputs(name: str, word: str) -> str:
    if name in ("plan", "run-runbook"):
        return f"An input is given by its name: --set NAME={word}. `{typed('show', 'RUNBOOK')}` names the inputs."
    return f"`{typed(name)} --help` says what it takes; words with blanks need quotes."
