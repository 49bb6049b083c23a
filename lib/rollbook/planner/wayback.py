"""Which plan takes a run back: its changes reversed, or, for an undo, what it took back again."""

from collections.abc import Mapping
from dataclasses import replace

from ..plan import Plan
from ..run import Run
from ..runs import RunFolder, Runs
from ..undos import earlier_or_since, earlier_steps
from ..values import Plain
from .again import plan_again
from .planner import Planner
from .scope import Known
from .systems import on_its_systems
from .undo import plan_back


def names_of_undone(folder: RunFolder) -> Mapping[str, Plain]:
    """Give the names by which the steps of an undo know the run that is taken back: what it made bears its id."""
    return {"undo_of": folder.id, "undone_folder": str(folder.path.resolve())}


def plan_undo(
    run: Run, planner: Planner, runs: Runs, *, to: str = "", known: Mapping[str, Known] | None = None
) -> Plan:
    """
    Plan how to take *run*, one of *runs*, back, down to its step *to*, which stays.

    Where *run* is an undo, the procedure of the run that it took back comes again, *known* steps being over; where that
    run is gone, the changes of the undo are reversed, and no more. What may be done once only, and an undo before did,
    is not done again. Raises `UndoRefused` naming every change in the way that cannot be taken back, and `RefusedError`
    where a target leads to another system than *run* was carried out on.
    """
    folder = runs.find(run.id)
    planner.run_names |= names_of_undone(folder)
    first = folder.first(run.plan)
    if first is None or run.plan.again:
        plan = plan_back(run, planner, to=to, earlier=earlier_or_since(runs, run))
    else:
        earlier, redone = earlier_steps(runs, first), earlier_steps(runs, run)
        plan = plan_again(run, first, planner, to=to, known=known, earlier=earlier, redone=redone)
    return on_its_systems(replace(plan, identities=run.plan.identities), planner)
