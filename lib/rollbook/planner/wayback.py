"""Which plan takes a run back: its changes reversed, or, for an undo, what it took back again."""

from collections.abc import Mapping

from ..plan import Plan
from ..run import Run
from ..runs import Runs
from ..undos import earlier_steps
from .again import plan_again
from .planner import Planner
from .scope import Known
from .undo import plan_back


def plan_undo(
    run: Run, planner: Planner, runs: Runs, *, to: str = "", known: Mapping[str, Known] | None = None
) -> Plan:
    """
    Plan how to take *run*, one of *runs*, back, down to its step *to*, which stays.

    Where *run* is an undo, the procedure of the run that it took back comes again, *known* steps being over; where that
    run is gone, the changes of the undo are reversed, and no more. What may be done once only, and an undo before did,
    is not done again. Raises `UndoRefused` naming every change in the way that cannot be taken back.
    """
    first = runs.find(run.id).first(run)
    if first is None or run.plan.again:
        return plan_back(run, planner, to=to, earlier=earlier_steps(runs, run))
    earlier, redone = earlier_steps(runs, first), earlier_steps(runs, run)
    return plan_again(run, first, planner, to=to, known=known, earlier=earlier, redone=redone)
