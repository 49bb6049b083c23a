"""The answers that are there before anybody is asked: those of the command line, and one that the journal holds."""

from collections.abc import Mapping
from dataclasses import field

from ..action import Prompt
from ..dataclass import dataclass
from ..engine.ports import Given, Nobody
from ..plan import PlannedStep
from ..run import GivenAnswer, Run
from ..values import Plain
from .ending import asks_agreement


@dataclass(frozen=True, slots=True)
class Sheet(Nobody):
    """
    Prepared answers; *given* are those that somebody gave in this run already, by address.

    A run that waits for agreement to what an answer led to has that answer: nobody is asked for it twice.
    """

    given: Mapping[str, Given] = field(default_factory=dict)

    def answer(self, step: PlannedStep, prompt: Prompt, problem: str) -> Given | None:
        """Give the answer named on the command line, else the one given already; once only."""
        told = Nobody.answer(self, step, prompt, problem)
        return told if told is not None or problem else self.given.get(step.address)


def given_already(run: Run) -> Mapping[str, Given]:
    """Give the answer whose consequences *run* waits to have agreed to, with who gave it."""
    if not asks_agreement(run):
        return {}
    answers = [answer for answer in run.answers if answer.address == run.waiting_for]
    step = run.step(run.waiting_for)
    prompt: Plain = step.planned.prompt if step else None
    if not answers or not isinstance(prompt, dict) or prompt.get("kind") == "approve":
        return {}
    return {run.waiting_for: _as_given(answers[-1])}


def _as_given(answer: GivenAnswer) -> Given:
    match answer.how:
        case "option" | "inbox" as how:
            return Given(answer.typed, answer.by, how, answer.reason)
    return Given(answer.typed, answer.by, "terminal", answer.reason)
