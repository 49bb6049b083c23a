"""Watches a run in a terminal: what is over scrolls up, what goes on is drawn below and redrawn."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import IO, TYPE_CHECKING, Final, Self, cast

from ..dataclass import dataclass
from ..journal import Record
from ..plan import PlannedStep
from ..report.wording import visible
from .keyboard import echo
from .narration import Narrator, Told
from .screen import Patient, Screen
from .words import about, amount, elapsed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_TAIL: Final = 5
_NEXT: Final = 4
_DONE: Final = frozenset({"step_finished", "step_skipped"})
_OVER: Final = _DONE | {"step_failed", "unreachable"}


@dataclass(slots=True)
class _Going:
    """A step under way: since when, the end of its output, how far its op is."""

    since: float
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    rest: str = ""
    done: int = 0
    total: int | None = None
    unit: str = ""


class LiveWatcher:
    """
    Draws the steps under way with elapsed time, estimate, output and progress, and what comes next.

    *over* are the steps that an earlier process finished; *stopping* tells whether somebody asked to
    stop. Use as a context manager; `aside` takes the drawing away while a question is asked.
    """

    def __init__(
        self,
        narrator: Narrator,
        screen: Screen,
        *,
        over: frozenset[str] = frozenset(),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        from rich.console import Console

        self._narrator = narrator
        self._screen = screen
        self._console = Console(
            file=cast("IO[str]", Patient()), highlight=False, markup=False, no_color=not screen.colour
        )
        self._live: Live | None = None
        self._started = time.monotonic()
        self._going: dict[str, _Going] = {}
        self._over: set[str] = set(over)
        self._tried: set[str] = set(over)
        self._stopping = stopping
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=self._drawing,
            refresh_per_second=5,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        echo(on=False)
        self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            echo(on=True)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the drawing away for a question, and bring it back."""
        drawn = self._live is not None
        self._stop()
        try:
            yield
        finally:
            if drawn:
                self._start()

    def record(self, record: Record) -> None:
        """Let what is over scroll up."""
        with self._turn:
            told = self._taken(record)
        # Outside the turn: whoever redraws holds rich's lock, which printing needs, and waits for the turn.
        if told is not None:
            self._print(told)

    def _taken(self, record: Record) -> Told | None:
        address = str(record.get("step") or "")
        told = self._narrator.tell(record)
        if record.type == "step_started":
            self._over.discard(address)
            self._going.setdefault(address, _Going(time.monotonic()))
            return None
        if record.type in _OVER:
            self._going.pop(address, None)
            self._tried.add(address)
            if record.type in _DONE:
                self._over.add(address)
        if record.type == "stage_left":
            self._tried.update(record["steps"])
            self._over.update(record["steps"])
        return told

    def _print(self, told: Told) -> None:
        from rich.text import Text

        address = f"{visible(told.address)}  " if told.address else ""
        lead = f"  {told.mark} {address}"
        for text in self._screen.wrap(visible(told.text), first=lead, rest="    "):
            line = Text(text)
            if text.startswith(lead):
                line.stylize(" ".join(told.styles), 2, 3)
                line.stylize("bold", 4, len(lead))
            self._console.print(line, soft_wrap=True)

    def output(self, address: str, chunk: bytes) -> None:
        """Keep the end of a command's output."""
        with self._turn:
            going = self._going.setdefault(address, _Going(time.monotonic()))
            *lines, rest = (going.rest + chunk.decode(errors="replace")).split("\n")
            going.rest = rest[-1000:]
            going.tail.extend(visible(line.rstrip("\r").rpartition("\r")[2]) for line in lines[-_TAIL:])

    def progress(self, address: str, done: int, total: int | None, unit: str) -> None:
        """Keep how far an op is."""
        with self._turn:
            going = self._going.setdefault(address, _Going(time.monotonic()))
            going.done, going.total, going.unit = done, total, unit

    def _drawing(self) -> "RenderableType":
        from rich.console import Group

        with self._turn:
            parts: list[RenderableType] = []
            for address, going in self._going.items():
                parts += self._step(address, going)
            parts += self._coming()
            parts.append(self._foot())
        return Group(*parts)

    def _step(self, address: str, going: _Going) -> "Iterator[RenderableType]":
        from rich.text import Text

        step = self._narrator.step(address)
        seconds = time.monotonic() - going.since
        line = Text("  … ", style="cyan", no_wrap=True, overflow="ellipsis")
        line.append(visible(address), style="bold")
        line.append(f"  {elapsed(seconds)}", style="cyan")
        if step is not None:
            line.append(f" of {about(step.estimate)}" if step.estimate else "", style="cyan")
            line.append(f"  {visible(step.name)}", style="default")
        yield line
        for text in going.tail:
            yield Text(f"    | {text}", style="dim", no_wrap=True, overflow="ellipsis")
        if going.unit:
            yield from self._bar(going, seconds)

    def _bar(self, going: _Going, seconds: float) -> "Iterator[RenderableType]":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        told = amount(going.done, going.unit) + (f" of {amount(going.total, going.unit)}" if going.total else "")
        if going.total and going.done:
            told += f", {about(seconds * (going.total - going.done) / going.done)} left"
        row = Table.grid(padding=(0, 1))
        row.add_row(Text("    "), ProgressBar(total=going.total, completed=going.done, width=30), Text(told))
        yield row

    def _coming(self) -> "Iterator[RenderableType]":
        from rich.text import Text

        rest = self._rest()
        for step in rest[:_NEXT]:
            text = f"  ○ {visible(step.address)}  {visible(step.name)}"
            yield Text(text, style="dim", no_wrap=True, overflow="ellipsis")
        if len(rest) > _NEXT:
            yield Text(f"    and {len(rest) - _NEXT} more", style="dim")

    def _rest(self) -> list[PlannedStep]:
        begun = {*self._tried, *self._going}
        return [step for step in self._taking_part() if step.address not in begun]

    def _taking_part(self) -> list[PlannedStep]:
        return [step for step in self._narrator.plan.steps if step.verdict != "skip"]

    def _foot(self) -> "RenderableType":
        from rich.text import Text

        steps = self._taking_part()
        parts = [
            f"{sum(step.address in self._over for step in steps)} of {len(steps)} steps",
            f"{elapsed(time.monotonic() - self._started)} so far",
        ]
        left = self._left()
        if left is not None:
            parts.append(f"{about(left)} left")
        if self._stopping():
            words = "stopping as soon as it is safe; Ctrl-C again ends what runs now"
            return Text(f"  {words}", style="yellow bold", no_wrap=True, overflow="ellipsis")
        parts.append("Ctrl-C stops, resumable")
        return Text(f"  {' · '.join(parts)}", style="dim", no_wrap=True, overflow="ellipsis")

    def _left(self) -> float | None:
        now = time.monotonic()
        known = [step.estimate for step in self._rest() if step.estimate is not None]
        for address, going in self._going.items():
            step = self._narrator.step(address)
            if step is not None and step.estimate is not None:
                known.append(max(0.0, step.estimate - (now - going.since)))
        return sum(known) if known else None
