"""Runs of the same thing that are not over: who begins another one should know of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, TypeAlias

from ..errors import JournalError
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
    """Yield the runs here that are not over and take the same lock; without one, those of the same inputs."""
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
        told = f"NOT OVER: {sentence(run, holder_of(folder))}"
        yield from (screen.paint(line, "yellow", "bold") for line in screen.wrap(visible(told)))
        yield f"  go on      {typed('resume', run.id)}"
        yield f"  give up    {typed('abandon', run.id)} --reason WHY"
    if len(found) > _SHOWN:
        yield ""
        yield f"And {len(found) - _SHOWN} more that are not over: {typed('runs')}"


def require_ended_commands(found: Iterable[Unfinished], pool: Pool) -> None:
    """Raise `RefusedError` while a command of one of them still goes on, whose process was killed."""
    from ..engine.outlived import require_ended

    for folder, run in found:
        require_ended(folder, run, pool, "Nothing was started.")


def _is_same(plan: Plan, begun: Mapping[str, Plain]) -> bool:
    if begun.get("environment") != plan.environment:
        return False
    if plan.lock:
        return begun.get("lock") == plan.lock
    return (begun.get("runbook"), begun.get("inputs")) == (plan.runbook, encode(plan.inputs))
