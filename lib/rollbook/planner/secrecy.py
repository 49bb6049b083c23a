"""
Where a plan holds the value of a secret.

No journal may tell it, so a resume or an undo would go by another plan than was agreed to.
"""

from collections.abc import Iterator
from typing import Final

from ..errors import RefusedError
from ..plan import Plan, canonical
from ..targets.redaction import Redactor
from ..targets.surroundings import secrets_in
from ..values import Plain
from .readers import Pool

ADVICE: Final = (
    'Give a secret by reference, {secret: "env:NAME"}, and in no input or answer. Where a password is only the same '
    "word as a name that stands there, set another one."
)


def hide_secrets(plan: Plan, pool: Pool) -> None:
    """Have the secrets that steps of *plan* name hidden, as far as they are cheap to look up."""
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


def _places(plan: Plan) -> Iterator[tuple[str, Plain]]:
    for path, text in plan.sources.items():
        # Of a comment nothing is carried out: it may be told with a word taken out.
        yield f"the text of {path}", [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for name, value in (plan.inputs or {}).items():
        yield f"the input {name}", value
    for name, value in plan.answers.items():
        yield f"the answer to {name}", value
    for name, who in plan.identities.items():
        yield f"what the target {name} says it is", dict(who)
    yield "the name of the environment, the runbook or the lock", [plan.environment, plan.runbook, plan.lock]
    for step in plan.steps:
        yield f"the step {step.address}", step.binding()
