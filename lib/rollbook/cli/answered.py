"""What is said to a run that it would not listen to: answers to what was answered, words on what is in no doubt."""

from collections.abc import Iterable, Mapping

from ..errors import RefusedError, UsageError
from ..report.wording import step_words
from ..run import GivenAnswer, Run, StepRun
from .answering import question_of
from .ending import drifted
from .hints import typed


def check_unanswered(run: Run, answers: Mapping[str, str]) -> None:
    """
    Raise `UsageError` when one of *answers*, by address or step id, is to a question that was answered otherwise.

    What was answered stands: later steps rest on it. The same answer once more is taken for agreement.
    """
    if drifted(run):
        return  # what rests on what others changed is asked anew
    comes_again = {address for step in run.steps for address in step.again}
    for name, text in answers.items():
        named = run.named(name)
        if not all(step.done and step.address not in comes_again for step in named):
            continue
        for step in named:
            given = [answer for answer in run.answers if answer.address == step.address and answer.how != "doubt"]
            if given and not any(_is_same(run, step, one, text) for one in given):
                raise _too_late(run, name, given[-1])


def check_doubts(run: Run, decisions: Mapping[str, str]) -> None:
    """
    Raise `UsageError` when one of *decisions*, by address or step id, is on a step that is not in doubt.

    Passed over, it would have the step carried out that somebody calls done, or left that is to be done again.
    """
    for name, word in decisions.items():
        named = run.named(name)
        done = all(step.done for step in named)
        same = (word == "done" and done) or (word == "redo" and not done)
        if same or any(map(_may_be_in_doubt, named)):
            continue
        words = step_words(named[0])
        ways = f"`undo {run.id}` takes it back" if done else f"--mark-done {name} --reason WHY takes it as done by hand"
        raise UsageError(
            f"--doubt {name}={word}: that step is not in doubt ({words}). Nothing was done.", advice=f"{ways}."
        )


def _may_be_in_doubt(step: StepRun) -> bool:
    """Tell whether a resume may ask what became of a step: also of one that ended and was not let pass."""
    ended = step.status == "failed" and step.ops and step.ops_done == len(step.ops)
    return step.cut_off or step.status == "unreachable" or bool(ended)


def check_settled(skip: Iterable[str], done: Iterable[str]) -> None:
    """Raise `UsageError` when a step is to be skipped and taken as done by hand at once."""
    for name in sorted({*skip} & {*done}):
        raise UsageError(f"--skip and --mark-done both name {name}.", advice="Give one of them.")


def _too_late(run: Run, name: str, given: GivenAnswer) -> UsageError:
    begun = any(step.changed for step in run.steps)
    ways = f"{typed('undo', run.id)} takes back what rests on it; or give it up" if begun else "give it up"
    return UsageError(
        f"--answer {name}: it was answered already ({_words(given)}, by {given.by}, "
        f"{given.at:%Y-%m-%d %H:%M:%S} UTC), and that stands. Nothing was done.",
        advice=f"Leave it out to go on with that. To answer otherwise: {ways}, with "
        f"{typed('abandon', run.id)} --reason WHY, and then run it anew.",
    )


def _words(given: GivenAnswer) -> str:
    if isinstance(given.value, bool):
        return "yes" if given.value else "no"
    return given.typed or "the default"


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
