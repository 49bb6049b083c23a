"""Which run took back which."""

from ..run import Run
from ..runs import Runs


def undo_of(run: Run) -> Run | None:
    """Find the newest run that took, or tries to take, *run* back."""
    return next((other for _, other in Runs().readable() if other.plan.undo_of == run.id), None)
