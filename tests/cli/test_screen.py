"""Where text goes."""

import os
from pathlib import Path

import pytest

from rollbook.cli.screen import Screen, screen, write


def test_a_pipe_has_no_colour_and_nobody_answers() -> None:
    """Under pytest standard output is no terminal."""
    here = screen()

    assert (here.colour, here.terminal, here.answers) == (False, False, False)


def test_an_exact_text_is_broken_on_a_terminal_only() -> None:
    """A command in a pipe can be copied as it is."""
    long = "word " * 40

    assert Screen(60).wrap(long, first="$ ", exact=True) == [f"$ {long}"]
    assert len(Screen(60, terminal=True).wrap(long, first="$ ", exact=True)) > 1


def test_lines_of_a_text_stay_lines() -> None:
    """A line break in a text is kept, and every further line is indented."""
    assert Screen().wrap("a\nb", first="1. ", rest="   ") == ["1. a", "   b"]
    assert Screen().wrap("", first="x ") == ["x"]


def test_nobody_reading_any_more_does_not_stop_a_run(tmp_path: Path) -> None:
    """After a closed pipe, writing goes nowhere and raises nothing."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.dup2(writing, 1)
        import sys

        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # the child's own standard output
        try:
            write("first")
            write("second")
        except BaseException:  # noqa: BLE001  # the parent reads the exit code
            os._exit(1)
        os._exit(0)
    os.close(writing)
    os.close(reading)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and a dumb terminal get none, even on a terminal."""
    from rollbook.cli import screen as module

    monkeypatch.setattr(module, "_is_terminal", lambda _: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen().colour
    monkeypatch.setenv(name, value)
    assert not screen().colour


def test_no_word_is_broken() -> None:
    """A path or an id that is too long for a line can still be copied whole."""
    path = "/srv/" + "long/" * 30

    assert path in Screen(80, terminal=True).wrap(f"see {path} there", first="  ", rest="    ")[1]


def test_nothing_but_our_colours_reaches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a text holds that somebody else wrote, it is printed so that it does nothing; emoji and joiners stay."""
    painted = Screen(colour=True).paint("good", "green", "bold")
    write(f"{painted} \033[2J\033[8mhidden\033]0;title\007 \u202egnp.exe a\u200bb \x9b31m 👩\u200d🚀 ک\u200cا")
    told = capsys.readouterr().out

    assert told.startswith(painted)
    assert "\033" not in told.removeprefix(painted)
    assert not set(told) & set("\x07\x9b\u202e\u200b")
    assert "👩\u200d🚀 ک\u200cا" in told
