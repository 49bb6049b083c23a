"""The Report of a Run: a pure function; the renderers only lay it out."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from datetime import tzinfo

from ..plan import PlannedStep, shown
from ..run import GivenAnswer, Note, Run
from ..scratch import scratch_of
from ..undos import Fate
from ..values import RUN_ID, Plain, bind
from .account import AnswerAccount, NoteAccount, Report, RunAccount, Span, StepAccount, WrittenSection
from .chronology import chronology
from .impact import gaps_of, impact_of, with_begins
from .instants import last_moment
from .stages import stages_of
from .stakes import stakes_of
from .steps import LONG, step_accounts
from .summary import summary_of
from .waits import waits_of
from .wording import RUN_TONES, RUN_WORDS

SECTIONS: Mapping[str, tuple[str, str]] = {
    "impact": ("Impact, as people saw it", "Who noticed what, how many were affected, what they were told."),
    "root-cause": ("Root cause", "What made this necessary, and why nothing caught it earlier."),
    "lessons": ("Lessons", "What went well, what did not, what was luck."),
    "actions": ("Action items", "What will be changed, by whom, until when."),
}

FREE_SECTION = "notes"
_NONE: tuple[Plain, ...] = (None, "", [], {})


_NO_FATES: Mapping[str, Fate] = {}


def report_of(
    run: Run,
    *,
    undo: Run | None = None,
    turns: Sequence[Run] = (),
    fates: Mapping[str, Fate] = _NO_FATES,
    local_zone: tzinfo | None = None,
) -> Report:
    """
    Tell *run* as an incident report; *undo* is the run that took it back, if any.

    *turns* are the run that took *undo* back in turn, the one that took that back, and so on; *fates* what became of
    each change, also by undos before *undo*. Times are printed in UTC, and in *local_zone* where one is given.
    """
    run, undo = with_begins(run), with_begins(undo) if undo else None
    impact = impact_of(run, undo, turns)
    gaps = (*impact.gaps, *(gaps_of(undo) if undo else ()))
    steps = step_accounts(run, undo, gaps, fates)
    answers = _answers(run, steps) + (_answers(undo, steps) if undo else ())
    stakes = stakes_of(run, steps)
    told, untold = run_account(run, undo, turns), run_account(undo, *_turned(turns)) if undo else None
    return Report(
        run=told,
        undo=untold,
        zone=local_zone,
        summary=summary_of(
            told,
            untold,
            steps,
            impact,
            answers,
            turns=[f"{turn.id}{turn.plan.down_to}" for turn in turns],
            stakes=stakes,
            scratch=() if undo else scratch_of(run),
        ),
        impact=impact,
        steps=steps,
        moments=chronology(run, undo, steps, answers, impact),
        answers=answers,
        written=_written(run, undo),
        stages=stages_of(steps, run.id),
        stakes=stakes,
    )


def _turned(turns: Sequence[Run]) -> tuple[Run | None, Sequence[Run]]:
    return (turns[0], turns[1:]) if turns else (None, ())


def run_account(run: Run, undo: Run | None, turns: Sequence[Run] = ()) -> RunAccount:
    """Tell a run's own facts; *undo* having taken it back makes it undone, unless *turns* end with it there again."""
    plan = run.plan
    undone = undo is not None and undo.status in ("succeeded", "undone")
    part = undo.plan.down_to if undo else ""
    words = RUN_WORDS[run.status]
    if undone:
        words = f"{words.split(',', maxsplit=1)[0]}, then undone{part}{_in_turn(turns)}"
    return RunAccount(
        id=run.id,
        runbook=plan.runbook,
        title=plan.title,
        environment=plan.environment,
        status=run.status,
        words=words,
        tone="calm" if undone and not part and len(turns) % 2 == 0 else RUN_TONES[run.status],
        operators=run.operators or (run.operator,),
        began=run.started_at,
        last=last_moment(run),
        ended=run.ended_at,
        reason=run.reason,
        owner=plan.owner,
        protected=plan.protected,
        undo_of=plan.undo_of,
        digest=run.digest,
        head=run.head,
        records=run.records,
        version=run.version,
        planned_at=plan.made_at,
        planned_by=plan.made_by,
        lock=plan.lock,
        lock_scope=plan.lock_scope,
        playbook=plan.playbook,
        elsewhere=tuple(
            f"{name} (protected)" if protected else name
            for name, protected in plan.environments.items()
            if name != plan.environment
        ),
        locks=tuple(f"{lock.name}, in {lock.environment} (held by {lock.scope})" for lock in plan.locks),
        inputs=tuple((name, shown(value, limit=LONG)) for name, value in _pairs(plan.inputs) if value not in _NONE),
        sources=tuple((path, hashlib.sha256(_bytes(text)).hexdigest()) for path, text in plan.sources.items()),
        identities=tuple(
            (target, ", ".join(f"{name} {value}" for name, value in who.items()))
            for target, who in plan.identities.items()
        ),
    )


def _in_turn(turns: Sequence[Run]) -> str:
    again = ", and that undone again" if len(turns) % 2 else ""
    last = f", at last by run {turns[-1].id}" if len(turns) > 1 else ""
    return f"{again}{last}{turns[-1].plan.down_to}" if turns else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _pairs(value: Plain) -> Sequence[tuple[str, Plain]]:
    return tuple(value.items()) if isinstance(value, dict) else ()


def _answers(run: Run, steps: Sequence[StepAccount]) -> tuple[AnswerAccount, ...]:
    accounts = {step.address: step for step in steps if step.run == run.id}
    waits: dict[str, list[Span]] = {}
    for wait in waits_of(run):
        waits.setdefault(wait.address, []).append(wait)
    planned = {step.address: step.planned for step in run.steps}
    return tuple(
        _answer(
            run,
            given,
            accounts.get(given.address),
            planned.get(given.address),
            _wait(given, waits.get(given.address, ())),
        )
        for given in run.answers
    )


def _wait(given: GivenAnswer, waits: Sequence[Span]) -> Span | None:
    """Find the wait that an answer ended, or, of an approval that others had to give as well, was given in."""
    own = (wait for wait in waits if wait.began <= given.at and (wait.ended is None or given.at <= wait.ended))
    return min(own, key=lambda wait: wait.ended != given.at, default=None)


def _answer(
    run: Run, given: GivenAnswer, step: StepAccount | None, planned: PlannedStep | None, wait: Span | None
) -> AnswerAccount:
    prompt = planned.prompt if planned and isinstance(planned.prompt, dict) else {}
    names = planned.approvers if planned else ()
    quorum = (planned.quorum if planned else 0) or 1
    return AnswerAccount(
        run=run.id,
        number=step.number if step else 0,
        address=given.address,
        question=_question(run, given.asked or str(prompt.get("text") or (step.title if step else given.address))),
        answer=_told_at_work(given.value) if given.asked else _label(given.value, prompt),
        by=given.by,
        at=given.at,
        how=given.how,
        reason=given.reason,
        seconds=_waited(given, wait),
        wanted=f"{quorum} of {', '.join(names)}" if names else "",
    )


def _question(run: Run, text: str) -> str:
    # Planned before the run had an id; it was asked with it.
    return str(bind(text, {RUN_ID.source: run.id}))


def _waited(given: GivenAnswer, wait: Span | None) -> float | None:
    seconds = (given.at - wait.began).total_seconds() if wait else 0.0
    # Answers that stood on the command line were waited for by nobody.
    return seconds if seconds >= 1 else None


def _told_at_work(value: Plain) -> str:
    """Tell the answer to what a step asked at work, whose question no plan has."""
    parts = [f"{name}: {shown(one, limit=LONG)}" for name, one in value.items()] if isinstance(value, dict) else []
    return "; ".join(parts) or shown(value, limit=LONG)


def _label(value: Plain, prompt: Mapping[str, Plain]) -> str:
    for choice in prompt.get("choices") or ():
        if isinstance(choice, dict) and choice.get("value") == value and choice.get("label"):
            return str(choice["label"])
    if prompt.get("kind") == "task" and isinstance(value, bool):
        return "done" if value else "could not be done"
    return shown(value, limit=LONG)


def _written(run: Run, undo: Run | None) -> tuple[WrittenSection, ...]:
    notes: dict[str, list[Note]] = {}
    for note in sorted((*run.notes, *(undo.notes if undo else ())), key=lambda note: note.at):
        notes.setdefault(note.section or FREE_SECTION, []).append(note)
    free = {key: ("Notes" if key == FREE_SECTION else f"Notes: {key}", "") for key in notes if key not in SECTIONS}
    return tuple(
        WrittenSection(
            key=key,
            title=title,
            asks=asks,
            command=f'rollbook note {run.id} --section {shlex.quote(key)} "…"',
            notes=tuple(NoteAccount(note.text, note.by, note.at) for note in notes.get(key, ())),
        )
        for key, (title, asks) in (*SECTIONS.items(), *free.items())
    )
