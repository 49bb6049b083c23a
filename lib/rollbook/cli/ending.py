"""How a run ends for the operator: the exit code, one sentence, and what may be typed next."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ..accounts import account
from ..plan import OWN_STEPS, SURE, PlannedStep
from ..report.wording import duration, visible
from ..run import DONE, Event, Run, StepRun
from ..runs import Runs
from ..scratch import halves_of, scratch_of
from ..undos import as_it_stands, left_standing
from .beginning import begins_at
from .boundary import Boundary, Site, as_happened, before_first, boundaries
from .command import FAILED, INTERRUPTED, OK, REFUSED, WAITING
from .hints import typed
from .screen import Screen
from .undone import left_to_end
from .words import about, count, one_line

SITE_DOWN: Final = "the site is down"
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
    if run.resumable and in_doubt(run):
        return WAITING
    if run.status == "stopped" and paused(run):
        return WAITING
    if run.status == "stopped" and drifted(run):
        return REFUSED
    return _CODES.get(run.status, FAILED)


def in_doubt(run: Run) -> tuple[StepRun, ...]:
    """Give the steps of which nobody knows whether they took effect."""
    return tuple(step for step in run.steps if step.status == "in_doubt")


def paused(run: Run) -> bool:
    """Tell whether the run was stopped by `pause`, not by a signal."""
    stops = [event for event in run.events if event.type == "interrupted"]
    return bool(stops) and any(word in stops[-1].text for word in ("paused by", "--until"))


def drifted(run: Run) -> bool:
    """Tell whether the run stopped because a target was not as planned."""
    last = [event.type for event in run.events if event.type != "lock_lost"][-2:]
    return last == ["drift", "interrupted"]


def asks_agreement(run: Run) -> bool:
    """Tell whether the run waits for agreement to newly planned steps."""
    return run.status == "waiting" and run.agreement_due


def current(run: Run) -> StepRun | None:
    """Give the step at which the run is, or stopped; where a failed run never reached another, none is given."""
    if run.waiting_for:
        return run.step(run.waiting_for)
    open_steps = [step for step in run.steps if step.status not in DONE and step.status != "pending"]
    if open_steps:
        # A step that came again before a later one that had failed may be what failed now.
        latest = _last_failure(run) if run.status == "failed" else None
        return next((step for step in open_steps if latest and step.address == latest.address), open_steps[-1])
    ahead = [step for step in run.steps if step.status == "pending"]
    if run.abandoning:
        ahead = [step for step in ahead if step.planned.section == "finally"]
    return ahead[0] if ahead and run.status != "failed" else None


def boundary(run: Run, sites: Mapping[str, Site], *, held: bool = False) -> Boundary:
    """Say what holds where the run is now, from what was really done; *held*: a process carries it out."""
    begins = begins_at(run.plan, sites, run.id)
    first = before_first(begins)
    done = [as_happened(step.planned, step.status) for step in run.steps if step.done]
    there = _last(boundaries(done, sites, run.plan.passed, begins), first)
    left = [_as_left(step) for step in run.steps if step.done or _leaves_something(step)]
    here = replace(_last(boundaries(left, sites, run.plan.passed), first), site=there.site, where=there.where)
    down = next((one for one in reversed(run.downtimes) if one.ended_at is None), None)
    if down is not None:
        here = replace(here, site="down", where=down.environment)
    begun = [step.address for step in run.steps if _half_done(step)]
    return replace(here, begun=", ".join(begun), held=held, over=not run.resumable)


def _half_done(step: StepRun) -> bool:
    """Tell of a step whether something of what it writes may be there, and the rest not."""
    part = step.status == "failed" and 0 < step.ops_done < len(step.ops)
    return (step.cut_off or part) and step.planned.writes and not step.done


def _last(found: Mapping[str, Boundary], none: Boundary) -> Boundary:
    return next(reversed(tuple(found.values())), none)


def _leaves_something(step: StepRun) -> bool:
    """Tell of a step that failed, or that somebody went past once it had begun, whether an undo has work with it."""
    if not step.ops or not (step.status in ("failed", "unreachable") or (step.status == "skipped" and step.starts)):
        return False
    return step.changed or step.unsure or step.planned.undo_reason.startswith(OWN_STEPS)


def _as_left(step: StepRun) -> PlannedStep:
    """Give a step as what an undo finds of it."""
    if not _leaves_something(step):
        return as_happened(step.planned, step.status)
    return replace(step.planned, verdict="update") if step.planned.verdict == "unknown" else step.planned


def sentence(run: Run, holder: str = "") -> str:
    """Say in one sentence how the run stands; *holder* is who carries it out now."""
    name = f"Run {run.id} of {run.plan.runbook} in {run.plan.environment}"
    step, where = current(run), _where(run)
    if _giving_up(run):
        return f"{name} is being given up ({run.abandoning}){where}{_holding(run, holder)}"
    match run.status:
        case "succeeded":
            return f"{name} succeeded: {count(len(run.steps), 'step')}, {_changed(run)}."
        case "undone":
            return f"{name} took back run {run.plan.undo_of}{run.plan.down_to}."
        case "abandoned":
            return f"{name} was given up: {run.ended_because or run.abandoning or 'no reason was given'}."
        case "waiting":
            return f"{name} waits for {_awaited(run)}{where}."
        case "stopped" if drifted(run):
            return f"{name} was stopped{where}, whose target was not as planned; it can be resumed."
        case "stopped":
            return f"{name} was {'paused' if paused(run) else 'stopped'}{where}; it can be resumed."
        case "failed":
            error = step.error if step and step.error else _last_error(run)
            settled = _settled(run) if step is None else ""
            return f"{name} failed{where}: {one_line(error, 300)}{settled}"
    if holder:
        asks = _asked_now(run, step, holder)
        at = f" and waits for a person{where.replace(' before ', ' at ', 1)}" if asks else where
        return f"{name} is being carried out by {holder}{at}."
    return f"{name} was cut off{where}: no process carries it out; it can be resumed."


def _giving_up(run: Run) -> bool:
    return bool(run.abandoning) and run.resumable


def _where(run: Run) -> str:
    step = current(run)
    if step is None:
        return ""
    if len(waiting := _waiting(run)) > 1:
        return f" at steps {', '.join(one.address for one in waiting)}"
    return f" {'before' if step.status == 'pending' else 'at'} step {step.address} ({step.planned.name})"


def _waiting(run: Run) -> list[StepRun]:
    """Give the steps whose answers a run waits for: of one that is given up, those at its end alone."""
    steps = [step for step in run.steps if step.status == "waiting"] if run.status == "waiting" else []
    return [step for step in steps if step.planned.section == "finally" or not run.abandoning]


def _changed(run: Run) -> str:
    changed = sum(item.changed for item in run.steps)
    return f"{changed} changed something" if changed else "none changed anything"


def _awaited(run: Run) -> str:
    if asks_agreement(run):
        return "agreement to the newly planned steps"
    return "word of what became of a step in doubt" if in_doubt(run) else "an answer"


def _holding(run: Run, holder: str) -> str:
    if holder and run.status == "running":
        return f" by {holder}."
    words = {"waiting": f" and waits for {_awaited(run)}", "failed": f" and failed: {one_line(_last_error(run), 300)}"}
    return f"{words.get(run.status, ' and was stopped')}; `resume` goes on giving it up."


def _last_failure(run: Run) -> Event | None:
    return next((event for event in reversed(run.events) if event.type in ("step_failed", "unreachable")), None)


def _last_error(run: Run) -> str:
    failed = _last_failure(run)
    return f"{failed.address}: {failed.text}" if failed else "see the report"


def _settled(run: Run) -> str:
    """Say that the step which failed was settled by a person since, where that is so."""
    failed = _last_failure(run)
    step = run.step(failed.address) if failed else None
    by_hand = step is not None and (step.adopted_at or step.skipped_at)
    return "; a person settled that since, so it can be resumed" if by_hand else ""


def ending_lines(
    run: Run,
    reports: Mapping[str, Path],
    screen: Screen,
    sites: Mapping[str, Site],
    code: int | None = None,
) -> Iterator[str]:
    """Yield what is printed when this process is done with a run and ends with *code*."""
    code = run_code(run) if code is None else code
    style = {OK: "green", FAILED: "red"}.get(run_code(run), "yellow")
    yield ""
    for line in screen.wrap(visible(sentence(run))):
        yield screen.paint(line, style, "bold")
    for label, text in (*_rows(run, reports, sites), ("exit", str(code))):
        yield from screen.wrap(visible(text), first=f"  {label:<9}", rest=" " * 11, exact=True)


def _rows(run: Run, reports: Mapping[str, Path], sites: Mapping[str, Site]) -> Iterator[tuple[str, str]]:
    if run.ended_at or run.last_at:
        yield "took", duration(((run.ended_at or run.last_at or run.started_at) - run.started_at).total_seconds())
    step = current(run)
    if run.status == "failed" and step and step.advice:
        yield "now", one_line(step.advice, 300)
    ended_well = run.status in ("succeeded", "undone")
    here = boundary(run if ended_well else as_it_stands(Runs(), run), sites)
    if not ended_well or not here.calm:
        yield "here", str(here)
    for index, left in enumerate(left_standing(run)):
        yield ("" if index else "stays"), f"{left.planned.undo_of}: {left.reason.partition(': ')[2] or left.reason}"
    for one in scratch_of(run):
        yield "kept", f"{one.database} (made by {one.made_by}): {one.goes}"
    for folder, address in halves_of(run):
        yield "left", f"{folder} may still be there: half a backup, in which {address} was cut off. Remove it by hand"
    for index, path in enumerate(reports.values()):
        yield ("" if index else "report"), str(path)
    yield "journal", f"{count(run.records, 'record')}, head {run.head}"
    yield from _next(run, here)


def _next(run: Run, here: Boundary) -> Iterator[tuple[str, str]]:
    yield from going_on(run)
    if (first := left_to_end(run)) is not None:
        yield "not over", f"run {first.id} ({first.status}): what it does at its end comes with that"
        yield "look", typed("status", first.id)
    if here.reversible or (here.begun and not here.refused_by):
        yield "undo", typed("undo", run.id, to=here.refused_by)
    if run.resumable and not run.abandoning:
        yield "give up", f"{typed('abandon', run.id)} --reason WHY"
    yield "note", f"{typed('note', run.id)} --section root-cause TEXT"


def going_on(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what may be typed to go on with a run, each with a label; nothing for one that is over."""
    if not run.resumable:
        return
    doubtful = in_doubt(run)
    if asks_agreement(run):
        yield "agree", typed("resume", run.id, yes=True)
    elif waiting := _waiting(run):
        yield from ((("" if index else "answer"), _how_to_answer(run, step)) for index, step in enumerate(waiting))
    elif not doubtful:
        yield "resume", typed("resume", run.id)
        asking = (step for step in run.steps if step.asks is not None and not step.done)
        yield from (("or", _how_to_answer(run, step)) for step in asking)
        yield from (("leave", f"{typed('resume', run.id, skip=name)} --reason WHY") for name in _ends_failed(run))
    for step in doubtful:
        yield "in doubt", typed("resume", run.id, doubt=f"{step.address}=done|redo|abort").replace("'", "")


def _ends_failed(run: Run) -> Iterator[str]:
    """Name what was to be done at the end and failed: without it a run does not come to its end."""
    failed = (step.address for step in run.steps if step.planned.section == "finally" and step.status == "failed")
    yield from dict.fromkeys(address.removesuffix(SURE) for address in failed)


def _how_to_answer(run: Run, step: StepRun) -> str:
    if step.asks is not None:
        return typed("resume", run.id, answer=f"{step.address}=ANSWER")
    prompt = step.planned.prompt if isinstance(step.planned.prompt, dict) else {}
    if step.planned.quorum or prompt.get("kind") == "approve":
        given = f"sudo -u {account(os.getuid())} {typed('approve', run.id, step.address)}"
        return f"{given} (by each who approves, logged in as themselves), then {typed('resume', run.id)}"
    if not prompt:
        return typed("resume", run.id)
    usual = {"confirm": "yes", "task": "done", "checklist": "all"}.get(str(prompt.get("kind")), "ANSWER")
    answer = "default" if prompt.get("has_default") else usual
    return typed("resume", run.id, answer=f"{step.address}={answer}")


def brief(run: Run, now: datetime, holder: str = "", *, back: bool = False) -> str:
    """
    Say in one sentence, with an estimate, how the run stands: for the incident channel.

    *back*: it was taken back, or a part of it, so it does not go on.
    """
    done = sum(step.done for step in run.steps)
    step = current(run)
    progress = f"{done} of {count(len(run.steps), 'step')} done"
    title = run.plan.title or run.plan.runbook
    giving_up = ", being given up" if _giving_up(run) and not back else ""
    down = f"; {SITE_DOWN}" if leaves_down(run) else ""
    head = f"{title} ({run.plan.environment}, run {run.id}{giving_up})"
    if back and run.abandoning and run.resumable:
        return f"{head}: was to be given up ({run.abandoning}), {progress}{down}."
    if _asked_now(run, step, holder) and step is not None:
        return f"{head}: {progress}, waits for a person at “{step.planned.name}” for {_since(run, now)}{down}."
    if run.status == "running" and step is not None and holder:
        return f"{head}: {progress}, now “{step.planned.name}”, {_left(run, now)}{down}."
    if run.status == "waiting" and step is not None:
        what = f"for {_awaited(run)} at" if asks_agreement(run) or in_doubt(run) else "for an answer to"
        return f"{head}: {progress}, waiting {what} “{step.planned.name}” for {_since(run, now)}{_ahead(run)}{down}."
    if run.status in ("failed", "stopped", "running"):
        where = f" {'before' if step.started_at is None else 'at'} “{step.planned.name}”" if step else ""
        half = "; its writes may be half done" if step and step.started_at and _half_done(step) else ""
        return (
            f"{head}: {_word(run)}{where}, {progress}{half}{down}{'' if back else f'; it can be resumed{_ahead(run)}'}."
        )
    took = duration(((run.ended_at or now) - run.started_at).total_seconds())
    how = f"took back run {run.plan.undo_of}{run.plan.down_to}" if run.status == "undone" else run.status
    return f"{head}: {how} after {took}, {progress}{down}."


def leaves_down(run: Run) -> bool:
    """Tell whether a downtime that the run began is open."""
    return any(one.ended_at is None for one in run.downtimes)


def _asked_now(run: Run, step: StepRun | None, holder: str) -> bool:
    """Tell whether somebody is being asked in a terminal: the journal says so only once there is an answer."""
    asks = step is not None and step.status == "pending" and bool(step.planned.verdict == "ask" or step.planned.quorum)
    return run.status == "running" and bool(holder) and asks


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
    usual = (running.planned.estimate or 0.0) if running else 0.0
    longer = f"{duration(spent)} in it, longer than usual, " if usual and spent > 2 * max(usual, 1.0) else ""
    return f"{longer}{about(max(0.0, sum(known) - min(spent, usual)))} left{_untimed(rest)}"


def _untimed(rest: Iterable[StepRun]) -> str:
    """Say of how many of the steps that are left no earlier run tells how long they take."""
    missing = sum(step.planned.estimate is None and step.planned.verdict != "skip" for step in rest)
    return f" of what earlier runs timed, and {count(missing, 'step')} never timed" if missing else ""


def _ahead(run: Run) -> str:
    """Say how long the work ahead takes; nothing where no earlier run tells."""
    rest = [step for step in run.steps if not step.done and step.planned.verdict != "skip"]
    if run.abandoning:
        rest = [step for step in rest if step.planned.section == "finally"]
    known = [step.planned.estimate for step in rest if step.planned.estimate is not None]
    return f", {about(sum(known))} of work left{_untimed(rest)}" if known else ""


def _since(run: Run, now: datetime) -> str:
    return duration((now - (run.last_at or run.started_at)).total_seconds())
