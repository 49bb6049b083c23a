"""Answers that come too late: to questions that the run has an answer to already."""

from collections.abc import Mapping

from ..errors import RefusedError, UsageError
from ..run import GivenAnswer, Run, StepRun
from .answering import question_of
from .hints import typed


def check_unanswered(run: Run, answers: Mapping[str, str]) -> None:
    """
    Raise `UsageError` when one of *answers*, by address or step id, is to a question that was answered otherwise.

    What was answered stands: later steps rest on it. The same answer once more is taken for agreement.
    """
    comes_again = {address for step in run.steps for address in step.again}
    for name, text in answers.items():
        named = run.named(name)
        if not all(step.done and step.address not in comes_again for step in named):
            continue
        for step in named:
            given = [answer for answer in run.answers if answer.address == step.address and answer.how != "doubt"]
            if given and not any(_is_same(run, step, one, text) for one in given):
                raise _too_late(run, name, given[-1])


def _too_late(run: Run, name: str, given: GivenAnswer) -> UsageError:
    begun = any(step.changed for step in run.steps)
    ways = f"{typed('undo', run.id)} takes back what rests on it; or give it up" if begun else "give it up"
    return UsageError(
        f"--answer {name}: it was answered already ({given.typed or 'the default'}, by {given.by}, "
        f"{given.at:%Y-%m-%d %H:%M:%S} UTC), and that stands. Nothing was done.",
        advice=f"Leave it out to go on with that. To answer otherwise: {ways}, with "
        f"{typed('abandon', run.id)} --reason WHY, and then run it anew.",
    )


def _is_same(run: Run, step: StepRun, given: GivenAnswer, text: str) -> bool:
    if text == given.typed or (text == "default" and given.how == "default"):
        return True
    try:
        question = question_of(run, step)
        if question is None:
            return False
        prompt = question.prompt()
        wanted = prompt.default if text == "default" and prompt.has_default else question.accept(text)
    except (RefusedError, ValueError):
        return False
    return bool(wanted == given.value)
