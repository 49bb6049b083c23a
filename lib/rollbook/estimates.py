"""
How long steps took before: a guess for the plan of the next run.

A guess is worth no second of waiting, so journals are skimmed: the beginnings of their lines are
matched, as `journal` writes them, and nothing is decoded, checked or folded.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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
_STEP: Final = rb'\{"n":\d+,"at":"([^"]+)","type":"(\w+)","prev":"\w+","step":' + _TEXT + rb'(?:,"status":"(\w+)")?'
_UNREADABLE: Final = (OSError, ValueError, TypeError)  # such a journal tells nothing


def estimates(journals: Iterable[Path], runbook: str) -> Mapping[str, float]:
    """Give each step's median seconds over the first few *journals* that tell of *runbook*, by address."""
    seen: dict[str, list[float]] = {}
    for journal in islice(_of(journals, runbook), _RECENT):
        with suppress(*_UNREADABLE):
            for address, seconds in _durations(journal).items():
                seen.setdefault(address, []).append(seconds)
    return {address: round(_median(seconds), 3) for address, seconds in seen.items()}


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


def _durations(journal: Path) -> dict[str, float]:
    """Give the seconds from each step's begin to its good end; a wait for a person ends where the work begins."""
    began: dict[bytes, bytes] = {}
    waiting: set[bytes] = set()
    took: dict[bytes, float] = {}
    match = re.compile(_STEP).match
    with journal.open("rb") as file:
        for found in filter(None, map(match, file)):
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
    return {json.loads(step): seconds for step, seconds in took.items()}


def _moment(at: bytes) -> datetime:
    return datetime.fromisoformat(at.decode())


def _median(numbers: list[float]) -> float:
    # That of the standard library takes longer to import than all journals to read.
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(numbers) % 2 else (ordered[half - 1] + ordered[half]) / 2
