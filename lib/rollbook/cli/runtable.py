"""The table of runs, newest first."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..dataclass import dataclass
from ..errors import JournalError
from ..report.wording import duration, visible
from ..run import Run
from ..runs import RunFolder, Runs
from .hints import typed
from .holder import holder_of
from .screen import Screen
from .undone import taken_back
from .words import one_line

_STYLES: Final[Mapping[str, str]] = {
    "succeeded": "green",
    "failed": "red",
    "cut off": "red",
    "running": "cyan",
    "waiting": "yellow",
    "stopped": "yellow",
}
_HEAD: Final = ("run", "status", "steps", "took", "runbook and environment")


@dataclass(frozen=True, slots=True)
class _Row:
    run: str
    status: str = ""
    steps: str = ""
    took: str = ""
    what: str = ""
    error: str = ""


def run_lines(runs: Runs, screen: Screen) -> Iterator[str]:
    """Yield the table; a run whose journal cannot be read has its reason instead."""
    undone = taken_back(runs)
    rows = tuple(_row(folder, undone) for folder in reversed(runs.all()))
    if not rows:
        yield f"There are no runs here yet. Start one with {typed('run-runbook', 'NAME')}."
        return
    widths = [
        max(len(head), *(len(getattr(row, name)) for row in rows))
        for head, name in zip(_HEAD, ("run", "status", "steps", "took"), strict=False)
    ]
    yield screen.paint(_line(_Row(*_HEAD), widths), "dim")
    room = max(20, screen.width - sum(widths) - 2 * len(widths))
    for row in rows:
        yield from _shown(row, widths, room, screen)


def _row(folder: RunFolder, undone: Mapping[str, str]) -> _Row:
    try:
        run = folder.read()
    except JournalError as error:
        return _Row(folder.id, error=error.message)
    end = run.ended_at or run.last_at or run.started_at
    back = f"undo of …{run.plan.undo_of[-6:]}: " if run.plan.undo_of else ""
    return _Row(
        run=run.id,
        status=_status(run, folder, undone),
        steps=f"{sum(step.done for step in run.steps)}/{len(run.steps)}",
        took=duration((end - run.started_at).total_seconds()),
        what=f"{back}{run.plan.runbook} in {run.plan.environment}",
    )


def _status(run: Run, folder: RunFolder, undone: Mapping[str, str]) -> str:
    if run.id in undone:
        return undone[run.id]
    if run.status == "undone":
        return "succeeded"
    return "cut off" if run.status == "running" and not holder_of(folder) else run.status


def _shown(row: _Row, widths: list[int], room: int, screen: Screen) -> Iterator[str]:
    if row.error:
        lead = f"{row.run:<{widths[0]}}  "
        yield from screen.wrap(visible(one_line(row.error, 400)), first=lead, rest=" " * len(lead))
        return
    line = _line(row, widths) + visible(one_line(row.what, room))
    style = _STYLES.get(row.status)
    start = widths[0] + 2
    end = start + len(row.status)
    yield line[:start] + (screen.paint(row.status, style) if style else row.status) + line[end:]


def _line(row: _Row, widths: list[int]) -> str:
    run, status, steps, took = widths
    head = row.what if row.what == _HEAD[-1] else ""
    return f"{row.run:<{run}}  {row.status:<{status}}  {row.steps:>{steps}}  {row.took:>{took}}  {head}"
