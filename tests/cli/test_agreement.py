"""What must be agreed before the first write."""

from dataclasses import replace

import pytest

from rollbook.cli.agreement import Agreement, agree, check_approvals
from rollbook.cli.keyboard import Keyboard
from rollbook.cli.screen import Screen
from rollbook.errors import Interrupted, RefusedError, UsageError

from .plans import POINTERS, SMOKE, restore_plan
from .typing_hands import hands


def test_without_a_terminal_a_plan_needs_yes() -> None:
    """Nobody to ask and no --yes: nothing is started."""
    with pytest.raises(RefusedError):
        agree(restore_plan(), Agreement(), None)

    assert agree(restore_plan(), Agreement(yes=True, reason="drill"), None) == "drill"


def test_a_plan_that_writes_nothing_needs_no_agreement() -> None:
    """Reading is not asked about."""
    assert agree(restore_plan(steps=(SMOKE,)), Agreement(), None) == ""


@pytest.mark.parametrize("typed", [("no",), ("",), (None,), ("yse", ""), ("ye", "ja", "ok")])
def test_only_yes_agrees(typed: tuple[str | None, ...]) -> None:
    """No, nothing and Ctrl-D refuse the plan at once; anything else is asked again, three times in all."""
    with pytest.raises(RefusedError):
        agree(restore_plan(), Agreement(), hands(*typed))


@pytest.mark.parametrize("typed", [("yes",), ("Y",), ("yse", "yes")])
def test_a_slip_of_the_finger_is_forgiven(typed: tuple[str, ...]) -> None:
    """Yes and y agree, also after something that was neither."""
    assert agree(restore_plan(), Agreement(), hands(*typed)) == ""


def test_a_protected_environment_asks_for_its_name_and_a_reason() -> None:
    """Neither yes nor --yes carries a plan out there; its name does, and the reason is kept."""
    plan = restore_plan(environment="prod", protected=True)

    assert agree(plan, Agreement(yes=True), hands("", "a mistaken import", "prod")) == "a mistaken import"
    with pytest.raises(RefusedError):
        agree(plan, Agreement(yes=True, reason="x"), hands("yes", "yes", "yes"))


@pytest.mark.parametrize(
    "agreement",
    [
        Agreement(yes=True, reason="x"),
        Agreement(yes=True, names=("prod",)),
    ],
)
def test_a_protected_environment_without_a_terminal_needs_name_and_reason(agreement: Agreement) -> None:
    """Without a terminal both must be given as options, --yes replaces neither."""
    plan = restore_plan(environment="prod", protected=True)

    with pytest.raises(RefusedError):
        agree(plan, agreement, None)

    assert agree(plan, Agreement(names=("prod",), reason="x"), None) == "x"


def test_each_protected_environment_of_a_playbook_is_named() -> None:
    """Of several protected environments each name is typed that was not given; those only read from are not asked for."""
    steps = tuple(replace(POINTERS, address=f"{name}/pointers", environment=name) for name in ("stage", "prod", "edge"))
    there = {"ops": True, "stage": True, "prod": True, "edge": False, "dev": True}
    plan = restore_plan(environment="ops", steps=steps, playbook=True, environments=there)

    assert plan.guarded == ("stage", "prod")
    assert agree(plan, Agreement(), hands("", "why not", "stage", "prod")) == "why not"
    assert agree(plan, Agreement(names=("stage",), reason="x"), hands("prod")) == "x"
    with pytest.raises(RefusedError):
        agree(plan, Agreement(reason="x"), hands("stage", "stage", "stage", "stage"))
    with pytest.raises(RefusedError, match="prod is protected and there is no terminal"):
        agree(plan, Agreement(yes=True, names=("stage",), reason="x"), None)
    with pytest.raises(UsageError, match="--confirm-environment dve"):
        agree(plan, Agreement(names=("dve",), reason="x"), None)


def test_the_name_of_another_environment_is_a_mistake() -> None:
    """--confirm-environment guards against being elsewhere than one thinks."""
    with pytest.raises(UsageError):
        agree(restore_plan(environment="demo"), Agreement(yes=True, names=("prod",)), None)


def test_an_approval_is_not_taken_from_the_command_line_where_protected() -> None:
    """--answer cannot approve a step of a protected environment; elsewhere it can."""
    check_approvals(restore_plan(), {"pointers": "yes"})

    with pytest.raises(UsageError):
        check_approvals(restore_plan(protected=True), {"pointers": "yes"})


def test_ctrl_c_at_a_question_stops() -> None:
    """Ctrl-C is neither yes nor no."""

    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        agree(restore_plan(), Agreement(), Keyboard(Screen(), read=interrupted))
