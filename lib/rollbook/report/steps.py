"""The steps of a run, told one by one: what was found, what was changed, what an undo makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..plan import BY_HAND, LEFT_BEHIND, shown
from ..run import Run, StepRun
from ..undos import Fate, takers_of, unended
from ..values import Plain
from .account import FieldChange, Span, StepAccount, UndoAccount, UndoState
from .graph import graph_of
from .impact import gaps_of, with_begins, without
from .instants import last_moment
from .waits import waits_of
from .wording import STEP_WORDS, step_words

LONG = 4000


def step_accounts(
    run: Run, undo: Run | None, gaps: Sequence[Span], fates: Mapping[str, Fate]
) -> tuple[StepAccount, ...]:
    """Tell every step of *run*, then every step of *undo*; *fates* are what became of changes by all undos of it."""
    waits: dict[str, list[Span]] = {}
    for wait in (*waits_of(run), *(waits_of(undo) if undo else ())):
        waits.setdefault(wait.address, []).append(wait)
    told = [_told(number, run, step, waits.get(step.address, []), gaps) for number, step in enumerate(run.steps, 1)]
    if undo is not None:
        taking = takers_of(run, undo)
        told = [_with_undo(one, undo, taking.get(one.address, ()), fates.get(one.address)) for one in told]
        rest = enumerate(undo.steps, len(told) + 1)
        told += [replace(_told(number, undo, step, [], ()), undo=None) for number, step in rest]
    return tuple(told)


def own_seconds(run: Run) -> Mapping[str, float | None]:
    """Give the seconds of each step's own work: without what people were waited for, or a stop; None while it works."""
    run, now = with_begins(run), last_moment(run)
    waits: dict[str, list[Span]] = {}
    for wait in waits_of(run):
        waits.setdefault(wait.address, []).append(wait)
    gaps = gaps_of(run)
    return {
        step.address: None
        if step.started_at is None or step.ended_at is None or _untouched(step)
        else sum(
            span.seconds(now) for span in _spans(run, step, waits.get(step.address, []), gaps) if span.kind == "work"
        )
        for step in run.steps
    }


def _told(number: int, run: Run, step: StepRun, waits: Sequence[Span], gaps: Sequence[Span]) -> StepAccount:
    planned = step.planned
    before = step.before if step.attempts else planned.before
    after = step.after if step.attempts or step.adopted_at else planned.after
    fields, unchanged = field_changes(before, after)
    binding = tuple(field for field in fields if not planned.compared or field.name in planned.compared)
    now, spans = last_moment(run), _spans(run, step, waits, gaps)
    return StepAccount(
        number=number,
        run=run.id,
        address=step.address,
        name=planned.name,
        kind=planned.kind,
        verdict=planned.verdict,
        status=step.status,
        words=step_words(step),
        phase=planned.phase,
        stage=planned.stage,
        environment=planned.environment,
        closing=planned.section == "finally",
        targets=planned.targets,
        began=_began(step, spans),
        ended=step.over_at,
        seconds=_seconds(step, spans, now),
        waited=sum(wait.seconds(now) for wait in waits),
        attempts=step.attempts,
        changed=step.changed,
        fields=binding,
        seen=tuple(field for field in fields if field not in binding),
        unchanged=tuple(name for name in unchanged if not planned.compared or name in planned.compared),
        sent=step.shown if step.starts else (),
        ops_done=step.ops_done,
        ops_total=len(step.ops),
        details=step.details or (() if step.adopted_at else planned.details),
        error=step.error,
        reason=step.reason or (planned.reason if step.status in ("skipped", "pending") else ""),
        by=step.by,
        adopted=step.adopted_at,
        skipped=step.skipped_at,
        undo=UndoAccount(planned.undo, _STATES[planned.undo], planned.undo_reason) if step.changed else None,
        output=step.output,
        files=step.files,
        spans=spans,
        graph=graph_of(step.outputs),
    )


def _untouched(step: StepRun) -> bool:
    """Tell whether it did nothing itself, for somebody did it by hand or went past it."""
    return step.settled_at is not None and step.ended_at == step.settled_at


def _began(step: StepRun, spans: Sequence[Span]) -> datetime | None:
    if _untouched(step):
        return None
    if step.done and len(step.starts) > 1:
        return step.starts[-1]  # what was done was done then; that it had failed before has its own lines
    # What was waited for first, as agreement to a step that is planned anew, is no part of its work.
    work = [span.began for span in spans if span.kind == "work"]
    return work[0] if work and step.planned.verdict != "ask" else step.started_at


def _seconds(step: StepRun, spans: Sequence[Span], now: datetime) -> float | None:
    if _untouched(step):
        return None
    work = [span.seconds(now) for span in spans if span.kind == "work"]
    return sum(work) if work and step.seconds is not None and step.planned.verdict != "ask" else step.seconds


def _spans(run: Run, step: StepRun, waits: Sequence[Span], gaps: Sequence[Span]) -> tuple[Span, ...]:
    if step.started_at is None or _untouched(step):
        return tuple(waits)
    now = last_moment(run)
    ended = max(step.ended_at or now, step.started_at)
    holes = [(span.began, span.ended or now) for span in (*waits, *gaps)]
    work = without([(step.started_at, ended)], holes)
    if step.started_at == ended and not waits:
        work = ((step.started_at, ended),)
    if step.planned.verdict == "ask" and waits:
        # What is left of a question is the journal's own writing, too short to be called work.
        work = tuple(part for part in work if part[1] - part[0] > timedelta(seconds=1))
    pieces = [Span("work", began, end, address=step.address) for began, end in work]
    return tuple(sorted((*pieces, *waits), key=lambda span: span.began))


def field_changes(before: Plain, after: Plain) -> tuple[tuple[FieldChange, ...], tuple[str, ...]]:
    """Compare two states field by field; the second part names the fields that stayed as they were."""
    if not isinstance(before, dict) and not isinstance(after, dict):
        return ((_pair("state", before, after),) if before != after else ()), ()
    old: Mapping[str, Plain] = before if isinstance(before, dict) else {}
    new: Mapping[str, Plain] = after if isinstance(after, dict) else {}
    names = list(dict.fromkeys([*old, *new]))
    differing = tuple(_pair(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))
    return differing, tuple(name for name in names if old.get(name) == new.get(name))


def _pair(name: str, before: Plain, after: Plain) -> FieldChange:
    return FieldChange(name, shown(before, limit=LONG), shown(after, limit=LONG))


_STATES: Mapping[str, UndoState] = {"reverse": "reversible", "leave": "left", "refuse": "refused"}


def _with_undo(account: StepAccount, undo: Run, takers: Sequence[StepRun], fate: Fate | None) -> StepAccount:
    left = next((taker for taker in takers if taker.reason.startswith((LEFT_BEHIND, BY_HAND))), None)
    if left is not None:
        return replace(account, undo=UndoAccount("leave", "left", left.reason, undo.id))
    if account.undo is None or account.undo.kind == "leave":
        return account
    if fate is not None and fate.again:
        return replace(account, undo=replace(account.undo, state="brought again", by=fate.again))
    if fate is not None:
        return _reversed(account, account.undo, fate.by, fate.at)
    if not takers:
        return account
    if (unfinished := unended(takers)) is not None:
        failed = "" if unfinished.skipped_at else unfinished.error
        why = failed or unfinished.reason or STEP_WORDS[unfinished.status]
        state: UndoState = "unsure" if unfinished.unsure else "not reversed"
        return replace(account, undo=replace(account.undo, state=state, reason=why, by=undo.id))
    at = max((taker.over_at for taker in takers if taker.over_at), default=None)
    return _reversed(account, account.undo, undo.id, at)


def _reversed(account: StepAccount, undo: UndoAccount, by: str, at: datetime | None) -> StepAccount:
    told = replace(undo, state="reversed", by=by, at=at)
    return replace(account, status="undone", words=STEP_WORDS["undone"], undo=told)
