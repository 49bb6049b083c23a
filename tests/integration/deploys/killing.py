"""Runs that are killed with all of their process group at some moment, and brought to their end by an operator."""

import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollbook.errors import JournalError
from rollbook.run import Run

from ..typed import Typed
from .desk import kill

_OVER = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """So many seconds after a step began."""

    step: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s into {self.step}"


def moments(run: Run, chance: random.Random, count: int) -> tuple[Moment, ...]:
    """Choose moments of a run like this one, in its order; steps that take long are hit more often, but all may be."""
    took = {step.address: step.seconds or 0.0 for step in run.steps}
    steps = [address for address, seconds in took.items() if seconds > 0]
    chosen = chance.choices(range(len(steps)), [took[address] + 0.1 for address in steps], k=count)
    return tuple(Moment(steps[at], chance.random() * took[steps[at]]) for at in sorted(chosen))


@dataclass(slots=True)
class Errand:
    """What an operator wants done: a command that begins a run, and after that the resumes of it."""

    desk: Typed
    words: Sequence[str]
    number: int = -1

    def __post_init__(self) -> None:
        self.number = len(self.desk.runs.all())

    @property
    def over(self) -> bool:
        """Tell whether the run has come to its end."""
        try:
            return self._began and self.desk.last().status in ("succeeded", "undone")
        except JournalError:  # killed before its first record was there
            return False

    @property
    def _began(self) -> bool:
        return len(self.desk.runs.all()) > self.number

    def next(self) -> Sequence[str]:
        """Give the words to type now."""
        answers = (word for word in self.words if word.startswith("--answer="))
        return ("resume", "last", "--yes", *answers) if self._began else self.words

    def start(self, moment: Moment) -> subprocess.Popen[bytes]:
        """Type the next command, and come back at the moment, or when the command has ended."""
        offset = self._journal().stat().st_size if self._began else 0
        process = self.desk.start(*self.next())
        while process.poll() is None and not self._reached(offset, moment.step):
            time.sleep(0.02)
        time.sleep(moment.seconds)
        return process

    def finish(self) -> None:
        """Type resumes until it is over; a run that had not begun is begun."""
        while not self.over:
            code, said = self.desk.type(*self.next())
            if "before it began" in said:  # nothing was done: the operator types it again
                self.number += 1
                continue
            assert code == 0 or (code == _OVER and "is over" in said), said[-4000:]

    def _journal(self) -> Path:
        return self.desk.runs.all()[self.number].journal

    def _reached(self, offset: int, step: str) -> bool:
        if not self._began or not self._journal().exists():
            return False
        lines = self._journal().read_bytes()[offset:].splitlines()
        return any(f'"{step}"'.encode() in line and b'"step_started"' in line for line in lines)


def finish_killed(desk: Typed, words: Sequence[str], kills: Sequence[Moment]) -> int:
    """
    Type a command, kill it and then its resumes at the given moments, and bring it to its end.

    Gives how many were killed; one that ended before its moment came was not.
    """
    errand, killed = Errand(desk, words), 0
    for moment in kills:
        if not errand.over:
            killed += kill(errand.start(moment))
    errand.finish()
    return killed


def finish_crashed(desk: Typed, words: Sequence[str], place: int) -> bool:
    """Type a command that kills itself at a place, and bring it to its end; tells whether there is such a place."""
    errand = Errand(desk, words)
    code, said = desk.type(*words, crash_at=place)
    assert code in (0, -signal.SIGKILL), said[-4000:]
    errand.finish()
    return code != 0
