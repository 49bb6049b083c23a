"""Lines typed by a person: Ctrl-D answers nothing, Ctrl-C stops."""

import contextlib
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Final

from ..dataclass import dataclass
from ..errors import Interrupted
from .screen import Screen, write

_LOOK_SECONDS: Final = 0.2
Pause = Callable[[], "contextlib.AbstractContextManager[None]"]


@dataclass(slots=True)
class Keyboard:
    """
    Asks in a terminal.

    *pause* puts a live display aside meanwhile; *read* is `input` but in tests; *stopping* tells
    whether somebody asked to stop. Steps of a group run in parallel, so questions wait for one another.
    """

    screen: Screen
    pause: Pause = contextlib.nullcontext
    read: Callable[[str], str] = input
    stopping: Callable[[], bool] = lambda: False
    _turn: threading.RLock = field(default_factory=threading.RLock)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Keep the screen for a question and what belongs to it. Raises `Interrupted` when a stop was asked for."""
        with self._turn, self.pause(), _interruptible():
            if self.stopping():  # at the question of another member of the group
                raise Interrupted("Stopped at a question.")
            forget_typed()
            yield

    def line(self, prompt: str = "> ") -> str | None:
        """Read a line; None for Ctrl-D. Raises `Interrupted` for Ctrl-C."""
        read = self.read if threading.current_thread() is threading.main_thread() else self._read_beside
        try:
            return read(self.screen.paint(prompt, "bold")).strip()
        except (EOFError, OSError):  # Ctrl-D, or the terminal hung up
            write()
            return None
        except KeyboardInterrupt:
            write()
            raise Interrupted("Stopped at a question.") from None

    def _read_beside(self, prompt: str) -> str:
        """Read a line in a thread of a group, where Ctrl-C reaches the main thread only."""
        if self.read is not input or not sys.stdin.isatty():
            return self.read(prompt)
        print(prompt, end="", flush=True)
        while not select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            if self.stopping():
                raise KeyboardInterrupt
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line

    def one_of(self, choices: dict[str, str], prompt: str = "> ") -> str | None:
        """Offer words with what they mean and read one; any beginning of it will do. None for Ctrl-D."""
        width = max(map(len, choices))
        for word, meaning in choices.items():
            indent = " " * (width + 6)
            for text in self.screen.wrap(meaning, first=f"    {word:<{width}}  ", rest=indent):
                write(text)
        while True:
            typed = self.line(prompt)
            if typed is None:
                return None
            matching = [word for word in choices if typed and word.startswith(typed.casefold())]
            if len(matching) == 1:
                return matching[0]
            write(f"  Please type one of: {', '.join(choices)}. Ctrl-D: nobody can answer now.")

    def reason(self) -> str | None:
        """Ask why until something is said; None for Ctrl-D."""
        while (text := self.line("  Why? (goes into the report) ")) == "":
            write("  A reason is needed, so that others understand it later.")
        return text

    def say(self, text: str, *styles: str, indent: str = "  ") -> None:
        """Print *text*, broken into lines that fit."""
        for line in self.screen.wrap(text, first=indent, rest=indent):
            write(self.screen.paint(line, *styles) if styles else line)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question: while a run is on, the engine only takes note of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def forget_typed() -> None:
    """Drop what was typed before a question was there to be read: it was meant for something else."""
    if sys.stdin.isatty():
        with contextlib.suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def echo(on: bool) -> None:
    """Switch the terminal's echo: what is typed into a drawing would tear it."""
    if not sys.stdin.isatty():
        return
    with contextlib.suppress(termios.error):
        modes = termios.tcgetattr(sys.stdin.fileno())
        modes[3] = modes[3] | termios.ECHO if on else modes[3] & ~termios.ECHO
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)


def edit_lines() -> None:
    """Switch on line editing and history for typed answers, where Python has it."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  # importing it is what switches it on
