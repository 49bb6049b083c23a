"""Success is what the system says, not what a command returned."""

from typing import Any

from ..action import Action, AnyState, Outcome
from ..errors import StepFailed
from ..expressions import render
from ..plan import changed_fields
from ..registry import action_type
from ..run import StepRun
from ..runbook import Step
from ..schema import build, encode
from ..values import Plain
from .attempt import Attempt


def verify_after(attempt: Attempt, after: AnyState) -> AnyState:
    """
    Probe again and give what is found. Raises `StepFailed` when it is not what was wanted.

    A command without a probe shows nothing; its state then is what was wanted.
    """
    action, planned = attempt.action, attempt.planned
    before = planned.bound_fields(attempt.begun.before if attempt.begun else None)
    if action.family == "command" and isinstance(before, dict) and all(value is None for value in before.values()):
        return after
    read = attempt.session.planner.read
    found = action.probe(read) if planned.goal is None else action.probe_after(read, after)
    missing = changed_fields(planned.bound_fields(encode(after)), planned.bound_fields(encode(found)))
    if missing:
        raise StepFailed(
            f"{planned.address} was carried out, but the target does not show it: {'; '.join(missing)}.",
            advice="Look at the target before you resume; the step will be probed again then.",
        )
    return found


def prove(attempt: Attempt) -> dict[str, Plain]:
    """Have the kind look at the effect, where it can, and give what it saw. Raises `StepFailed` where there is none."""
    # An undo leads elsewhere than to the effect that people wanted.
    outcome = attempt.action.proof(attempt.session.planner.read) if attempt.planned.goal is None else None
    if outcome is None:
        return {}
    if not outcome.passed:
        raise StepFailed(f"{attempt.planned.name}: {outcome.message}", outputs=encode(outcome))
    return {"proof": encode(outcome)}


def came_about(attempt: Attempt, begun: StepRun | None, found: AnyState) -> tuple[str, ...]:
    """Give the lines of the plan with what the kind tells only now before them; none where that is nothing new."""
    if begun is None or attempt.planned.goal is not None:
        return ()
    told = begun.details or attempt.planned.details
    lines = attempt.action.came_about(build(attempt.action.state, begun.before), found)
    new = tuple(line for line in lines if line not in told)
    return (*new, *told) if new else ()


def verify_steps(attempt: Attempt, outputs: Plain) -> None:
    """Carry out the step's own `verify:` assertions. Raises `StepFailed` at the first that does not hold."""
    for check in attempt.step.verify:
        outcome = look(attempt, check, outputs)
        if not outcome.passed:
            raise StepFailed(f"{attempt.planned.address}: {check.name or check.id}: {outcome.message}")
        _warn(attempt, outcome)


def _warn(attempt: Attempt, outcome: Outcome) -> None:
    if outcome.warning:
        attempt.session.record("warning", step=attempt.planned.address, text=outcome.warning)


def look(attempt: Attempt, check: Step, outputs: Plain) -> Outcome:
    """Carry out one assertion of a `verify:`; its expressions see the step's `outputs` too."""
    planner = attempt.session.planner
    names = {**planner.names(attempt.planned.address), "outputs": outputs}
    kind = action_type(check.kind)
    action: Action[Any] = build(kind, render(dict(check.arguments), names))
    found = action.probe(planner.read)
    return found if isinstance(found, Outcome) else Outcome(True, "")


def carry_assertion(attempt: Attempt) -> None:
    """Look, journal what was seen, and raise `StepFailed` when it does not hold."""
    attempt.session.record("step_started", step=attempt.planned.address, attempt=attempt.number)
    outcome = attempt.action.probe(attempt.session.planner.read)
    if not outcome.passed:
        raise StepFailed(f"{attempt.planned.name}: {outcome.message}", outputs=encode(outcome))
    _warn(attempt, outcome)
    details = outcome.message.splitlines()
    outputs = attempt.action.outputs(outcome, ())
    attempt.finish("ok", after=encode(outcome), outputs=outputs, details=details)
