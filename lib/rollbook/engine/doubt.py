"""A step that began and did not end: what a probe can settle, and what only a person can."""

from ..plan import PlannedStep
from ..values import Plain
from .ports import OnDoubt
from .questions import Waiting
from .session import Session


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
