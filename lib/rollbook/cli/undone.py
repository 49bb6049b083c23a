"""Which run took back which."""

from contextlib import suppress

from ..errors import JournalError
from ..run import Run
from ..runs import Runs


def undo_of(run: Run) -> Run | None:
    """Find the newest run that took, or tries to take, *run* back."""
    for folder, plan in Runs().begun():
        if folder.id == run.id:
            continue
        if plan.get("undo_of") == run.id:
            with suppress(JournalError):
                return folder.read()
    return None


def taken_back(runs: Runs) -> set[str]:
    """Give the ids of all runs that were taken back, and whose undo was not taken back in turn."""
    found: set[str] = set()
    for _, run in runs.readable():  # the newest first, so an undo's own undo is seen before it
        if run.plan.undo_of and run.status == "undone" and run.id not in found:
            found.add(run.plan.undo_of)
    return found
