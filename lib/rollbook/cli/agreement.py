"""What must be agreed before the first write: the plan; in a protected environment its name and a reason too."""

from collections.abc import Mapping
from typing import Final

from ..dataclass import dataclass
from ..errors import RefusedError, UsageError
from ..plan import Plan
from .keyboard import Keyboard
from .screen import write

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the command line says beforehand: *yes*, the environment's *name*, the *reason*."""

    yes: bool = False
    name: str = ""
    reason: str = ""


def check_beforehand(plan: Plan, agreement: Agreement, *, answers: bool) -> None:
    """
    Refuse what can be refused before anybody is asked.

    Raises `UsageError` for options that contradict the plan and `RefusedError` where something is
    missing that nobody can be asked for; *answers* tells whether somebody can.
    """
    check_name(plan, agreement.name)
    check_approvals(plan, plan.answers)
    if not plan.writes or answers:
        return
    if plan.protected and not agreement.name:
        raise RefusedError(
            f"{plan.environment} is protected and there is no terminal to type its name in.",
            advice=f"Add --confirm-environment {plan.environment}.",
        )
    if plan.protected and not agreement.reason.strip():
        raise _without_reason(plan)
    if not agreement.yes and not (plan.protected and agreement.name):
        raise RefusedError(
            "There is no terminal to agree to the plan in; nothing was started.",
            advice="Add --yes to agree to it beforehand; --dry-run only shows it.",
        )


def check_name(plan: Plan, name: str) -> None:
    """Raise `UsageError` when *name* is given and is not the environment's."""
    if name and name != plan.environment:
        raise UsageError(
            f"--confirm-environment {name}: this is the environment {plan.environment}.",
            advice="Look again at where you are; then give the right name.",
        )


def check_approvals(plan: Plan, answers: Mapping[str, str]) -> None:
    """Raise `UsageError` when *answers* would approve something in a protected environment."""
    if not plan.protected:
        return
    for step in plan.steps:
        approves = isinstance(step.prompt, dict) and step.prompt.get("kind") == "approve"
        answered = {step.address, step.id} & set(answers)
        if answered and (approves or step.quorum):
            raise UsageError(
                f"--answer {answered.pop()}: {plan.environment} is protected, so approvals are not taken from options.",
                advice="Leave it out: whoever approves answers in the terminal or with `approve RUN STEP`.",
            )


def _without_reason(plan: Plan) -> RefusedError:
    return RefusedError(f"{plan.environment} is protected: a reason is required.", advice='Add --reason "why".')


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
        if plan.protected and not reason:
            write()
            keyboard.say(f"{plan.environment} is protected: a reason is required.", indent="")
            reason = keyboard.reason() or ""
            if not reason:
                raise _without_reason(plan)
        _confirm(plan, agreement, keyboard)
    return reason


def _confirm(plan: Plan, agreement: Agreement, keyboard: Keyboard) -> None:
    if plan.protected:
        if agreement.name:
            return
        words = {plan.environment.casefold()}
        asked = f"Type the environment's name ({plan.environment}) to carry this plan out: "
    else:
        if agreement.yes:
            return
        words, asked = {"yes", "y"}, "Type yes to carry this plan out: "
    write()
    for left in reversed(range(_TRIES)):
        typed = keyboard.line(asked)
        if typed and typed.casefold() in words:
            return
        if not typed or typed.casefold() in ("no", "n") or not left:
            said = f"you typed {typed!r}" if typed else "nothing was typed"
            raise RefusedError(f"The plan was not agreed to ({said}); nothing was started.")
        keyboard.say(f"You typed {typed!r}. Enter alone starts nothing.", indent="")
