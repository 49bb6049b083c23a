"""The waits of a run: when it stood still until somebody answered, agreed or decided."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final

from ..run import Event, Run, StepRun
from .account import Span
from .instants import before, instants_of, last_moment

_AT_ONCE: Final = timedelta(seconds=1)
"""What follows a failure sooner was decided by the runbook, not by a person."""
FAILURES: Final = ("step_failed", "unreachable")
"""The records that tell of a failure."""


def waits_of(run: Run) -> tuple[Span, ...]:
    """Give the stretches in which the run waited for people, in order."""
    found = (*_questions(run), *_doubts(run), *_failures(run), *_at_work(run), *_agreements(run))
    return tuple(sorted(found, key=lambda span: span.began))


def _questions(run: Run) -> Iterator[Span]:
    instants = instants_of(run)
    asked = {event.address: event.at for event in reversed(run.events) if event.type == "waiting" and not event.text}
    answers = {answer.address: answer for answer in run.answers if not answer.asked and answer.how != "doubt"}
    last = {event.address: event for event in run.events if event.type == "waiting"}
    agreeing = {address for address, event in last.items() if event.text}
    for step in run.steps:
        answer = answers.get(step.address)
        awaited = step.status == "waiting" or (run.waiting_for == step.address and step.status != "in_doubt")
        if step.address not in agreeing and awaited:
            put = last[step.address].at if step.asks is not None and step.address in last else asked.get(step.address)
            yield _open(run, put or step.started_at or last_moment(run), step)
        elif answer is not None:
            began = asked.get(step.address) or step.started_at
            if began is None or began >= answer.at:
                began = before(answer.at, instants) or answer.at
            yield Span("wait", began, answer.at, f"answered by {answer.by}", step.address)
        elif step.by and step.over_at and not step.answers and (put := asked.get(step.address)):
            yield Span("wait", put, step.over_at, f"settled by {step.by}", step.address)


def _open(run: Run, since: datetime, step: StepRun) -> Span:
    ended, text = (None, "no answer yet") if run.resumable else (last_moment(run), "never answered")
    return Span("wait", since, ended, text, step.address)


def _doubts(run: Run) -> Iterator[Span]:
    """Yield what was waited for word of steps in doubt, since it was first asked for."""
    doubted = {event.address for event in run.events if event.type == "in_doubt"}
    for step in run.steps:
        if step.address in doubted:
            yield from _doubts_of(run, step)


def _doubts_of(run: Run, step: StepRun) -> Iterator[Span]:
    since: datetime | None = None
    told = [(event.at, 0, "") for event in run.events if event.type == "in_doubt" and event.address == step.address]
    for answer in run.answers:
        if answer.address == step.address and answer.how == "doubt":
            told.append((answer.at, 1, answer.by if answer.value != "abort" else ""))
    told += [(at, 2, "") for at in step.starts]
    for at, what, by in sorted(told):
        if what == 1 and since is not None:
            yield Span("wait", since, at, f"answered by {by}" if by else "left in doubt", step.address)
        # Whoever leaves it in doubt is waited for on, and who begins it again needs no word any more.
        since = (since or at) if what == 0 else at if what == 1 and not by else None
    if since is not None and step.by and step.over_at:
        yield Span("wait", since, step.over_at, f"settled by {step.by}", step.address)
    elif since is not None and step.status == "in_doubt":
        yield _open(run, since, step)


def _failures(run: Run) -> Iterator[Span]:
    """Yield what was waited for a decision about failures: no record tells when it was made but what came of it."""
    instants = instants_of(run)
    for event, following in zip_longest(run.events, run.events[1:]):
        step = run.step(event.address) if event.type in FAILURES else None
        if step is None:
            continue
        index = bisect_right(instants, event.at)
        ended = instants[index] if index < len(instants) else last_moment(run)
        if _is_decided(event, following, step, ended):
            yield Span("wait", event.at, ended, _decision(run, step, ended), step.address)


def _is_decided(event: Event, following: Event | None, step: StepRun, ended: datetime) -> bool:
    """Tell whether a person may have decided: not where something followed at once, nor where the run was cut off."""
    if ended - event.at < _AT_ONCE or step.settled_at == event.at:
        return False
    if following is None or following.at > ended:
        return True
    return following.at > event.at and following.type not in ("run_resumed", "replanned")


def _decision(run: Run, step: StepRun, ended: datetime) -> str:
    if step.settled_at == ended:
        return f"settled by {step.by}"
    # What only reads journals no begin, so the attempt after the decision cannot be told from it.
    own = {step.ended_at, *(event.at for event in run.events if event.address == step.address)}
    again = ended in own and ended not in step.starts
    return "what to do about its failure" + (", and the attempt after that" if again else "")


def _at_work(run: Run) -> Iterator[Span]:
    """Yield what was waited for answers that steps needed at work: between two of them a step may work on."""
    since: dict[str, datetime] = {}
    for answer in (one for one in run.answers if one.asked):
        waits = [event.at for event in run.events if event.type == "waiting" and event.address == answer.address]
        began = max((at for at in waits if at <= answer.at), default=None)
        if began is not None and began >= since.get(answer.address, began):
            yield Span("wait", began, answer.at, f"answered by {answer.by}", answer.address)
        since[answer.address] = answer.at


def agreements_awaited(run: Run) -> Iterator[Event]:
    """Yield where agreement to newly planned steps was waited for: a question's own wait has no text."""
    return (event for event in run.events if event.type == "waiting" and event.text)


def _agreements(run: Run) -> Iterator[Span]:
    resumes = [event.at for event in run.events if event.type == "run_resumed"]
    for event in agreements_awaited(run):
        ended = next((at for at in resumes if at >= event.at), None)
        yield Span("wait", event.at, ended, "agreement to newly planned steps", event.address)
