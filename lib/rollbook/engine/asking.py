"""What steps ask at work: questions that no plan has, for what only the step could find out."""

from collections.abc import Mapping

from ..action import Question
from ..errors import AnswerNeeded, NotFoundError
from ..plan import PlannedStep
from ..registry import action_type
from ..run import StepRun
from ..schema import build, encode
from ..values import Plain
from .questions import AtWork, ask, take_at_hand
from .session import Session


def as_question(needed: AnswerNeeded) -> Mapping[str, Plain]:
    """Give the question as a journal has it."""
    return {"kind": needed.kind, "arguments": encode(needed.arguments)}


def question_at_work(asks: Mapping[str, Plain]) -> Question:
    """Give the question of what a journal has. Raises `NotFoundError` for a kind that asks nothing."""
    question = build(action_type(asks["kind"]), asks["arguments"])
    if not isinstance(question, Question):
        raise NotFoundError(f"{asks['kind']} asks nothing.")
    return question


class Asking:
    """The questions of steps at work in one session, and what was answered, in this session or before."""

    def __init__(self, session: Session, past: Mapping[str, StepRun]) -> None:
        self._session = session
        self._open = {address: step.asks for address, step in past.items() if step.asks is not None}
        self._answers = {address: step.answers for address, step in past.items() if step.answers}
        self._asked: dict[str, Plain] = {}

    def answers(self, address: str) -> tuple[Plain, ...]:
        """Give all that was answered to a step, the latest last."""
        return self._answers.get(address, ())

    def take(self, planned: PlannedStep) -> None:
        """Take the answer that is at hand to what the step asked in an attempt before, so it need not again."""
        asks = self._open.pop(planned.address, None)
        if asks is not None:
            self._take(planned, asks)

    def settle(self, planned: PlannedStep, needed: AnswerNeeded) -> None:
        """
        Have answered what a step needs to go on; it is to be carried out again then.

        Raises `Waiting` where nobody can answer, and *needed* where nobody is to be asked.
        """
        asks, address = as_question(needed), planned.address
        same = self._asked.get(address) == asks  # then what was answered did not settle it
        if needed.fails:
            if same or not self._take(planned, asks):
                raise needed
            return
        question = question_at_work(asks)
        self._session.record("waiting", step=address, prompt=encode(question.prompt()), question=asks)
        answered = ask(self._session, planned, question, AtWork(needed.seen, needed.message if same else ""))
        self._keep(address, asks, answered.value)

    def _take(self, planned: PlannedStep, asks: Mapping[str, Plain]) -> bool:
        answered = take_at_hand(self._session, planned, question_at_work(asks))
        if answered is not None:
            self._keep(planned.address, asks, answered.value)
        return answered is not None

    def _keep(self, address: str, asks: Mapping[str, Plain], value: Plain) -> None:
        self._asked[address] = asks
        self._answers[address] = (*self.answers(address), value)
