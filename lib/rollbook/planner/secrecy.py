"""
Where a plan holds the value of a secret.

No journal may tell it, so a resume or an undo would go by another plan than was agreed to.
"""

from collections.abc import Iterator
from typing import Final

from ..errors import RefusedError
from ..plan import Plan, canonical
from ..run import StepRun
from ..targets.redaction import Redactor
from ..targets.surroundings import secrets_in
from ..values import Plain
from .readers import Pool

ADVICE: Final = (
    'Give a secret by reference, {secret: "env:NAME"}, and in no input or answer. Where a password is only the same '
    "as a word that stands there, set another one."
)


def hide_secrets(plan: Plan, pool: Pool) -> None:
    """Have the secrets that steps of *plan* name hidden, those that are cheap to look up; what targets are is open."""
    pool.redactor.leave(name for who in plan.identities.values() for name in who.values())
    pool.prime(secret for step in plan.steps for secret in secrets_in(step.arguments))


def exposed(plan: Plan, redactor: Redactor) -> tuple[str, ...]:
    """Say what of *plan* binds and would be told otherwise by a journal, a sentence for each place."""
    if redactor.empty:
        return ()
    return tuple(
        f"{place} holds the value of {', '.join(labels)}"
        for place, value in _places(plan)
        if (labels := redactor.labels(canonical(value)))
    )


def require_unexposed(plan: Plan, redactor: Redactor) -> None:
    """Raise `RefusedError` naming each place where *plan* holds a secret's value."""
    found = exposed(plan, redactor)
    if found:
        lines = "".join(f"\n  - {each}" for each in found)
        raise RefusedError(f"Neither a plan nor a journal may hold a secret's value:{lines}", advice=ADVICE)


def require_untold(begun: StepRun, redactor: Redactor) -> None:
    """
    Raise `RefusedError` where what a step was *begun* with binds a secret's value.

    Its undo, and a resume, go by what the journal says of it.
    """
    if redactor.empty:
        return
    before, after = (canonical(begun.planned.bound_fields(state)) for state in (begun.before, begun.after))
    wanted = redactor.labels(after + canonical(list(begun.ops)))
    # A host's answers come without values already: what is put back would not be what was there.
    if labels := dict.fromkeys((*redactor.labels(before), *redactor.told(before), *wanted)):
        raise RefusedError(
            f"What {begun.address} finds, or would write, holds the value of {', '.join(labels)}, "
            "which no journal may; nothing was written.",
            advice=ADVICE,
        )


def _places(plan: Plan) -> Iterator[tuple[str, Plain]]:
    for path, text in plan.sources.items():
        # Of a comment nothing is carried out: it may be told with a word taken out.
        yield f"the text of {path}", [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for name, value in (plan.inputs or {}).items():
        yield f"the input {name}", value
    for name, value in plan.answers.items():
        yield f"the answer to {name}", value
    yield "the name of the environment, the runbook or the lock", [plan.environment, plan.runbook, plan.lock]
    for step in plan.steps:
        yield f"the step {step.address}", step.binding()
