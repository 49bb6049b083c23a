"""
Where a plan holds the value of a secret.

No journal may tell it, so a resume or an undo would go by another plan than was agreed to.
"""

from collections.abc import Iterator
from typing import Final

from ..errors import RefusedError, SecretError
from ..ops import ChatMessage, HttpCall, Mail
from ..plan import Plan, canonical
from ..run import StepRun
from ..targets.redaction import Redactor
from ..targets.surroundings import secrets_in
from ..values import Plain, Secret
from .readers import Pool

ADVICE: Final = (
    'Give a secret by reference, {secret: "env:NAME"}, and in no input or answer. Where a password is only the same '
    "as a word that stands there, set another one."
)

_TELLING: Final = frozenset(op.op for op in (HttpCall, Mail, ChatMessage))
"""What may say that a secret stood in an output, for people read it."""


def named_secrets(plan: Plan) -> tuple[Secret, ...]:
    """Give the secrets that the steps of *plan* name, each once."""
    return tuple(dict.fromkeys(secret for step in plan.steps for secret in secrets_in(step.arguments)))


def hide_secrets(plan: Plan, pool: Pool) -> None:
    """Have the secrets that steps of *plan* name hidden, those that are cheap to look up; what targets are is open."""
    pool.redactor.leave(name for who in plan.identities.values() for name in who.values())
    pool.prime(named_secrets(plan))


def hide_used(plan: Plan, pool: Pool) -> tuple[str, ...]:
    """
    Have every secret hidden that a run of *plan* may have used, whatever it takes to look it up.

    Gives a sentence for each that is not to be had any more.
    """
    targets = dict.fromkeys(name for step in plan.steps for name in step.targets)
    missing = []
    for secret in dict.fromkeys((*named_secrets(plan), *pool.secrets_of(targets))):
        try:
            pool.look_up(secret)
        except SecretError as error:
            missing.append(error.message)
    return tuple(missing)


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
    ops = canonical(list(begun.ops))
    # What a host answers comes without values already: neither what is put back nor what is written would be right.
    written = canonical([op for op in begun.ops if op["op"] not in _TELLING])
    labels = dict.fromkeys((*redactor.labels(before + after + ops), *redactor.told(before + written)))
    if labels:
        raise RefusedError(
            f"What {begun.address} finds, or would write, holds the value of {', '.join(labels)}, or what stands "
            "for it: no journal may hold the one, and the other is not what is meant; nothing was written.",
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
