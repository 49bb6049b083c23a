"""What guards an undo in part: what the run's end gave back is taken again before it, and given back at its end."""

from collections.abc import Iterable
from dataclasses import replace

from ..plan import PlannedStep
from ..registry import action_type
from ..run import Run, StepRun


def ends_again(run: Run, back: Iterable[PlannedStep], stays: str) -> tuple[PlannedStep, ...]:
    """
    Give the `finally` steps of a run that ended for good where an undo in part takes some *back*: it ends by them too.

    What gave something back at the end takes it again for the undo, and nothing else in it would give it back. Those of
    an include count where the step that *stays* is in it, or where they were guarded in *run* itself.
    """
    taken = {step.undo_of for step in back if step.writes}
    last = [step for step in run.steps if step.done and _ends(step, run, stays)]
    if run.resumable or taken.isdisjoint(step.address for step in last):
        return ()
    looks = [step for step in last if action_type(step.planned.kind).family in ("fact", "assertion")]
    return tuple(replace(step.planned, section="finally") for step in last if step in looks or step.address in taken)


def _ends(step: StepRun, run: Run, stays: str) -> bool:
    if step.planned.section == "closing":
        inside = stays.startswith(around(step.address))
        return inside or any(is_guard(one, run) and one.planned.undo_of == step.address for one in run.steps)
    return step.planned.section == "finally"


def around(address: str) -> str:
    """Give what the addresses of all steps of an include begin with, by that of one of them."""
    return f"{address.rpartition('/')[0]}/"


def is_guard(step: StepRun, run: Run) -> bool:
    """Tell whether a step, in the undo of an undo in part, only took again what the run's own end gives back."""
    ends = {one.address for one in run.steps if one.planned.section != "steps"}
    return bool(run.plan.again) and step.planned.undo_of in ends
