"""The impact of a run: where the time went, and for how long the site was down."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from ..run import Downtime, Run, StepRun
from .account import DowntimeAccount, Impact, Span

Stretch = tuple[datetime, datetime]


def last_moment(run: Run) -> datetime:
    """Give the time of the run's end, or of its last record."""
    return run.ended_at or run.last_at or run.started_at


def impact_of(run: Run, undo: Run | None) -> Impact:
    """Measure *run*; downtimes are those of both runs, for an undo may end what the run began."""
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
        downtimes=tuple(_downtimes(run, undo)),
    )


def step_stretches(run: Run) -> Iterator[Stretch]:
    """Give begin and end of each step that began; one that did not end runs to the last record."""
    for step in run.steps:
        if step.started_at is not None:
            yield step.started_at, max(step.ended_at or last_moment(run), step.started_at)


def waits_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches in which the run waited for people, in order."""
    asked = {event.address: event.at for event in reversed(run.events) if event.type == "waiting"}
    answered = {answer.address: answer for answer in run.answers}
    found = []
    for step in run.steps:
        began = asked.get(step.address, step.started_at)
        answer = answered.get(step.address)
        if began is None:
            continue
        if step.status == "waiting":
            found.append(Span("wait", began, None, "no answer yet", step.address))
        elif answer is not None and answer.at > began:
            found.append(Span("wait", began, answer.at, f"answered by {answer.by}", step.address))
    return tuple(sorted(found, key=lambda span: span.began))


def gaps_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches between a stop, of whatever cause, and the resume after it."""
    return tuple(_gap(run, event.at) for event in run.events if event.type == "run_resumed")


def _gap(run: Run, resumed: datetime) -> Span:
    began = max((at for at in _instants(run) if at < resumed), default=run.started_at)
    why = "not running: it had failed or was cut off"
    if any(event.type == "interrupted" and event.at == began for event in run.events):
        why = "stopped on purpose"
    elif any(event.type in ("step_failed", "unreachable", "drift") and event.at == began for event in run.events):
        why = "stopped after a failure"
    elif any(wait.began <= began and (wait.ended or resumed) >= resumed for wait in waits_of(run)):
        why = "not running: an answer was awaited"
    elif any(event.type in ("in_doubt", "recovered") and event.at >= resumed for event in run.events):
        why = "cut off in the middle of a step"
    return Span("gap", began, resumed, why)


def _instants(run: Run) -> Iterator[datetime]:
    # Notes are left out: people add them while nothing runs.
    yield run.started_at
    for step in run.steps:
        yield from (at for at in (step.started_at, step.ended_at) if at is not None)
    yield from (event.at for event in run.events)
    yield from (answer.at for answer in run.answers)
    for stretch in run.downtimes:
        yield from (at for at in (stretch.began_at, stretch.ended_at) if at is not None)


def _downtimes(run: Run, undo: Run | None) -> Iterator[DowntimeAccount]:
    for stretch in run.downtimes:
        ender = _undo_ender(undo) if stretch.ended_at is None else None
        if ender is not None and undo is not None:
            ended = ender.ended_at or last_moment(undo)
            yield _downtime(run, Downtime(stretch.began_at, stretch.began_by, ended, f"{undo.id}: {ender.address}"))
        else:
            yield _downtime(run, stretch)
    for stretch in undo.downtimes if undo else ():
        yield _downtime(undo or run, stretch)


def _downtime(run: Run, stretch: Downtime) -> DowntimeAccount:
    ended = stretch.ended_at or last_moment(run)
    return DowntimeAccount(
        run=run.id,
        began=stretch.began_at,
        began_by=stretch.began_by,
        ended=stretch.ended_at,
        ended_by=stretch.ended_by,
        seconds=max((ended - stretch.began_at).total_seconds(), 0.0),
    )


def _undo_ender(undo: Run | None) -> StepRun | None:
    steps = undo.steps if undo else ()
    return next((step for step in steps if step.planned.downtime == "ends" and step.done and step.ended_at), None)


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
