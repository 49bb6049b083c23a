"""The impact of a run: where the time went, and for how long the site was down."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from ..downtime import Downtime
from ..run import Event, Run, StepRun
from ..undos import ends_downtime
from .account import DowntimeAccount, Impact, Span
from .instants import before, instants_at_work, instants_of, is_by_hand, last_moment
from .waits import FAILURES, waits_of

Stretch = tuple[datetime, datetime]


def impact_of(run: Run, undo: Run | None, turns: Sequence[Run] = ()) -> Impact:
    """Measure *run*; downtimes are also those of its undo and of what took that back in turn."""
    now = last_moment(run)
    waits, gaps = waits_of(run), gaps_of(run)
    waiting = union((wait.began, wait.ended or now) for wait in waits)
    stopped = without(union((gap.began, gap.ended or now) for gap in gaps), waiting)
    busy = without(without(union(step_stretches(run)), waiting), stopped)
    elapsed = max((now - run.started_at).total_seconds(), 0.0)
    parts = [total(part) for part in (busy, waiting, stopped)]
    return Impact(
        elapsed=elapsed,
        working=parts[0],
        waiting=parts[1],
        stopped=parts[2],
        between=max(elapsed - sum(parts), 0.0),
        waits=waits,
        gaps=gaps,
        downtimes=tuple(_downtimes((run, *([undo] if undo else ()), *turns))),
    )


def step_stretches(run: Run) -> Iterator[Stretch]:
    """Give begin and end of each step that began; one that did not end runs to the last record."""
    for step in run.steps:
        if step.started_at is not None:
            yield step.started_at, max(step.ended_at or last_moment(run), step.started_at)


def with_begins(run: Run) -> Run:
    """
    Give *run* with a begin for every step that has only an end.

    Reading and asking journal no start. A run does one thing after the other, so such a step began
    at the record before; for a question, at the record before its first answer.
    """
    instants = instants_of(run)
    answered = {answer.address: answer.at for answer in reversed(run.answers)}
    failed = {(event.address, event.at) for event in run.events if event.type in FAILURES}
    marks = ((step, _first_told(step, answered.get(step.address), failed)) for step in run.steps)
    return replace(
        run,
        steps=tuple(
            replace(step, started_at=before(mark, instants) or step.started_at) if mark else step
            for step, mark in marks
        ),
    )


def _first_told(
    step: StepRun, answered: datetime | None, failed: Collection[tuple[str, datetime | None]]
) -> datetime | None:
    """Give when a step is first told of that has only ends; None where its begin is known, or it had none."""
    asks = step.planned.verdict == "ask"
    if not asks and not step.starts and (step.address, step.started_at) in failed:
        return step.started_at  # it was tried again since
    if step.ended_at is None or step.started_at != step.ended_at:
        return None
    if step.settled_at and (step.starts or step.ended_at == step.settled_at):
        return None
    return answered if asks and answered and answered < step.ended_at else step.ended_at


def gaps_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches between a stop, of whatever cause, and the resume after it."""
    starts = [index for index, event in enumerate(run.events) if event.type == "run_resumed"]
    instants, waits = instants_at_work(run), waits_of(run)
    return tuple(
        _gap(run, run.events[start:end], instants, waits) for start, end in pairwise((*starts, len(run.events)))
    )


def _gap(run: Run, events: Sequence[Event], instants: Sequence[datetime], waits: Sequence[Span]) -> Span:
    resumed, first = events[0].at, {event.type for event in events[1:3]}
    began = before(resumed, instants) or run.started_at
    last = {event.type for event in run.events if event.at == began}
    failed = any(step.error and step.ended_at == began for step in run.steps)
    why = "not running: it had failed or was cut off"
    if "interrupted" in last:
        why = "stopped on purpose"
    elif failed or last & {"step_failed", "unreachable", "drift", "run_finished"}:
        why = "stopped after a failure"
    elif last & {"waiting", "in_doubt"} or any(
        wait.began <= began and (wait.ended or resumed) >= resumed for wait in waits
    ):
        why = "not running: an answer was awaited"
    elif first & {"in_doubt", "recovered"}:
        why = "cut off in the middle of a step"
    return Span("gap", began, resumed, why)


def _downtimes(runs: Sequence[Run]) -> Iterator[DowntimeAccount]:
    """Tell the downtimes of a run and of those that took it back and brought it again, the first of them first."""
    for place, run in enumerate(runs):
        for stretch in run.downtimes:
            later = runs[place + 1 :] if stretch.ended_at is None else ()
            enders = ((one, ends_downtime(one, stretch)) for one in later)
            yield next((_ended(run, stretch, one, step) for one, step in enders if step), _downtime(run, stretch))


def _ended(run: Run, stretch: Downtime, by: Run, ender: StepRun) -> DowntimeAccount:
    """Tell a stretch that another run ended."""
    ended = ender.over_at or last_moment(by)
    told = _downtime(run, Downtime(stretch.began_at, stretch.began_by, ended, f"{by.id}: {ender.address}"))
    return replace(told, ended_by_hand=ender.adopted_at is not None)


def _downtime(run: Run, stretch: Downtime) -> DowntimeAccount:
    ended = stretch.ended_at or last_moment(run)
    return DowntimeAccount(
        run=run.id,
        began=stretch.began_at,
        began_by=stretch.began_by,
        ended=stretch.ended_at,
        ended_by=stretch.ended_by,
        seconds=max((ended - stretch.began_at).total_seconds(), 0.0),
        began_by_hand=is_by_hand(run, stretch.began_by, stretch.began_at),
        ended_by_hand=stretch.ended_at is not None and is_by_hand(run, stretch.ended_by, stretch.ended_at),
    )


def union(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Merge stretches that touch; in order."""
    merged: list[Stretch] = []
    for began, ended in sorted(stretches):
        if merged and began <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ended))
        else:
            merged.append((began, ended))
    return tuple(merged)


def without(stretches: Iterable[Stretch], holes: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Take *holes* out of *stretches*."""
    left = list(stretches)
    for hole_began, hole_ended in holes:
        left = [
            part
            for began, ended in left
            for part in ((began, min(ended, hole_began)), (max(began, hole_ended), ended))
            if part[0] < part[1]
        ]
    return tuple(left)


def total(stretches: Iterable[Stretch]) -> float:
    """Add up seconds."""
    return sum((ended - began).total_seconds() for began, ended in stretches)
