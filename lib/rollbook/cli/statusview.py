"""How runs stand: one of them step by step for people, each of them for machines."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from ..errors import JournalError
from ..journal import utc_now
from ..library import runbook_from_sources
from ..plan import SYMBOLS, Plan
from ..report.steps import own_seconds
from ..report.wording import (
    BY_HAND,
    STEP_MARKS,
    STEP_TONES,
    STEP_WORDS,
    Tone,
    duration,
    json_text,
    only_read,
    step_words,
    visible,
)
from ..run import Run, StepRun
from ..runs import RunFolder, Runs
from ..schema import encode
from ..undos import as_it_stands, is_over, left_standing, standing_undo, with_downtime_over
from ..values import Plain
from .boundary import Boundary, sites
from .ending import SITE_DOWN, boundary, brief, current, going_on, leaves_down, run_code, sentence
from .hints import typed
from .holder import holder_of
from .screen import Screen
from .undone import taken_back, turns_of, undo_of, undone_by
from .words import clock, count, instant, one_line

_STYLES: Final[Mapping[Tone, str]] = {"good": "green", "calm": "dim", "warn": "yellow", "bad": "red"}
_NEXT: Final = 5


def runs_json(runs: Runs) -> str:
    """Give the table as JSON; a run whose journal cannot be read has an `error`."""
    rows: list[dict[str, Plain]] = []
    back = taken_back(runs)
    for folder in reversed(runs.all()):
        try:
            rows.append(_facts(folder.read(), folder, back))
        except JournalError as error:
            rows.append({"run": folder.id, "error": error.message})
    return json_text(rows)


def _facts(run: Run, folder: RunFolder, back: Mapping[str, str]) -> dict[str, Plain]:
    step = current(run) if run.resumable else None
    return {
        "run": run.id,
        "runbook": run.plan.runbook,
        "environment": run.plan.environment,
        "status": run.status,
        "held_by": holder_of(folder) or None,
        "exit": run_code(run),
        "undo_of": run.plan.undo_of or None,
        "undone_by": undone_by(folder) or None,
        "taken_back": back.get(run.id),
        "abandoning": run.abandoning or None,
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
    worked = own_seconds(run)
    steps = [
        {
            "step": step.address,
            "name": step.planned.name,
            "status": step.status,
            "changed": step.changed,
            "attempts": step.attempts,
            "seconds": worked[step.address],
            "reason": step.reason or None,
            "by": step.by or None,
            "adopted_at": step.adopted_at.isoformat() if step.adopted_at else None,
            "skipped_at": step.skipped_at.isoformat() if step.skipped_at else None,
            "error": step.error or None,
            "outputs": encode(step.outputs),
        }
        for step in run.steps
    ]
    whole = {
        **_facts(run, folder, taken_back(Runs())),
        "brief": told_briefly(run, folder),
        "stands": encode(_stand(_here(run, folder))),
        "step_list": steps,
    }
    return json_text(whole)


def _here(run: Run, folder: RunFolder) -> Boundary:
    held = bool(holder_of(folder))
    return boundary(as_it_stands(Runs(), run), sites(runbook_from_sources(run.plan.sources)), held=held)


def _stand(here: Boundary) -> Plain:
    return {"site": here.site, "stopping": here.stopping(), "way_back": here.way_back()}


def told_briefly(run: Run, folder: RunFolder) -> str:
    """Say in one sentence how the run stands, in others what was taken back of it since."""
    undo = undo_of(run) if _being_undone(run) else None
    back = standing_undo(Runs(), run) is not None or bool(undone_by(folder)) or undo is not None
    now = with_downtime_over(Runs(), run)
    told = [brief(now, utc_now(), holder_of(folder), back=back)]
    turns = [undo] if undo is not None else list(turns_of(run))
    for turn in turns:
        what = "it" if len(told) == 1 else "that"
        how = f"takes it back{turn.plan.down_to}, and is not over ({turn.status})"
        told.append(f"Run {turn.id} {how if turn is undo else f'took {what} back{turn.plan.down_to}'}.")
        stays = [step.planned.undo_of for step in left_standing(turn)]
        told += [f"Of it stays what was done by {', '.join(stays)}."] if stays else []
    # Of an undo that is not over the downtime may be that of the run which it takes back.
    first = folder.first(run.plan) if run.resumable else None
    others = [*turns, *([first] if first is not None else [])]
    if not leaves_down(now) and any(leaves_down(with_downtime_over(Runs(), one)) for one in others):
        told.append(f"{SITE_DOWN.capitalize()}.")
    return " ".join(told)


def status_lines(run: Run, folder: RunFolder, screen: Screen) -> Iterator[str]:
    """Yield how a run stands, step by step."""
    plan: Plan = run.plan
    undone = undone_by(folder)
    told = f"Run {run.id} was undone by run {undone}." if undone else sentence(run, holder_of(folder))
    for line in screen.wrap(visible(told)):
        yield screen.paint(line, "bold")
    for label, text in _about(run, folder, undone):
        yield from screen.wrap(visible(text), first=f"  {label:<11}", rest=" " * 13)
    yield f"  digest     {plan.digest[:12]}"
    yield ""
    worked = own_seconds(run)
    width = min(max((len(step.address) for step in run.steps), default=0), 32)
    for step in run.steps:
        yield from _step(step, worked[step.address], width, screen)
    yield ""
    yield f"  journal    {folder.journal}, {count(run.records, 'record')}, head {run.head[:12]}"
    for label, text in () if undone or _being_undone(run) else going_on(run):
        yield f"  {label:<11}{text}"
    yield f"  report     {typed('report', run.id)}"


def _being_undone(run: Run) -> bool:
    undo = undo_of(run)
    return undo is not None and not is_over(Runs(), undo)


def left_lines(run: Run, screen: Screen) -> Iterator[str]:
    """Yield what a resume goes on with: which run, how it stood, and the next of the steps that are left."""
    for line in screen.wrap(visible(sentence(run))):
        yield screen.paint(line, "bold")
    part = [step for step in run.steps if step.planned.verdict != "skip"]
    left = [step for step in part if not step.done]
    if run.abandoning:
        left = [step for step in left if step.planned.section == "finally"]
    yield f"  left       {len(left)} of {count(len(part), 'step')}"
    for step in left[:_NEXT]:
        symbol = SYMBOLS[step.planned.verdict]
        lead = f"  {symbol} {visible(step.address)}  "
        yield lead + one_line(visible(step.planned.name), max(20, screen.width - len(lead)))
    if len(left) > _NEXT:
        yield f"    and {len(left) - _NEXT} more"


def _since(undo: Run) -> Iterator[tuple[str, str]]:
    label, what = "since", "that undo"
    for turn in turns_of(undo):
        yield label, f"run {turn.id} took {what} back in turn{turn.plan.down_to}"
        label, what = "", "that"


def _about(run: Run, folder: RunFolder, undone: str) -> Iterator[tuple[str, str]]:
    yield "started", f"{instant(run.started_at)} by {run.operator}"
    undo = undo_of(run)
    if undone:
        yield "before", sentence(run)
        yield from _since(undo) if undo is not None and undo.id == undone else ()
    elif undo is not None and not is_over(Runs(), undo):
        yield "undo", f"run {undo.id} takes it back and is not over ({undo.status}):"
        yield "", typed("resume", undo.id)
    elif undo is not None:
        yield "undo", f"run {undo.id}: {undo.status}{undo.plan.down_to}"
        yield from _since(undo)
    if run.reason:
        yield "reason", run.reason
    here = _here(run, folder)
    stopping = f"{here.stopping()}; " if run.resumable or here.begun else ""
    if not undone and not _being_undone(run):
        yield "here", f"site {here.site}; {stopping}{here.way_back()}"


def _step(step: StepRun, seconds: float | None, width: int, screen: Screen) -> Iterator[str]:
    looks = "ok" if only_read(step) else step.status
    mark = screen.paint(STEP_MARKS[looks], _STYLES[STEP_TONES[looks]])
    words = [_worded(step)]
    if not step.settled_at and seconds is not None and seconds >= 0.1:  # less tells nothing
        words.append(duration(seconds))
    if step.attempts > 1:
        words.append(count(step.attempts, "attempt"))
    if (at := step.settled_at or step.started_at) is not None:
        words.append(f"at {_at(at)}")
    lead = f"  {mark} {visible(step.address):<{width}}  "
    plain = " " * (width + 6)
    yield from screen.wrap(visible(f"{step.planned.name} ({', '.join(words)})"), first=lead, rest=plain)
    if (step.adopted_at or step.status not in ("ok", "changed")) and (text := _why(step)):
        yield from screen.wrap(visible(one_line(text, 500)), first=plain, rest=plain)


def _why(step: StepRun) -> str:
    return f"{step.error}; {step.reason}" if step.spared else step.reason or step.error


def _worded(step: StepRun) -> str:
    if step.adopted_at:
        return f"{BY_HAND} by {step.by}"
    if step.skipped_at:
        return f"{STEP_WORDS[step.status]} by {step.by}"
    return "ok" if step.status == "ok" else step_words(step)


def _at(moment: datetime) -> str:
    return f"{clock(moment)}Z"
