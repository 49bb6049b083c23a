"""Which runs took a run back, and what of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from .downtime import Downtime
from .errors import JournalError
from .plan import BY_HAND, LEFT_BEHIND
from .run import Run, StepRun
from .runs import RunFolder, Runs

_OVER: Final = ("undone", "abandoned")


class Earlier(NamedTuple):
    """What an undo that is over, the run *by*, did in one of its steps."""

    by: str
    step: StepRun


class Fate(NamedTuple):
    """What became of a change since: the run *by* took it back *at* a time, and the run *again*, if any, brought it."""

    by: str
    at: datetime | None
    again: str = ""


class Undone(NamedTuple):
    """A run that is to be taken back, as it stands; *undos* are the ids of all that take it, or one another, back."""

    run: Run
    undos: frozenset[str]

    @classmethod
    def of(cls, runs: Runs, run: Run) -> "Undone":
        """Look how *run* stands."""
        return cls(run, frozenset(folder.id for folder in _family(runs, run)))


def undos_of(runs: Runs, run: Run) -> Iterator[Run]:
    """Yield the runs that take *run* back and can be read, the newest first."""
    for folder, plan in runs.begun():
        if folder.id != run.id and plan.get("undo_of") == run.id:
            with suppress(JournalError):
                yield folder.read()


def first_of(runs: Runs, run: Run) -> RunFolder:
    """Give the folder of the run with which the undos began to which *run* belongs: its own where it is none."""
    folder, plan = runs.find(run.id), run.plan
    while (earlier := folder.first(plan)) is not None:
        folder, plan = folder.beside(earlier.id), earlier.plan
    return folder


def under_way(runs: Runs, run: Run) -> Run | None:
    """
    Find an undo that is not over, other than *run* itself, among those of its first run and of one another.

    They go on one at a time: each is planned on what the others have left.
    """
    for folder in _family(runs, run):
        with suppress(JournalError):
            undo = folder.read()
            if undo.id != run.id and not is_over(runs, undo):
                return undo
    return None


def _family(runs: Runs, run: Run) -> tuple[RunFolder, ...]:
    """Give the undos of the first run of *run*, and those of these, the newest first."""
    undone = {folder: str(plan.get("undo_of") or "") for folder, plan in runs.begun()}
    ids = {first_of(runs, run).id}
    while more := {folder.id for folder, of in undone.items() if of in ids} - ids:
        ids |= more
    return tuple(folder for folder, of in undone.items() if of and folder.id in ids)


def is_over(runs: Runs, run: Run) -> bool:
    """Tell whether nobody can go on with *run*: it ended for good, or another took it back as a whole."""
    return not run.resumable or any(undo.status == "undone" and not undo.plan.undo_to for undo in undos_of(runs, run))


def steps_taken_back(runs: Runs, run: Run) -> frozenset[str]:
    """Name the steps of *run* that are taken back: the last undo of each did so, and none of that brought it again."""
    return frozenset(address for _, standing in _standing(runs, run) for address in standing)


def standing_undo(runs: Runs, run: Run) -> Run | None:
    """Find the newest undo of *run* that took back something, or may have, which no undo of it brought again."""
    changed = {step.address for step in run.steps if step.changed}
    return next(
        (undo for undo, standing in _standing(runs, run, unsure=True) if not changed.isdisjoint(standing)), None
    )


def as_it_stands(runs: Runs, run: Run) -> Run:
    """Give a run as its undos left it: what they took back is `undone`, and downtime that one of them ended is over."""
    back = steps_taken_back(runs, run)
    steps = tuple(replace(step, status="undone") if step.address in back else step for step in run.steps)
    return replace(with_downtime_over(runs, run), steps=steps)


def left_standing(undo: Run) -> tuple[StepRun, ...]:
    """Give the steps of *undo* by which it went past what nothing takes back, or what was done by hand."""
    return tuple(step for step in undo.steps if undo.plan.undo_of and step.reason.startswith((BY_HAND, LEFT_BEHIND)))


def with_downtime_over(runs: Runs, run: Run, *, before: str = "") -> Run:
    """Give a run whose downtime is over where an undo of it, that began *before* the run of that id, ended that."""
    if all(stretch.ended_at is not None for stretch in run.downtimes):
        return run
    undos = [undo for undo in undos_of(runs, run) if not before or undo.id < before][::-1]
    return replace(run, downtimes=tuple(_over(stretch, undos) for stretch in run.downtimes))


def _over(stretch: Downtime, undos: Sequence[Run]) -> Downtime:
    for undo in undos if stretch.ended_at is None else ():
        ender = ends_downtime(undo, stretch)
        if ender is not None and ender.over_at and ender.over_at > stretch.began_at:
            return replace(stretch, ended_at=ender.over_at, ended_by=ender.address)
    return stretch


def ends_downtime(undo: Run, stretch: Downtime) -> StepRun | None:
    """Find the step of *undo* that ended a stretch of downtime which another run began."""
    anywhere = not undo.plan.environments
    there = (step for step in undo.steps if anywhere or step.planned.environment == stretch.environment)
    return next((step for step in there if step.planned.downtime == "ends" and step.done and step.ended_at), None)


def _standing(runs: Runs, run: Run, *, unsure: bool = False) -> Iterator[tuple[Run, frozenset[str]]]:
    """Yield each undo of *run*, the newest first, with what it was the last to take back and did not come again."""
    found: list[tuple[Run, frozenset[str], frozenset[str]]] = []
    touched: dict[str, str] = {}  # by an older one, and the run, if any, that brought it again
    for undo in reversed(tuple(undos_of(runs, run))):
        taken, did = _taken(runs, undo), frozenset(step.planned.undo_of for step in undo.steps if _did(step))
        if unsure and undo.status in _OVER:
            doubted = {step.planned.undo_of for step in undo.steps if step.unsure and step.planned.writes}
            taken, did = taken | doubted, did | doubted
        taken -= _since(run, undo)
        # What it found gone already, one before it took; unless that had come again, and went some other way.
        idle = {address for address in taken - did if address in touched and not "" < touched[address] < undo.id}
        again = _came_again(runs, undo)
        found.append((undo, taken - idle, taken - idle - again.keys()))
        touched |= {address: again.get(address, "") for address in taken & did}
    settled: set[str] = set()
    for undo, taken, stands in reversed(found):
        yield undo, stands - settled
        settled |= taken


def _is_settled(runs: Runs, undo: Run) -> bool:
    """Tell whether an undo came to its end, or was given up, or was itself taken back before it had ended."""
    return undo.status in _OVER or is_over(runs, undo)


def _did(step: StepRun) -> bool:
    """Tell whether a step, or somebody in its place, did something; not so one that found all as it was to be."""
    return step.changed or step.adopted_at is not None


def earlier_steps(runs: Runs, run: Run) -> Mapping[str, Earlier]:
    """Give by address the steps with which undos of *run* that are over began to write, and which stand, the newest."""
    found: dict[str, Earlier] = {}
    for undo in undos_of(runs, run):
        if not _is_settled(runs, undo):
            continue
        again, back = {*_came_again(runs, undo)} | _since(run, undo), steps_taken_back(runs, undo)
        for step in undo.steps:
            stands = step.planned.undo_of not in again and step.address not in back
            if step.planned.writes and step.started_at and stands:
                found.setdefault(step.address, Earlier(undo.id, step))
    return found


def earlier_or_since(runs: Runs, run: Run) -> Mapping[str, Earlier]:
    """Give what `earlier_steps` does; of one that brought another again also what undos of that did since."""
    found = dict(earlier_steps(runs, run))
    folder, first = runs.find(run.id), run
    while first.plan.again and (place := folder.beside(first.plan.again)).journal.exists():
        first = place.read()
        since = {address: one for address, one in earlier_steps(runs, first).items() if one.by > run.id}
        found = since | found
    return found


def fates_of(runs: Runs, run: Run) -> Mapping[str, Fate]:
    """Tell by address what became of the changes of *run* by undos that are over."""
    found: dict[str, Fate] = {}
    idle: set[str] = set()  # what the newest undo found as it was before: one before it took that back
    for undo in undos_of(runs, run):
        again, since = _came_again(runs, undo), _since(run, undo)
        for address, takers in takers_of(run, undo).items() if undo.status in _OVER else ():
            ended = unended(takers) is None
            if address in since or not (ended or address in again):
                continue  # who brought it again knew whether it had gone
            at = max((step.over_at for step in takers if step.over_at), default=None)
            fate = Fate(undo.id, at, again.get(address, ""))
            before = found.get(address)
            if before is None or (address in idle and not "" < fate.again < before.by):
                found[address] = fate
                (idle.discard if any(step.changed for step in takers) else idle.add)(address)
    return found


def takers_of(run: Run, undo: Run) -> Mapping[str, Sequence[StepRun]]:
    """Give by address the steps of *undo* that take the steps of *run* back."""
    taking: dict[str, list[StepRun]] = {}
    for step in undo.steps:
        # Of a run that brings again what an undo took back the steps are the first run's own.
        taking.setdefault(step.planned.undo_of or (step.address if undo.plan.again else ""), []).append(step)
    found: dict[str, Sequence[StepRun]] = {}
    for step in run.steps:
        # What its own undo steps took back is the first run's step when it comes again.
        takers = taking.get(step.address) or (taking.get(step.planned.undo_of) if undo.plan.again else None)
        if takers:
            found[step.address] = takers
    return found


def unended(takers: Sequence[StepRun]) -> StepRun | None:
    """
    Find what of the way back of a step did not come to its end; where none of it took part, all of it did not.

    What the undo could do without, such as a message, is no part of it.
    """
    for step in (one for one in takers if not one.spared):
        passed_over = step.status == "skipped" and (step.starts or step.skipped_at)
        if not step.done or passed_over:
            return step
    return takers[0] if all(step.status == "skipped" for step in takers) else None


def _since(run: Run, undo: Run) -> frozenset[str]:
    """Name the steps that *run* itself began after *undo* had: it went on once that was taken back, or given up."""
    return frozenset(step.address for step in run.steps if undo.undone_at and step.began_last > undo.undone_at)


def _taken_by(runs: Runs, undo: Run) -> frozenset[str]:
    """Name the steps that *undo* took back and no undo of it brought again."""
    return _taken(runs, undo) - _came_again(runs, undo).keys()


def _taken(runs: Runs, undo: Run) -> frozenset[str]:
    """Name the steps that *undo* took back; one that was given up took back what it had changed by then."""
    if not _is_settled(runs, undo):
        return frozenset()
    back = (
        step
        for step in undo.steps
        if (step.changed if undo.status != "undone" else step.planned.verdict != "skip" and step.status != "skipped")
    )
    return frozenset(step.planned.undo_of for step in back if step.planned.undo_of and not step.planned.asks_first)


def _came_again(runs: Runs, undo: Run) -> Mapping[str, str]:
    """Name the steps of the run that *undo* took back that came again, with the run: its own end, or undos of it."""
    first = {step.address: step.planned.undo_of for step in undo.steps if step.planned.undo_of}
    found = {step.address: undo.id for step in undo.steps if step.planned.section == "finally" and _came(step)}
    settled: set[str] = set()  # by a newer one: what went with that is gone, whatever one before it brought
    for redo in undos_of(runs, undo):
        if redo.plan.again:
            # The first run's steps at their own addresses; what was not taken back stands still.
            there = {
                step.address: step.changed for step in redo.steps if step.planned.verdict != "skip" and _came(step)
            }
            # Of what it found there already, one before it says whether it is.
            came = {address for address, changed in there.items() if changed}
            stands = there.keys() - steps_taken_back(runs, redo)
        else:
            came = {first[address] for address in _taken(runs, redo) if address in first}
            stands = {first[address] for address in _taken_by(runs, redo) if address in first}
        gone = came - stands - settled
        found = dict.fromkeys(stands - settled, redo.id) | {one: by for one, by in found.items() if one not in gone}
        settled |= came
    return found


def _came(step: StepRun) -> bool:
    """Tell whether a step that brings something again did so; one that began and did not end well may not have."""
    return step.done and step.status != "skipped"
