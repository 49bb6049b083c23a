"""What must be agreed before the first write: the plan; of each protected environment its name, and a reason, too."""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from ..dataclass import dataclass
from ..errors import RefusedError, UsageError
from ..plan import Plan
from .keyboard import Keyboard
from .screen import write

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the command line says beforehand: *yes*, the *names* of protected environments, the *reason*."""

    yes: bool = False
    names: tuple[str, ...] = ()
    reason: str = ""


def check_beforehand(plan: Plan, agreement: Agreement, *, answers: bool) -> None:
    """
    Refuse what can be refused before anybody is asked.

    Raises `UsageError` for options that contradict the plan and `RefusedError` where something is
    missing that nobody can be asked for; *answers* tells whether somebody can.
    """
    check_names(plan, agreement.names)
    check_approvals(plan, plan.answers)
    if not plan.writes or answers:
        return
    for name in plan.guarded:
        if name not in agreement.names:
            raise RefusedError(
                f"{name} is protected and there is no terminal to type its name in.",
                advice=f"Add --confirm-environment {name}.",
            )
    if plan.guarded and not agreement.reason.strip():
        raise _without_reason(plan)
    if not agreement.yes and not plan.guarded:
        raise RefusedError(
            "There is no terminal to agree to the plan in; nothing was started.",
            advice="Add --yes to agree to it beforehand; --dry-run only shows it.",
        )


def check_names(plan: Plan, names: Iterable[str]) -> None:
    """Raise `UsageError` when one of *names* is not that of an environment of the plan."""
    known = (plan.environment, *plan.environments)
    for name in names:
        if name not in known:
            raise UsageError(
                f"--confirm-environment {name}: this is the environment {' and '.join(dict.fromkeys(known))}.",
                advice="Look again at where you are; then give the right name.",
            )


def check_approvals(plan: Plan, answers: Mapping[str, str]) -> None:
    """Raise `UsageError` when *answers* would approve something in a protected environment."""
    for step in (step for step in plan.steps if plan.protects(step)):
        approves = isinstance(step.prompt, dict) and step.prompt.get("kind") == "approve"
        answered = {step.address, step.id} & set(answers)
        if answered and (approves or step.quorum):
            raise UsageError(
                f"--answer {answered.pop()}: {step.environment or plan.environment} is protected, so approvals are "
                "not taken from options.",
                advice="Leave it out: whoever approves answers in the terminal or with `approve RUN STEP`.",
            )


def _without_reason(plan: Plan) -> RefusedError:
    return RefusedError(f"{_protected(plan)}: a reason is required.", advice='Add --reason "why".')


def _protected(plan: Plan) -> str:
    return f"{' and '.join(plan.guarded)} {'is' if len(plan.guarded) == 1 else 'are'} protected"


def agree(plan: Plan, agreement: Agreement, keyboard: Keyboard | None) -> str:
    """
    Ask for what is still missing and give the run's reason.

    Raises `RefusedError` when the plan is not agreed to; nothing was started then.
    """
    check_beforehand(plan, agreement, answers=keyboard is not None)
    if not plan.writes or keyboard is None:
        return agreement.reason
    with keyboard.open():
        reason = agreement.reason.strip()
        if plan.guarded and not reason:
            write()
            keyboard.say(f"{_protected(plan)}: a reason is required.", indent="")
            reason = keyboard.reason() or ""
            if not reason:
                raise _without_reason(plan)
        _confirm(plan, agreement, keyboard)
    return reason


def _confirm(plan: Plan, agreement: Agreement, keyboard: Keyboard) -> None:
    for name in plan.guarded:
        if name not in agreement.names:
            _type(f"Type the environment's name ({name}) to carry this plan out: ", {name.casefold()}, keyboard)
    if not plan.guarded and not agreement.yes:
        _type("Type yes to carry this plan out: ", {"yes", "y"}, keyboard)


def _type(asked: str, words: Container[str], keyboard: Keyboard) -> None:
    """Have one of *words* typed. Raises `RefusedError` when it is not."""
    write()
    for left in reversed(range(_TRIES)):
        typed = keyboard.line(asked)
        if typed and typed.casefold() in words:
            return
        if not typed or typed.casefold() in ("no", "n") or not left:
            said = f"you typed {typed!r}" if typed else "nothing was typed"
            raise RefusedError(f"The plan was not agreed to ({said}); nothing was started.")
        keyboard.say(f"You typed {typed!r}. Enter alone starts nothing.", indent="")
