"""Whole processes, timed in turn: wall and CPU seconds and peak memory, each the median over interleaved rounds."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contender:
    """
    A command line that is timed; *before* puts things in order and is not timed.

    *elsewhere* tells the CPU seconds so far of what works for it and is no child of it: a server.
    """

    argv: tuple[str, ...]
    before: Callable[[], None] = lambda: None
    elsewhere: Callable[[], float] = lambda: 0.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process and its children took: wall *seconds*, CPU seconds, and the most memory that one of them held."""

    seconds: float
    cpu: float
    peak_mib: float
    elsewhere: float = 0.0  # CPU seconds


class NotMeasuredError(Exception):
    """This machine lacks what a question needs; the text says what."""


class FailedError(Exception):
    """A contender did not end well, so its time says nothing."""


def measure(contenders: Mapping[str, Contender], folder: Path, rounds: int, *, warm: bool = True) -> dict[str, Sample]:
    """
    Run every contender once a round in *folder*, and give each one's medians.

    The order turns with each round, so nobody always comes after the same one. *warm* adds a round that
    is not counted: it fills the caches of the file system and compiles Python files.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(-1 if warm else 0, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            sample = run_once(name, contenders[name], folder)
            if number >= 0:
                samples[name].append(sample)
    return {name: _median(found) for name, found in samples.items()}


def run_once(name: str, contender: Contender, folder: Path) -> Sample:
    """Run a contender once in *folder*. Raises `FailedError`, with the end of what it said."""
    contender.before()
    with (folder / "output.log").open("wb") as output:
        earlier, started = contender.elsewhere(), time.perf_counter()
        process = subprocess.Popen(
            contender.argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(contender),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (folder / "output.log").read_text(errors="replace")[-2000:]
        raise FailedError(f"{name}: exit {process.returncode}: {' '.join(contender.argv)}\n{said}")
    elsewhere = contender.elsewhere() - earlier
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, elsewhere)


def _environment(contender: Contender) -> dict[str, str]:
    # An installed package is compiled when it is installed; a checkout is by its first run, unless this forbids it.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **contender.environment}


def _median(samples: list[Sample]) -> Sample:
    return Sample(
        statistics.median(sample.seconds for sample in samples),
        statistics.median(sample.cpu for sample in samples),
        statistics.median(sample.peak_mib for sample in samples),
        statistics.median(sample.elsewhere for sample in samples),
    )


def python(*arguments: str) -> tuple[str, ...]:
    """Give the command line of this interpreter."""
    return (sys.executable, *arguments)
