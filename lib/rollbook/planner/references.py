"""Which steps refer to what another one gives."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final

from ..expressions import paths_used
from ..runbook import Step

_BARE: Final = ("when", "until", "fail_when")
_TOLD: Final = ("id", "name", "place", "path")  # of a step, not of what it does


def refers(steps: Iterable[Step], step_id: str) -> bool:
    """Tell whether one of *steps* refers to the step *step_id* of the same runbook, or to steps by a computed name."""
    return any(path in (("steps",), ("steps", step_id)) for step in steps for path in _heads(step))


def _heads(step: Step) -> Iterator[tuple[str, ...]]:
    """Yield the first two parts of every path that the step's expressions use."""
    for part in fields(step):
        if part.name not in _TOLD and (value := getattr(step, part.name)):
            yield from (path[:2] for path in paths_used(value, bare=part.name in _BARE))
    for requirement in step.requires:
        yield from (path[:2] for path in paths_used(requirement.that, bare=True) | paths_used(requirement.message))
    for check in step.verify:
        yield from _heads(check)
    if step.stage and step.stage.gate:
        yield from _heads(step.stage.gate)
