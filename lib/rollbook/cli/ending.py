"""How a run ends for the operator: the exit code, one sentence, and what may be typed next."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ..report.wording import duration, visible
from ..run import DONE, Run, StepRun
from .boundary import Boundary, Site, as_happened, boundaries
from .command import FAILED, INTERRUPTED, OK, WAITING
from .hints import typed
from .screen import Screen
from .words import about, count, one_line

_CODES: Final[Mapping[str, int]] = {
    "succeeded": OK,
    "undone": OK,
    "abandoned": OK,
    "failed": FAILED,
    "waiting": WAITING,
    "stopped": INTERRUPTED,
}


def run_code(run: Run) -> int:
    """Give the exit code that a run's state means."""
    if run.status != "succeeded" and in_doubt(run):
        return WAITING
    if run.status == "stopped" and paused(run):
        return WAITING
    return _CODES.get(run.status, FAILED)


def in_doubt(run: Run) -> tuple[StepRun, ...]:
    """Give the steps of which nobody knows whether they took effect."""
    return tuple(step for step in run.steps if step.status == "in_doubt")


def paused(run: Run) -> bool:
    """Tell whether the run was stopped by `pause`, not by a signal."""
    stops = [event for event in run.events if event.type == "interrupted"]
    return bool(stops) and any(word in stops[-1].text for word in ("paused by", "--until"))


def current(run: Run) -> StepRun | None:
    """Give the step at which the run is, or stopped."""
    if run.waiting_for:
        return run.step(run.waiting_for)
    open_steps = [step for step in run.steps if step.status not in DONE and step.status != "pending"]
    return open_steps[-1] if open_steps else next((step for step in run.steps if step.status == "pending"), None)


def boundary(run: Run, sites: Mapping[str, Site]) -> Boundary:
    """Say what holds where the run is now, from what was really done."""
    here = Boundary("up", 0)
    done = [as_happened(step.planned, step.status) for step in run.steps if step.done]
    for found in boundaries(done, sites).values():
        here = found
    down = bool(run.downtimes) and run.downtimes[-1].ended_at is None
    return replace(here, site="down") if down else here


def sentence(run: Run, holder: str = "") -> str:
    """Say in one sentence how the run stands; *holder* is who carries it out now."""
    name = f"Run {run.id} of {run.plan.runbook} in {run.plan.environment}"
    step = current(run)
    where = f" at step {step.address} ({step.planned.name})" if step else ""
    changed = sum(item.status in ("changed", "recovered") for item in run.steps)
    match run.status:
        case "succeeded":
            return f"{name} succeeded: {count(len(run.steps), 'step')}, {changed or 'none'} changed something."
        case "undone":
            return f"{name} took back run {run.plan.undo_of}."
        case "abandoned":
            return f"{name} was given up: {run.reason or 'no reason was given'}."
        case "waiting":
            return f"{name} waits for an answer{where}."
        case "stopped":
            return f"{name} was {'paused' if paused(run) else 'stopped'}{where}; it can be resumed."
        case "failed":
            error = one_line(step.error, 300) if step and step.error else "see the report"
            return f"{name} failed{where}: {error}"
    if holder:
        return f"{name} is being carried out by {holder}{where}."
    return f"{name} was cut off{where}: no process carries it out; it can be resumed."


def ending_lines(run: Run, reports: Mapping[str, Path], screen: Screen, sites: Mapping[str, Site]) -> Iterator[str]:
    """Yield what is printed when this process is done with a run."""
    style = {OK: "green", FAILED: "red"}.get(run_code(run), "yellow")
    yield ""
    for line in screen.wrap(visible(sentence(run))):
        yield screen.paint(line, style, "bold")
    for label, text in _rows(run, reports, sites):
        yield from screen.wrap(visible(text), first=f"  {label:<9}", rest=" " * 11, exact=True)


def _rows(run: Run, reports: Mapping[str, Path], sites: Mapping[str, Site]) -> Iterator[tuple[str, str]]:
    if run.ended_at or run.last_at:
        yield "took", duration(((run.ended_at or run.last_at or run.started_at) - run.started_at).total_seconds())
    here = boundary(run, sites)
    if run.status not in ("succeeded", "undone") or not here.calm:
        yield "here", str(here)
    for index, path in enumerate(reports.values()):
        yield ("" if index else "report"), str(path)
    yield "journal", f"{count(run.records, 'record')}, head {run.head}"
    yield from _next(run, here)


def _next(run: Run, here: Boundary) -> Iterator[tuple[str, str]]:
    step = current(run)
    if run.status == "waiting" and step is not None:
        yield "answer", _how_to_answer(run, step)
    elif run.resumable:
        yield "resume", typed("resume", run.id)
    for doubtful in in_doubt(run):
        yield "in doubt", typed("resume", run.id, doubt=f"{doubtful.address}=done|redo|abort").replace("'", "")
    if here.reversible:
        yield "undo", typed("undo", run.id, to=here.refused_by)
    if run.resumable:
        yield "give up", f"{typed('abandon', run.id)} --reason WHY"
    yield "note", f"{typed('note', run.id)} --section root-cause TEXT"
    yield "exit", str(run_code(run))


def _how_to_answer(run: Run, step: StepRun) -> str:
    prompt = step.planned.prompt if isinstance(step.planned.prompt, dict) else {}
    if step.planned.quorum or prompt.get("kind") == "approve":
        return f"{typed('approve', run.id, step.address)} (by each who approves), then {typed('resume', run.id)}"
    if not prompt:
        return typed("resume", run.id, yes=True)
    usual = {"confirm": "yes", "task": "done", "checklist": "all"}.get(str(prompt.get("kind")), "ANSWER")
    answer = "default" if prompt.get("has_default") else usual
    return typed("resume", run.id, answer=f"{step.address}={answer}")


def brief(run: Run, now: datetime, holder: str = "") -> str:
    """Say in one sentence, with an estimate, how the run stands: for the incident channel."""
    done = sum(step.done for step in run.steps)
    step = current(run)
    progress = f"{done} of {count(len(run.steps), 'step')} done"
    title = run.plan.title or run.plan.runbook
    head = f"{title} ({run.plan.environment}, run {run.id})"
    if run.status == "running" and step is not None and holder:
        return f"{head}: {progress}, now “{step.planned.name}”, {_left(run, now)}."
    if run.status == "waiting" and step is not None:
        return f"{head}: {progress}, waiting for an answer to “{step.planned.name}” since {_since(run, now)}."
    if run.status in ("failed", "stopped", "running"):
        where = f" at “{step.planned.name}”" if step else ""
        down = "; the site is down" if run.downtimes and run.downtimes[-1].ended_at is None else ""
        return f"{head}: {_word(run)}{where}, {progress}{down}; it can be resumed."
    took = duration(((run.ended_at or now) - run.started_at).total_seconds())
    return f"{head}: {run.status} after {took}, {progress}."


def _word(run: Run) -> str:
    if run.status == "running":
        return "cut off"
    return "paused" if run.status == "stopped" and paused(run) else run.status


def _left(run: Run, now: datetime) -> str:
    rest = [step for step in run.steps if not step.done]
    known = [step.planned.estimate for step in rest if step.planned.estimate is not None]
    if not known:
        return f"{duration((now - run.started_at).total_seconds())} so far, no earlier run tells how long is left"
    running = next((step for step in rest if step.status == "running" and step.started_at), None)
    spent = (now - running.started_at).total_seconds() if running and running.started_at else 0.0
    left = max(0.0, sum(known) - min(spent, running.planned.estimate or 0.0 if running else 0.0))
    return f"{about(left)} left"


def _since(run: Run, now: datetime) -> str:
    return duration((now - (run.last_at or run.started_at)).total_seconds())
