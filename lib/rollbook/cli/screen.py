"""Where text goes: how wide it is, whether it has colours, whether a person sits there."""

import errno
import os
import re
import sys
import textwrap
from contextlib import suppress
from typing import Final, TextIO

from ..dataclass import dataclass

_NARROW: Final = 60
_WIDE: Final = 120
_PIPE: Final = 100
_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}

_CODE: Final = "|".join((*_CODES.values(), "0"))
_PAINTED: Final = re.compile(rf"(\033\[(?:{_CODE})(?:;(?:{_CODE}))*m)")


@dataclass(frozen=True, slots=True)
class Screen:
    """Something to print on; *answers* tells whether a person can also type there, *moves* whether its cursor does."""

    width: int = _PIPE
    colour: bool = False
    terminal: bool = False
    answers: bool = False
    moves: bool = False

    def paint(self, text: str, *styles: str) -> str:
        """Give *text* in colour where the screen has colours."""
        if not self.colour or not text:
            return text
        return f"\033[{';'.join(_CODES[style] for style in styles)}m{text}\033[0m"

    def wrap(self, text: str, *, first: str = "", rest: str = "", exact: bool = False) -> list[str]:
        """
        Break *text* into lines that fit, the first after *first*, the others after *rest*.

        An *exact* text (a command) is broken only where a person looks at it, never in a pipe or a file.
        """
        if exact and not self.terminal:
            return [first + text]
        if text and text.isprintable() and text == text.strip() and len(first) + len(text) <= self.width:
            return [first + text]
        lines: list[str] = []
        for part in text.splitlines() or [""]:
            lead = rest if lines else first
            # A word that is too long for a line is left to the terminal, so that it can be copied whole.
            lines += textwrap.wrap(
                part,
                self.width,
                initial_indent=lead,
                subsequent_indent=rest,
                break_on_hyphens=False,
                break_long_words=False,
            ) or [lead.rstrip()]
        return lines


def screen() -> Screen:
    """Look at standard output and input."""
    terminal = _is_terminal(sys.stdout)
    return _screen(terminal, terminal and _is_terminal(sys.stdin))


def error_screen() -> Screen:
    """Look at standard error."""
    return _screen(_is_terminal(sys.stderr), False)


def _screen(terminal: bool, answers: bool) -> Screen:
    width = _columns(terminal)
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    moves = terminal and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(max(_NARROW, min(width, _WIDE)), colour, terminal, answers, moves)


def _columns(terminal: bool) -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns if terminal else _PIPE
    return _PIPE


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def write(text: str = "") -> None:
    """
    Print a line at once; a run goes on when nobody reads any more (a closed pipe, a terminal that hung up).

    Whoever made the text, nothing but our own colours does anything to a terminal.
    """
    try:
        print(_harmless(text), flush=True)
    except OSError as error:
        give_up(error)


class Unwritten:
    """Remembers why output was lost that somebody wants to have: its disk is full."""

    why: str = ""


def give_up(error: OSError | ValueError) -> None:
    """Print into nothing from now on, and remember where that is because there is no room."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        Unwritten.why = error.strerror or str(error)
    deaf()


def _harmless(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    from ..report.wording import visible  # kept out of the start of `--list`

    if "\x1b" not in text:
        return visible(text)
    return "".join(part if _PAINTED.fullmatch(part) else visible(part) for part in _PAINTED.split(text))


def flush() -> None:
    """Write out what is still held back, before Python would at its end and complain where nobody reads any more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # nobody reads, it was closed, or there is no room
        give_up(error)


def deaf(stream: TextIO | None = None) -> None:
    """Print into nothing from now on: whoever read the output (`| head`) went away, which is no error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, (stream or sys.stdout).fileno())
    os.close(nowhere)


def seat_streams() -> None:
    """
    Open what was closed before the program began (`>&-`) on /dev/null.

    Its number would be given to the next file that is opened, and what is printed would go into a journal.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


class Patient:
    """Standard output for whoever draws on it: goes on when the terminal hangs up."""

    encoding = property(lambda _self: sys.stdout.encoding)

    def write(self, text: str) -> int:
        """Print *text*."""
        try:
            return sys.stdout.write(text)
        except OSError:
            deaf()
            return len(text)

    def flush(self) -> None:
        """Write out what is held back."""
        flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return sys.stdout.isatty()

    def fileno(self) -> int:
        """Give its number."""
        return sys.stdout.fileno()
