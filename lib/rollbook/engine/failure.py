"""How a step's failure is journalled, and how the world not being as planned is."""

from ..errors import AnswerNeeded, CommandTimeout, PlanDrift, RollbookError, Unreachable
from ..plan import PlannedStep
from ..targets.pool import redact
from .asking import as_question
from .session import Session


def record_drift(session: Session, planned: PlannedStep, drift: PlanDrift) -> None:
    """Journal that *planned* was found otherwise than planned, and that the run stops there."""
    redact(drift, session.planner.pool.redactor)
    session.record("drift", step=planned.address, differences=list(drift.differences))
    session.record("interrupted", text=f"{planned.address} was not as planned")


def record_failure(session: Session, planned: PlannedStep, error: RollbookError, again: tuple[str, ...] = ()) -> None:
    """Journal that *planned* failed, or that nobody knows whether it did; *again* names what has to come before it."""
    unsure = isinstance(error, Unreachable | CommandTimeout)
    tail, seen = getattr(error, "tail", ""), getattr(error, "outputs", None)
    session.record(
        "unreachable" if unsure else "step_failed",
        step=planned.address,
        error=error.message,
        advice=error.advice,
        **({"tail": tail[-4096:]} if tail else {}),
        **({"outputs": seen} if seen else {}),
        **({"again": again} if again else {}),
        **({"question": as_question(error)} if isinstance(error, AnswerNeeded) else {}),
    )
