"""The instants of a run: when its journal tells that something happened."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime

from ..run import Run


def last_moment(run: Run) -> datetime:
    """Give the time of the run's end, or of its last record."""
    return run.ended_at or run.last_at or run.started_at


def before(at: datetime, instants: Sequence[datetime]) -> datetime | None:
    """Find the last of *instants*, which are in order, before *at*."""
    index = bisect_left(instants, at)
    return instants[index - 1] if index else None


def instants_of(run: Run) -> tuple[datetime, ...]:
    """Give the instants in order, each once."""
    return tuple(sorted({*_carried_out(run), *(step.adopted_at for step in run.steps if step.adopted_at)}))


def instants_at_work(run: Run) -> tuple[datetime, ...]:
    """Give those at which the run was carried out: notes and adoptions may be added while nothing runs."""
    return tuple(sorted(set(_carried_out(run))))


def _carried_out(run: Run) -> Iterator[datetime]:
    yield run.started_at
    for step in run.steps:
        own = (step.started_at, *step.starts, step.ended_at, step.skipped_at)
        yield from (at for at in own if at is not None and at != step.adopted_at)
    yield from (event.at for event in run.events)
    yield from (answer.at for answer in run.answers)
    for stretch in run.downtimes:
        ends = ((stretch.began_at, stretch.began_by), (stretch.ended_at, stretch.ended_by))
        yield from (at for at, by in ends if at is not None and not is_by_hand(run, by, at))


def is_by_hand(run: Run, address: str, at: datetime) -> bool:
    """Tell whether what the step brought about *at* some time was brought about by hand, at the latest then."""
    step = run.step(address)
    return step is not None and step.adopted_at is not None and at >= step.adopted_at
