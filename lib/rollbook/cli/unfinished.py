"""Runs of the same thing that are not over: who begins another one should know of them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

from ..errors import JournalError
from ..plan import Plan
from ..planner.readers import Pool
from ..report.wording import visible
from ..run import Run
from ..runs import RunFolder, Runs
from ..schema import encode
from ..undos import is_over
from ..values import Plain
from .ending import sentence
from .hints import typed
from .holder import holder_of
from .screen import Screen

_NEWEST: Final = 20  # of the same thing; what nobody went on with for so many runs is no news


def unfinished(plan: Plan) -> Iterator[tuple[RunFolder, Run]]:
    """Yield the runs here that are not over and take the same lock; without one, those of the same inputs."""
    same = ((folder, begun) for folder, begun in Runs().begun() if _is_same(plan, begun))
    for folder, _ in islice(same, _NEWEST):
        with suppress(JournalError):
            run = folder.read()
            if not is_over(Runs(), run):
                yield folder, run


def unfinished_lines(plan: Plan, screen: Screen) -> Iterator[str]:
    """Yield what to say of them after a plan."""
    for folder, run in unfinished(plan):
        yield ""
        told = f"NOT OVER: {sentence(run, holder_of(folder))}"
        yield from (screen.paint(line, "yellow", "bold") for line in screen.wrap(visible(told)))
        yield f"  go on      {typed('resume', run.id)}"
        yield f"  give up    {typed('abandon', run.id)} --reason WHY"


def require_no_command_of_another(plan: Plan, pool: Pool) -> None:
    """Raise `RefusedError` while a command of such a run still goes on, whose process was killed."""
    from ..engine.outlived import require_ended

    for folder, run in unfinished(plan):
        require_ended(folder, run, pool, "Nothing was started.")


def _is_same(plan: Plan, begun: Mapping[str, Plain]) -> bool:
    if begun.get("environment") != plan.environment:
        return False
    if plan.lock:
        return begun.get("lock") == plan.lock
    return (begun.get("runbook"), begun.get("inputs")) == (plan.runbook, encode(plan.inputs))
