"""
The names that the records of a run are made of.

They stand in the open: a password that is within one hides nothing, and a journal without them could not be read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final, get_args

from ..journal import TYPES
from ..plan import SYMBOLS, Plan, PlannedStep, Section, UndoKind
from ..run import RunStatus, StepRun, StepStatus
from ..runbook import Runbook, Step

_PARTS: Final = tuple(part.name for record in (Plan, PlannedStep, StepRun) for part in fields(record))
_WORDS: Final = tuple(word for words in (RunStatus, StepStatus, Section, UndoKind) for word in get_args(words))


def names_of(runbook: Runbook) -> Iterator[str]:
    """Yield the record's own words, then what *runbook* and those that it includes name: steps, kinds, inputs."""
    yield from (*TYPES, *SYMBOLS, *_PARTS, *_WORDS)
    for each in (runbook, *runbook.includes.values()):
        yield from (each.name, *each.sources, *each.inputs, *each.targets)
        yield from _step_names((*each.steps, *each.finally_))


def _step_names(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        yield from (step.id, step.kind, *step.arguments)
        yield from _step_names(step.verify)
        if step.undo:
            yield from _step_names(step.undo.steps)
