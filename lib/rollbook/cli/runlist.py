"""The runs there are, and one of them step by step; for people and for machines."""

import json
from collections.abc import Iterator
from datetime import datetime

from ..errors import JournalError
from ..journal import utc_now
from ..library import runbook_from_sources
from ..plan import Plan
from ..report.wording import RUN_TONES, STEP_MARKS, STEP_WORDS, duration, visible
from ..run import Run, StepRun
from ..runs import RunFolder, Runs
from ..schema import encode
from ..values import Plain
from .boundary import sites
from .ending import boundary, brief, current, run_code, sentence
from .hints import typed
from .holder import holder_of
from .screen import Screen
from .undone import taken_back, undo_of
from .words import clock, count, instant, one_line

_TONES = {"good": ("green",), "calm": (), "warn": ("yellow",), "bad": ("red",)}


def run_lines(runs: Runs, screen: Screen) -> Iterator[str]:
    """Yield the table of runs."""
    folders = runs.all()
    if not folders:
        yield f"There are no runs here yet. Start one with {typed('run-runbook', 'NAME')}."
        return
    undone = taken_back(runs)
    width = max(len(folder.id) for folder in folders)
    yield screen.paint(f"{'run':<{width}}  {'status':<10}  {'steps':>7}  {'took':>11}  runbook and environment", "dim")
    for folder in reversed(folders):
        try:
            yield from _row(folder.read(), folder, undone, screen, width)
        except JournalError as error:
            text = visible(one_line(error.message, 300))
            yield from screen.wrap(text, first=f"{folder.id:<{width}}  ", rest=" " * (width + 2))


def _row(run: Run, folder: RunFolder, undone: set[str], screen: Screen, width: int) -> Iterator[str]:
    status: str = "undone" if run.id in undone else run.status
    if status == "undone" and run.id not in undone:
        status = "succeeded"
    if status == "running" and not holder_of(folder):
        status = "cut off"
    done = f"{sum(step.done for step in run.steps)}/{len(run.steps)}"
    end = run.ended_at or run.last_at or run.started_at
    took = duration((end - run.started_at).total_seconds())
    what = f"{run.plan.runbook} in {run.plan.environment}" + (
        f", undo of …{run.plan.undo_of[-6:]}" if run.plan.undo_of else ""
    )
    tone = (
        ("yellow",)
        if status == "cut off"
        else ()
        if status == "undone"
        else ("green",)
        if status == "succeeded"
        else _TONES[RUN_TONES[run.status]]
    )
    state = screen.paint(f"{status:<10}", *tone)
    lead = f"{run.id:<{width}}  {state}  {done:>7}  {took:>11}  "
    yield f"{lead}{visible(one_line(what, max(24, screen.width - width - 36)))}"


def runs_json(runs: Runs) -> str:
    """Give the table as JSON; a run whose journal cannot be read has an `error`."""
    rows: list[dict[str, Plain]] = []
    for folder in reversed(runs.all()):
        try:
            rows.append(_facts(folder.read(), folder))
        except JournalError as error:
            rows.append({"run": folder.id, "error": error.message})
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _facts(run: Run, folder: RunFolder) -> dict[str, Plain]:
    step = current(run) if run.resumable else None
    return {
        "run": run.id,
        "runbook": run.plan.runbook,
        "environment": run.plan.environment,
        "status": run.status,
        "held_by": holder_of(folder) or None,
        "exit": run_code(run),
        "undo_of": run.plan.undo_of or None,
        "operator": run.operator,
        "reason": run.reason,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "at_step": step.address if step else None,
        "waiting_for": run.waiting_for or None,
        "steps": len(run.steps),
        "done": sum(one.done for one in run.steps),
        "digest": run.digest,
        "head": run.head,
        "journal": str(folder.journal),
    }


def status_json(run: Run, folder: RunFolder) -> str:
    """Give one run as JSON, with its steps."""
    steps = [
        {
            "step": step.address,
            "name": step.planned.name,
            "status": step.status,
            "attempts": step.attempts,
            "seconds": step.seconds,
            "reason": step.reason or None,
            "error": step.error or None,
            "outputs": encode(step.outputs),
        }
        for step in run.steps
    ]
    whole = {
        **_facts(run, folder),
        "brief": brief(run, utc_now(), holder_of(folder)),
        "stands": encode(_stand(run)),
        "step_list": steps,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _stand(run: Run) -> Plain:
    here = boundary(run, sites(runbook_from_sources(run.plan.sources)))
    return {"site": here.site, "stopping": here.stopping(), "way_back": here.way_back()}


def status_lines(run: Run, folder: RunFolder, screen: Screen) -> Iterator[str]:
    """Yield how a run stands, step by step."""
    plan: Plan = run.plan
    for line in screen.wrap(visible(sentence(run, holder_of(folder)))):
        yield screen.paint(line, "bold")
    yield f"  started    {instant(run.started_at)} by {visible(run.operator)}"
    taken_back = undo_of(run)
    if taken_back is not None:
        yield f"  taken back by run {taken_back.id}: {taken_back.status}"
    if run.reason:
        yield from screen.wrap(visible(run.reason), first="  reason     ", rest=" " * 13)
    stand = _stand(run)
    stopping = f"{stand['stopping']}; " if run.resumable else ""
    text = f"site {stand['site']}; {stopping}{stand['way_back']}"
    yield from screen.wrap(text, first="  here       ", rest=" " * 13)
    yield f"  digest     {plan.digest[:12]}"
    yield ""
    width = min(max((len(step.address) for step in run.steps), default=0), 32)
    for step in run.steps:
        yield from _step(step, width, screen)
    yield ""
    yield f"  journal    {folder.journal}, {count(run.records, 'record')}, head {run.head[:12]}"
    if run.resumable:
        yield f"  resume     {typed('resume', run.id)}"
    yield f"  report     {typed('report', run.id)}"


def _step(step: StepRun, width: int, screen: Screen) -> Iterator[str]:
    style = {"good": "green", "bad": "red", "warn": "yellow"}.get(_tone(step), "dim")
    mark = screen.paint(STEP_MARKS[step.status], style)
    words = ["ok" if step.status == "ok" else STEP_WORDS[step.status]]
    if step.seconds is not None and step.seconds >= 0.1:  # less tells nothing
        words.append(duration(step.seconds))
    if step.attempts > 1:
        words.append(count(step.attempts, "attempt"))
    if step.started_at is not None:
        words.append(f"at {_at(step.started_at)}")
    lead = f"  {mark} {visible(step.address):<{width}}  "
    plain = " " * (width + 6)
    yield from screen.wrap(visible(f"{step.planned.name} ({', '.join(words)})"), first=lead, rest=plain)
    if step.status not in ("ok", "changed") and (text := step.reason or step.error):
        yield from screen.wrap(visible(one_line(text, 500)), first=plain, rest=plain)


def _at(moment: datetime) -> str:
    return f"{clock(moment)}Z"


def _tone(step: StepRun) -> str:
    from ..report.wording import STEP_TONES

    return STEP_TONES[step.status]
