"""When an undo closes a site, and when it opens it again: as the run that it takes back did, the other way round."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from ..downtime import Downtime
from ..plan import PlannedStep
from ..run import Run

Word = Literal["begins", "ends"]


def closed_and_opened(steps: Iterable[PlannedStep], run: Run) -> tuple[PlannedStep, ...]:
    """
    Let the downtime of an undo begin with the first of its *steps* that takes back what *run* did while it was down.

    It ends with what takes back the step that closed the site; while that stands, so does the downtime. Where another
    run had closed it, it begins with what takes back the opening. What an own undo step declares of itself holds.
    """
    found = list(steps)
    places = {step.address: place for place, step in enumerate(run.steps)}
    words = dict(_opened_for_others(found, run))
    for stretch in run.downtimes:
        words |= dict(_words(found, places, stretch))
    return tuple(
        step if step.downtime or at not in words else replace(step, downtime=words[at]) for at, step in enumerate(found)
    )


def _opened_for_others(steps: list[PlannedStep], run: Run) -> Iterator[tuple[int, Word]]:
    opened = {step.address for step in run.steps if step.planned.downtime == "ends"}
    closed = {stretch.ended_by for stretch in run.downtimes}
    for at, step in enumerate(steps):
        if step.writes and step.undo_of in opened - closed:
            yield at, "begins"


def _words(steps: list[PlannedStep], places: Mapping[str, int], stretch: Downtime) -> Iterator[tuple[int, Word]]:
    began, ended = places.get(stretch.began_by, 0), places.get(stretch.ended_by, len(places))
    inside = [at for at, step in enumerate(steps) if step.writes and began <= places.get(step.undo_of, -1) <= ended]
    opening = [at for at in inside if steps[at].undo_of == stretch.began_by]
    if opening:
        yield opening[-1], "ends"
    if inside and inside[0] not in opening[-1:]:
        yield inside[0], "begins"
