"""Which plan takes a run back: its changes reversed, or, for an undo, what it took back again."""

from collections.abc import Mapping

from ..plan import Plan
from ..run import Run
from .again import plan_again
from .planner import Planner
from .scope import Known
from .undo import plan_back


def plan_undo(
    run: Run, planner: Planner, *, to: str = "", first: Run | None = None, known: Mapping[str, Known] | None = None
) -> Plan:
    """
    Plan how to take *run* back, down to its step *to*, which stays.

    *first* is the run that *run* took back, where it is an undo: then the procedure of that one comes again, *known*
    steps being over. Without it (its journal is gone) the changes of the undo are reversed, and no more. Raises
    `UndoRefused` naming every change in the way that cannot be taken back.
    """
    if first is None or run.plan.again:
        return plan_back(run, planner, to=to)
    return plan_again(run, first, planner, to=to, known=known)
