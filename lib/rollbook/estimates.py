"""
How long steps took before: a guess for the plan of the next run.

A guess is worth no second of waiting, so journals are skimmed: the beginnings of their lines are
matched, as `journal` writes them, and nothing is decoded, checked or folded.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

_RECENT: Final = 7
_HEAD: Final = 16_384
"""Bytes of a journal that hold the beginning of its plan, whatever the names and the reason are."""
_TEXT: Final = rb'("(?:[^"\\]|\\.)*+")'
_PLAN_OF: Final = rb'"plan":\{"runbook":' + _TEXT
_STATUS: Final = rb'(?:,"status":"(\w+)"(?!,"by":))?'
"""How a step ended, but for one that somebody did by hand: what that took nobody measured."""
_STEP: Final = rb'\{"n":\d+,"at":"([^"]+)","type":"(\w+)","prev":"\w+","step":' + _TEXT + _STATUS
_RESUMED: Final = rb'\{"n":\d+,"at":"[^"]+","type":"run_resumed"'
_DOWN: Final = rb'\{"n":\d+,"at":"([^"]+)","type":"downtime_(began|ended)"'
_UNREADABLE: Final = (OSError, ValueError, TypeError)  # such a journal tells nothing


def estimates(journals: Iterable[Path], runbook: str) -> Mapping[str, float]:
    """Give each step's median seconds over the first few *journals* that tell of *runbook*, by address."""
    seen: dict[str, list[float]] = {}
    for journal in islice(_of(journals, runbook), _RECENT):
        with suppress(*_UNREADABLE), journal.open("rb") as lines:
            for address, seconds in durations(lines).items():
                seen.setdefault(address, []).append(seconds)
    return {address: round(median(seconds), 3) for address, seconds in seen.items()}


def _of(journals: Iterable[Path], runbook: str) -> Iterator[Path]:
    for journal in journals:
        try:
            with journal.open("rb") as file:
                found = re.search(_PLAN_OF, file.read(_HEAD))
            if not found or json.loads(found[1]) != runbook:
                continue
        except _UNREADABLE:
            continue
        yield journal


def durations(lines: Iterable[bytes]) -> dict[str, float]:
    """
    Give, from a journal's *lines*, the seconds from each step's begin to its good end, by address.

    A wait for a person ends where the work begins.
    """
    began: dict[bytes, bytes] = {}
    waiting: set[bytes] = set()
    took: dict[bytes, float] = {}
    match, resumed = re.compile(_STEP).match, re.compile(_RESUMED).match
    for line in lines:
        found = match(line)
        if not found:
            if resumed(line):  # nobody worked meanwhile at what began before; who was asked had that time
                began = {step: at for step, at in began.items() if step in waiting}
            continue
        at, kind, step, status = found.groups()
        if kind == b"waiting":
            waiting.add(step)
        elif kind == b"step_started" and step in waiting:
            waiting.discard(step)
            began.pop(step, None)
        began.setdefault(step, at)
        took.pop(step, None)
        if kind == b"step_finished" and status in (b"ok", b"changed"):
            took[step] = (_moment(at) - _moment(began[step])).total_seconds()
        if kind == b"step_finished":
            began.pop(step)  # where it comes again, it begins again
    return {json.loads(step): seconds for step, seconds in took.items()}


def downtime(lines: Iterable[bytes]) -> float | None:
    """Give the seconds that a site was down by a journal's *lines*; None where it was not, or its end is not told."""
    found = [one.groups() for one in map(re.compile(_DOWN).match, lines) if one]
    began = next((at for at, kind in found if kind == b"began"), None)
    ended = found[-1][0] if found and found[-1][1] == b"ended" else None
    return None if began is None or ended is None else (_moment(ended) - _moment(began)).total_seconds()


def _moment(at: bytes) -> datetime:
    return datetime.fromisoformat(at.decode())


def median(numbers: Sequence[float]) -> float:
    """Give the number in the middle, or what lies between the two in the middle."""
    # That of the standard library takes longer to import than all journals to read.
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(numbers) % 2 else (ordered[half - 1] + ordered[half]) / 2
