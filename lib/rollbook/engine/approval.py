"""The approval that a step's `approve:` asks for, before the step."""

from ..action import Question
from ..plan import PlannedStep
from ..registry import action_type
from ..schema import build
from .questions import ask
from .session import Session


def approve(session: Session, planned: PlannedStep) -> None:
    """Ask for the step's approvals. Raises `Waiting` while they are missing, `StepFailed` when one is refused."""
    arguments = {
        "text": f"{planned.name}: go on?",
        "names": list(planned.approvers),
        "quorum": planned.quorum,
        "not_operator": session.protected,
    }
    question = build(action_type("human.approve"), arguments)
    if isinstance(question, Question):
        ask(session, planned, question)
