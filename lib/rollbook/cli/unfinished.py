"""Runs of the same thing that are not over: who begins another one should know of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, TypeAlias

from ..errors import JournalError, RefusedError
from ..plan import Plan
from ..planner.readers import Pool
from ..report.wording import visible
from ..run import Run
from ..runs import RunFolder, Runs
from ..schema import encode
from ..values import Plain
from .ending import sentence
from .hints import typed
from .holder import holder_of
from .screen import Screen
from .undone import undone_by

_NEWEST: Final = 200  # runs; what nobody went on with for so long is no news
_SHOWN: Final = 3
_END: Final = 4096  # bytes
_OVER: Final = (b'"status":"succeeded"', b'"status":"undone"', b'"status":"abandoned"')


Unfinished: TypeAlias = tuple[RunFolder, Run]


def unfinished(plan: Plan) -> Iterator[Unfinished]:
    """Yield the runs here that are not over and share a lock; without one, those of the same inputs."""
    for folder in islice(reversed(Runs().all()), _NEWEST):
        if _has_ended(folder) or undone_by(folder) or not _is_same(plan, folder.begun_plan()):
            continue
        with suppress(JournalError):
            run = folder.read()
            if run.resumable:
                yield folder, run


def _has_ended(folder: RunFolder) -> bool:
    """Tell by the end of its journal, and without reading all of it, that a run is over; most are."""
    try:
        with folder.journal.open("rb") as journal:
            journal.seek(max(0, folder.journal.stat().st_size - _END))
            last = journal.read().rstrip().rpartition(b"\n")[2]
    except OSError:
        return True
    return b'"type":"run_finished"' in last and any(status in last for status in _OVER)


def unfinished_lines(found: Sequence[Unfinished], screen: Screen) -> Iterator[str]:
    """Yield what to say of *found* after a plan, of the newest of them."""
    for folder, run in found[:_SHOWN]:
        yield ""
        holder = holder_of(folder)
        told = f"NOT OVER: {sentence(run, holder)}"
        yield from (screen.paint(line, "yellow", "bold") for line in screen.wrap(visible(told)))
        if holder:
            yield f"  look       {typed('status', run.id)}"
            continue
        yield f"  go on      {typed('resume', run.id)}"
        yield f"  give up    {typed('abandon', run.id)} --reason WHY"
    if len(found) > _SHOWN:
        yield ""
        yield f"And {len(found) - _SHOWN} more that are not over: {typed('runs')}"


def require_ended_commands(found: Iterable[Unfinished], pool: Pool) -> None:
    """Raise `RefusedError` while a command of one of them still goes on, whoever carries it out or was killed."""
    from ..engine.outlived import require_ended

    for folder, run in found:
        try:
            require_ended(folder, run, pool, "Nothing was started.")
        except RefusedError as error:
            if holder := holder_of(folder):
                raise RefusedError(
                    f"Run {run.id} is being carried out by {holder}, and works on the same. Nothing was started.",
                    advice=f"Wait for its end, or have it stop after its step: {typed('pause', run.id)}",
                ) from error
            raise


def _is_same(plan: Plan, begun: Mapping[str, Plain]) -> bool:
    locks = _locks(plan.environment, plan.lock, ((lock.name, lock.environment) for lock in plan.locks))
    if not locks.isdisjoint(_begun_locks(begun)):
        return True
    if plan.lock:
        return False  # what it is a lock for is another thing
    wanted = (plan.environment, plan.runbook, encode(plan.inputs))
    return (begun.get("environment"), begun.get("runbook"), begun.get("inputs")) == wanted


def _begun_locks(begun: Mapping[str, Plain]) -> frozenset[tuple[str, str]]:
    stages = [lock for lock in _listed(begun.get("locks")) if isinstance(lock, dict)]
    pairs = ((str(lock.get("name", "")), str(lock.get("environment", ""))) for lock in stages)
    return _locks(str(begun.get("environment", "")), str(begun.get("lock") or ""), pairs)


def _listed(value: Plain) -> Sequence[Plain]:
    return value if isinstance(value, list) else ()


def _locks(environment: str, own: str, stages: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Give the locks of a run, each a name and where: its own, and of a playbook those of its stages."""
    named = ((own, environment), *((name, where or environment) for name, where in stages))
    return frozenset((name, where) for name, where in named if name)
