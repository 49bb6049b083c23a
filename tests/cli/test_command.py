"""How every command ends."""

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from rollbook.cli.command import command, describe, exit_code, guard
from rollbook.errors import (
    Interrupted,
    JournalError,
    NotFoundError,
    PlanDrift,
    RefusedError,
    RollbookError,
    Unreachable,
    UsageError,
)


def raising(error: BaseException) -> int:
    """Run a body that raises *error*, and give the exit code."""

    def body() -> int:
        raise error

    return guard(body)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 64),
        (NotFoundError("x"), 64),
        (RefusedError("x"), 4),
        (PlanDrift("x"), 4),
        (Unreachable("x"), 4),
        (JournalError("x"), 1),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors become exit codes and words on stderr, never a traceback."""
    assert raising(error) == code

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err
    assert "Traceback" not in shown.err


def test_an_error_says_what_where_and_what_now() -> None:
    """Message, differences and advice are all told."""
    error = PlanDrift("the plan no longer holds", differences=("inputs: a", "steps: b"), advice="Plan again.")

    assert describe(error) == "Refused: the plan no longer holds\n  - inputs: a\n  - steps: b\nWhat now: Plan again."
    assert exit_code(error) == 4


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_traceback_is_shown_when_asked_for(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--debug and ROLLBOOK_DEBUG=1 let the error through."""
    if way == "variable":
        monkeypatch.setenv("ROLLBOOK_DEBUG", "1")

    def body() -> int:
        raise RollbookError("x")

    with pytest.raises(RollbookError):
        guard(body, debug=way == "option")


def test_invokes_own_dry_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry would run nothing and show nothing; the right option is named."""
    assert guard(lambda: 0, dry=True) == 64
    assert "--dry-run" in capsys.readouterr().err


def test_a_command_ends_with_its_code() -> None:
    """A function's number becomes the process's exit code; repeated options arrive as a tuple."""
    seen: list[tuple[str, ...]] = []

    @command("try", help={"set_": "x"}, iterable=("set_",))
    def try_(*, set_: tuple[str, ...] = ()) -> int:
        """Try."""
        seen.append(set_)
        return 3

    with pytest.raises(Exit) as caught:
        try_(Context(), set_=["a", "b"])

    assert caught.value.code == 3
    assert seen == [("a", "b")]
