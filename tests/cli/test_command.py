"""How every command ends."""

import sys
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from rollbook.cli.command import Started, command, describe, exit_code, guard, program
from rollbook.cli.tasks import as_task
from rollbook.errors import (
    Interrupted,
    JournalError,
    NotFoundError,
    PlanDrift,
    RefusedError,
    Unreachable,
    UsageError,
)
from rollbook.targets import Redactor


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
def test_a_traceback_is_shown_when_asked_for(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--debug and ROLLBOOK_DEBUG=1 show where an error comes from; the exit code stays."""
    if way == "variable":
        monkeypatch.setenv("ROLLBOOK_DEBUG", "1")

    def body() -> int:
        raise RefusedError("x")

    assert guard(body, debug=way == "option") == 4
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "in body" in shown


@pytest.mark.parametrize("debug", [True, False])
def test_no_secret_leaves_with_an_error(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """What a driver says of an error is redacted, in words and in a traceback."""
    redactor = Redactor()
    redactor.add("env:TOKEN", "hunter2hunter2")

    def body() -> int:
        Started.redact = redactor.text
        raise RuntimeError("not as app:hunter2hunter2") from ValueError("login app:hunter2hunter2 refused")

    assert guard(body, debug=debug) == 70
    assert "hunter2" not in capsys.readouterr().err


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
        as_task(try_)(Context(), set_=["a", "b"])

    assert caught.value.code == 3
    assert seen == [("a", "b")]


def test_hints_name_the_program_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program on PATH is named by its word, another one by the path that was typed."""
    called = tmp_path / "rollbook"
    called.touch(mode=0o755)
    monkeypatch.setattr(Started, "program", "rollbook")
    monkeypatch.setattr(sys, "argv", [str(called)])
    monkeypatch.setenv("PATH", "/nowhere")
    elsewhere = program()

    monkeypatch.setenv("PATH", str(tmp_path))

    assert elsewhere == str(called)
    assert program() == "rollbook"
