"""A step that began and did not end: what a probe can settle, and what only a person can."""

from collections.abc import Sequence
from typing import Any

from ..action import Action, AnyState
from ..ops import Op
from ..plan import PlannedStep
from ..planner.step import encode_op
from ..run import StepRun
from ..values import Plain, bind
from .ports import OnDoubt
from .questions import Waiting
from .session import Session


def rest_of(action: Action[Any], found: AnyState, after: AnyState, past: StepRun) -> Sequence[Op] | None:
    """
    Give the ops that are left when *found* is what a beginning of the step's ops leads to, else None.

    The kind's own pure function tells: the way from *found* to the end is then the rest of the way
    that was journalled.
    """
    left = action.ops(found, after)
    encoded = [bind(encode_op(op), past.known) for op in left]
    done = len(past.ops) - len(encoded)
    if done > 0 and encoded == list(past.ops[done:]):
        return left
    return None


def decide(session: Session, step: PlannedStep, on_doubt: str, found: Plain, why: str) -> OnDoubt:
    """
    Decide about a step that a probe cannot settle: as its `on_doubt` says, else by asking.

    Raises `Waiting` when nobody can tell now.
    """
    if on_doubt == "redo":
        return "redo"
    if on_doubt == "skip":
        return "done"
    session.record("in_doubt", step=step.address, found=found, text=why)
    decision = session.asker.in_doubt(step, found, why)
    if decision is None:
        raise Waiting
    session.record("answered", step=step.address, value=decision, by=session.operator, how="doubt", approval=False)
    return decision
