"""Watches a run without a terminal: a timestamped line for each thing that happens."""

import threading
import time
from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from typing import Final

from ..dataclass import dataclass
from ..journal import Record, utc_now
from ..report.wording import visible
from .narration import Narrator
from .screen import Screen, write
from .words import amount, clock

_EVERY_SECONDS: Final = 10.0
_LONGEST: Final = 2000
_MOST_LINES: Final = 5000
_ENDS: Final = frozenset(("attempt", "step_finished", "step_failed", "unreachable"))


@dataclass(slots=True)
class PlainWatcher:
    """
    Prints lines; output of commands is printed line by line as it comes, under its step's address.

    Of an attempt's output the first 5,000 lines are printed: the rest is in the run's folder.
    """

    narrator: Narrator
    screen: Screen = field(default_factory=Screen)
    now: Callable[[], datetime] = utc_now
    _rest: dict[str, bytes] = field(default_factory=dict)
    _printed: dict[str, int] = field(default_factory=dict)
    _shown: dict[str, float] = field(default_factory=dict)
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def record(self, record: Record) -> None:
        """Print what a record says."""
        with self._turn:
            address = str(record.get("step") or "")
            if record.type in _ENDS:
                self._flush(address)
            told = self.narrator.tell(record)
            if told is None:
                return
            if not self.screen.colour:
                write(told.plain())
                return
            where = f"{self.screen.paint(visible(told.address), 'bold')}: " if told.address else ""
            mark = self.screen.paint(told.mark, *told.styles) if told.styles else told.mark
            write(f"{self.screen.paint(f'{clock(told.at)}Z', 'dim')} {mark} {where}{visible(told.text)}")

    def output(self, address: str, chunk: bytes) -> None:
        """Print the whole lines of a command's output."""
        with self._turn:
            *lines, rest = (self._rest.get(address, b"") + chunk).split(b"\n")
            if len(rest) > _LONGEST:
                lines, rest = [*lines, rest], b""
            self._rest[address] = rest
            self._lines(address, lines)

    def _flush(self, address: str) -> None:
        rest = self._rest.pop(address, b"")
        if rest:
            self._lines(address, [rest])
        self._printed.pop(address, None)

    def _lines(self, address: str, lines: list[bytes]) -> None:
        """Print lines as one text, for a write a line is what takes longest."""
        printed = self._printed.get(address, 0)
        if not lines or printed > _MOST_LINES:
            return
        self._printed[address] = printed + len(lines)
        lead = f"{clock(self.now())}Z   {visible(address)} | "
        # A progress meter rewrites its line; what it showed last is what counts.
        last = (line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines[: _MOST_LINES - printed])
        shown = [lead + visible(line.decode(errors="replace")) for line in last]
        if printed + len(lines) > _MOST_LINES:
            shown.append(f"{lead}… it goes on; its output is in the run's folder, and is not shown from here on")
        write("\n".join(shown))

    def progress(self, address: str, done: int, total: int | None, unit: str) -> None:
        """Print how far an op is, every ten seconds."""
        with self._turn:
            now = time.monotonic()
            if now - self._shown.setdefault(address, now) < _EVERY_SECONDS:
                return
            self._shown[address] = now
            part = f" of {amount(total, unit)} ({100 * done // total} %)" if total else ""
            write(f"{clock(self.now())}Z … {visible(address)}: {amount(done, unit)}{part}")
