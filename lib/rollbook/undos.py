"""Which runs took a run back, and what of it."""

from collections.abc import Iterator
from contextlib import suppress

from .errors import JournalError
from .run import Run
from .runs import Runs


def undos_of(runs: Runs, run: Run) -> Iterator[Run]:
    """Yield the runs that take *run* back and can be read, the newest first."""
    for folder, plan in runs.begun():
        if folder.id != run.id and plan.get("undo_of") == run.id:
            with suppress(JournalError):
                yield folder.read()


def steps_taken_back(runs: Runs, run: Run) -> frozenset[str]:
    """Name the steps of *run* that its undos took back, without those that an undo of such an undo brought again."""
    return frozenset(address for undo in undos_of(runs, run) for address in _taken_by(runs, undo))


def standing_undo(runs: Runs, run: Run) -> Run | None:
    """Find the newest undo of *run* that took back something which no undo of that undo brought again."""
    changed = {step.address for step in run.steps if step.changed}
    return next((undo for undo in undos_of(runs, run) if not changed.isdisjoint(_taken_by(runs, undo))), None)


def _taken_by(runs: Runs, undo: Run) -> frozenset[str]:
    if undo.status != "undone":
        return frozenset()
    again = steps_taken_back(runs, undo)
    back = (step for step in undo.steps if step.planned.verdict != "skip" and step.status != "skipped")
    return frozenset(step.planned.undo_of for step in back if step.address not in again)
