"""The impact of a run: where the time went, and for how long the site was down."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from ..downtime import Downtime
from ..run import Event, Run, StepRun
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


def with_begins(run: Run) -> Run:
    """
    Give *run* with a begin for every step that has only an end.

    Reading and asking journal no start. A run does one thing after the other, so such a step began
    at the record before; for a question, at the record before its first answer.
    """
    instants = sorted(set(_instants(run)))
    answered = {answer.address: answer.at for answer in reversed(run.answers)}
    return replace(run, steps=tuple(_with_begin(step, instants, answered.get(step.address)) for step in run.steps))


def _with_begin(step: StepRun, instants: Sequence[datetime], answered: datetime | None) -> StepRun:
    if step.ended_at is None or step.started_at != step.ended_at:
        return step
    if step.settled_at and (step.starts or step.ended_at == step.settled_at):
        return step  # its begin is known, or it had none
    mark = answered if answered and answered < step.ended_at and step.planned.verdict == "ask" else step.ended_at
    return replace(step, started_at=_before(mark, instants) or step.started_at)


def _before(at: datetime, instants: Sequence[datetime]) -> datetime | None:
    index = bisect_left(instants, at)
    return instants[index - 1] if index else None


def waits_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches in which the run waited for people, in order."""
    instants = sorted(set(_instants(run)))
    asked = {event.address: event.at for event in reversed(run.events) if event.type == "waiting" and not event.text}
    doubted = {event.address: event.at for event in run.events if event.type == "in_doubt"}
    answers = {answer.address: answer for answer in run.answers if not answer.asked}
    last = {event.address: event for event in run.events if event.type == "waiting"}
    agreeing = {address for address, event in last.items() if event.text}
    found = []
    for step in run.steps:
        answer = answers.get(step.address)
        if step.address not in agreeing and (step.status == "waiting" or run.waiting_for == step.address):
            put = last[step.address].at if step.asks is not None and step.address in last else asked.get(step.address)
            since = put or doubted.get(step.address) or step.started_at or last_moment(run)
            ended, text = (None, "no answer yet") if run.resumable else (last_moment(run), "never answered")
            found.append(Span("wait", since, ended, text, step.address))
        elif answer is not None:
            began = asked.get(step.address) or step.started_at
            if began is None or began >= answer.at or answer.how == "doubt":
                began = _before(answer.at, instants) or answer.at
            found.append(Span("wait", began, answer.at, f"answered by {answer.by}", step.address))
        elif step.answers:
            continue
        elif step.by and step.over_at and (put := asked.get(step.address) or doubted.get(step.address)):
            found.append(Span("wait", put, step.over_at, f"settled by {step.by}", step.address))
    found += (*_at_work(run), *_agreements(run))
    return tuple(sorted(found, key=lambda span: span.began))


def _at_work(run: Run) -> Iterator[Span]:
    """Yield what was waited for answers that steps needed at work: between two of them a step may work on."""
    since: dict[str, datetime] = {}
    for answer in (one for one in run.answers if one.asked):
        waits = [event.at for event in run.events if event.type == "waiting" and event.address == answer.address]
        began = max((at for at in waits if at <= answer.at), default=None)
        if began is not None and began >= since.get(answer.address, began):
            yield Span("wait", began, answer.at, f"answered by {answer.by}", answer.address)
        since[answer.address] = answer.at


def agreements_awaited(run: Run) -> Iterator[Event]:
    """Yield where agreement to newly planned steps was waited for: a question's own wait has no text."""
    return (event for event in run.events if event.type == "waiting" and event.text)


def _agreements(run: Run) -> Iterator[Span]:
    resumes = [event.at for event in run.events if event.type == "run_resumed"]
    for event in agreements_awaited(run):
        ended = next((at for at in resumes if at >= event.at), None)
        yield Span("wait", event.at, ended, "agreement to newly planned steps", event.address)


def gaps_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches between a stop, of whatever cause, and the resume after it."""
    starts = [index for index, event in enumerate(run.events) if event.type == "run_resumed"]
    instants, waits = sorted(set(_carried_out(run))), waits_of(run)
    return tuple(
        _gap(run, run.events[start:end], instants, waits) for start, end in pairwise((*starts, len(run.events)))
    )


def _gap(run: Run, events: Sequence[Event], instants: Sequence[datetime], waits: Sequence[Span]) -> Span:
    resumed, first = events[0].at, {event.type for event in events[1:3]}
    began = _before(resumed, instants) or run.started_at
    last = {event.type for event in run.events if event.at == began}
    failed = any(step.error and step.ended_at == began for step in run.steps)
    why = "not running: it had failed or was cut off"
    if "interrupted" in last:
        why = "stopped on purpose"
    elif failed or last & {"step_failed", "unreachable", "drift"}:
        why = "stopped after a failure"
    elif "waiting" in last or any(wait.began <= began and (wait.ended or resumed) >= resumed for wait in waits):
        why = "not running: an answer was awaited"
    elif first & {"in_doubt", "recovered"}:
        why = "cut off in the middle of a step"
    return Span("gap", began, resumed, why)


def _instants(run: Run) -> Iterator[datetime]:
    yield from _carried_out(run)
    yield from (step.adopted_at for step in run.steps if step.adopted_at)


def _carried_out(run: Run) -> Iterator[datetime]:
    # Notes and adoptions are left out: people add them while nothing runs.
    yield run.started_at
    for step in run.steps:
        own = (step.started_at, step.ended_at, step.skipped_at)
        yield from (at for at in own if at is not None and at != step.adopted_at)
    yield from (event.at for event in run.events)
    yield from (answer.at for answer in run.answers)
    for stretch in run.downtimes:
        ends = ((stretch.began_at, stretch.began_by), (stretch.ended_at, stretch.ended_by))
        yield from (at for at, by in ends if at is not None and not _is_by_hand(run, by, at))


def _is_by_hand(run: Run, address: str, at: datetime) -> bool:
    """Tell whether what the step brought about *at* some time was brought about by hand, at the latest then."""
    step = run.step(address)
    return step is not None and step.adopted_at is not None and at >= step.adopted_at


def _downtimes(run: Run, undo: Run | None) -> Iterator[DowntimeAccount]:
    for stretch in run.downtimes:
        ender = _undo_ender(undo) if stretch.ended_at is None else None
        if ender is not None and undo is not None:
            ended = ender.over_at or last_moment(undo)
            told = _downtime(run, Downtime(stretch.began_at, stretch.began_by, ended, f"{undo.id}: {ender.address}"))
            yield replace(told, ended_by_hand=ender.adopted_at is not None)
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
        began_by_hand=_is_by_hand(run, stretch.began_by, stretch.began_at),
        ended_by_hand=stretch.ended_at is not None and _is_by_hand(run, stretch.ended_by, stretch.ended_at),
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
