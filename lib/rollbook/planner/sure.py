"""The questions that come before a step of an undo which nobody may do on a guess."""

from dataclasses import replace

from ..action import Question
from ..plan import SURE, PlannedStep
from ..registry import action_type
from ..run import StepRun
from ..schema import build, encode


def overwriting(base: PlannedStep, since: tuple[str, ...]) -> PlannedStep:
    """Give the question before a step that goes back over what others changed *since*."""
    text = (
        f"{base.undo_of} was changed by somebody since the run ({'; '.join(since)}). Go back all the same, losing that?"
    )
    return _confirmed(base, "Decide whether to go back over a later change", text)


def doubtful(base: PlannedStep, by: str) -> PlannedStep:
    """Give the question before a step that the run *by* began and that may be done once only."""
    return _confirmed(
        base,
        "Decide whether to do again what may have been done",
        f"Run {by} began {base.address} and was given up; nobody knows how far that came, and it may be done once "
        f"only. Do it now? (If it was done: `resume` with --mark-done {base.address}.)",
    )


def cut_off(base: PlannedStep, by: str) -> PlannedStep:
    """Give the question before a step at the end of the run *by*, which never told what became of it."""
    question = _confirmed(
        base,
        "Decide whether to do again what may have been done",
        f"Run {by} began {base.address} and was cut off; nobody knows how far that came, and it may be done once only. "
        f"Do it now? (If it was done: `resume` with --mark-done {base.address}.)",
    )
    return replace(question, section=base.section)


def half_back(base: PlannedStep, back: StepRun, by: str) -> PlannedStep:
    """Give the question before a step that the undo *by* began to take back, and not to the end of its step *back*."""
    return _confirmed(
        base,
        "Decide whether to do again what may not have been taken back",
        f"Run {by} did not come to the end of {back.address}, and nobody knows how far it came; {base.address} may be "
        "done once only. Was it taken back, and is it to be done again? (If it still stands: `resume` with --mark-done "
        f"{base.address}.)",
    )


def half_done(base: PlannedStep, status: str, runs: tuple[str, str]) -> PlannedStep:
    """Give the question before a step that the first of *runs* began, and never ended, and the second took back."""
    first, undo = runs
    return _confirmed(
        base,
        "Decide whether to do again what was taken back half done",
        f"Run {first} began {base.address}, which did not come to its end ({status}); run {undo} took back what there "
        f"was of it. Is it to be done again? (If not: `resume` with --skip {base.address}.)",
    )


def unsure(planned: PlannedStep) -> PlannedStep:
    """Give the question before a step that takes back what may not have been done."""
    return _confirmed(
        planned,
        "Decide whether to take back what may not have been done",
        f"{planned.undo_of} began and nobody knows how far it came; what takes it back may be done once only. Look at "
        f"it: was it done, and is it to be taken back? (If it was not done: `resume` with --skip {planned.address}.)",
    )


def left_behind(base: PlannedStep, step: StepRun, reason: str) -> PlannedStep:
    """Give the question before an undo goes past a *step* that did not end well, and that nothing takes back."""
    how = {"failed": "failed", "skipped": "was gone past after it had begun"}
    told = how.get(step.status, "began, and nobody knows how far it came")
    return _confirmed(
        base,
        "Decide whether to go past what cannot be taken back",
        f"{base.undo_of} {told}, and no undo takes back what it may have done: {reason.partition(';')[0]}. Look at it, "
        "and put right by hand what there is. Go on, and take back what was done before it?",
    )


def by_hand(base: PlannedStep, step: StepRun) -> PlannedStep:
    """Give the question before an undo goes past a *step* that somebody did by hand."""
    return _confirmed(
        base,
        "Have taken back by hand what was done by hand",
        f"{base.undo_of} ({step.planned.name}) was done by hand by {step.by} ({step.reason}), so this undo leaves it as"
        " it is. Take it back by hand now, unless it is to stay. Go on?",
    )


def by_hand_again(base: PlannedStep, step: StepRun, runs: tuple[str, str]) -> PlannedStep:
    """Give the question before a *step* that was done by hand in the first of *runs*, and that may be gone."""
    first, undo = runs
    return _confirmed(
        base,
        "Decide whether to do again what was done by hand",
        f"{base.address} was done by hand in run {first} ({step.reason}), and run {undo} asked to have it taken back "
        f"by hand. Is it to be done again, now by this run? (If it stands: `resume` with --mark-done {base.address}.)",
    )


def _confirmed(base: PlannedStep, name: str, text: str) -> PlannedStep:
    """Give a question that comes before the step *base*."""
    confirm = build(action_type("human.confirm"), {"text": text})
    return PlannedStep(
        address=f"{base.address}{SURE}",
        id=f"{base.id}-sure",
        name=name,
        kind="human.confirm",
        verdict="ask",
        phase=base.phase,
        arguments=encode(confirm),
        prompt=encode(confirm.prompt()) if isinstance(confirm, Question) else None,
        undo_of=base.undo_of,
        undo_reason="an answer stays given",
    )
