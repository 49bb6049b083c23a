"""The approval that a step's `approve:` asks for, before the step."""

from ..action import Question
from ..plan import PlannedStep
from ..registry import action_type
from ..schema import build
from .questions import ask
from .session import Session


def approve(session: Session, planned: PlannedStep) -> None:
    """Ask for the step's approvals. Raises `Waiting` while they are missing, `StepFailed` when one is refused."""
    question = approval_of(planned, protected=session.protects(planned))
    if question is not None:
        ask(session, planned, question)


def approval_of(planned: PlannedStep, *, protected: bool) -> Question | None:
    """Give the question that a step's `approve:` asks; None where it has none."""
    if not planned.quorum:
        return None
    arguments = {
        "text": f"{planned.name}: go on?",
        "names": list(planned.approvers),
        "quorum": planned.quorum,
        "not_operator": protected,
    }
    question = build(action_type("human.approve"), arguments)
    return question if isinstance(question, Question) else None
