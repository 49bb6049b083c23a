"""The chronology: everything that happened, in order, one line each."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ..run import Event, Run
from .account import AnswerAccount, Impact, Moment, StepAccount
from .wording import RUN_TONES, RUN_WORDS, STEP_TONES, STEP_WORDS, Tone, duration

EVENT_WORDS: Mapping[str, tuple[str, Tone]] = {
    "run_resumed": ("resumed", "warn"),
    "replanned": ("planned again", "warn"),
    "attempt": ("tried again", "warn"),
    "drift": ("drift", "bad"),
    "in_doubt": ("in doubt", "bad"),
    "recovered": ("recovered", "good"),
    "unreachable": ("no answer", "bad"),
    "step_failed": ("failed", "bad"),
    "stage_left": ("stage left", "warn"),
    "lock_taken": ("lock taken", "calm"),
    "lock_lost": ("lock lost", "bad"),
    "interrupted": ("stopped", "warn"),
    "warning": ("warning", "warn"),
    "waiting": ("asked", "calm"),
}
EVENT_TEXTS: Mapping[str, str] = {
    "run_resumed": "The run was taken up again.",
    "replanned": "The steps ahead were planned and shown again.",
    "attempt": "Another attempt began.",
    "drift": "The target was not as planned.",
    "in_doubt": "Whether the step had its effect was not known.",
    "recovered": "The step's effect was found to be there.",
    "unreachable": "No answer came.",
    "interrupted": "The run was asked to stop.",
    "waiting": "An answer was asked for.",
}


def chronology(
    run: Run, undo: Run | None, steps: Sequence[StepAccount], answers: Sequence[AnswerAccount], impact: Impact
) -> tuple[Moment, ...]:
    """Give every moment of both runs in order of time."""
    found: list[Moment] = []
    for part in (run, undo):
        if part is not None:
            own = [step for step in steps if step.run == part.id]
            found += _run_moments(part, own, "undo" if part is undo else "run")
    found += _answer_moments(answers)
    found += _downtime_moments(impact)
    return tuple(sorted(found, key=_order))


def _order(moment: Moment) -> tuple[datetime, int, int, int]:
    """Order by time; what has one and the same time as the run did it: step by step, a step's end after its begin."""
    rank = {"begin": 0, "lock_taken": 1, "end": 9}.get(moment.type, 5)
    within = {"step": 0, "answered": 2, "adopted": 2, "skipped": 2}.get(moment.type, 1)
    return moment.at, rank, moment.number or sys.maxsize, within


def _run_moments(run: Run, steps: Sequence[StepAccount], what: str) -> Iterator[Moment]:
    yield Moment(run.started_at, f"{what} began", f"{run.plan.runbook} by {run.operator}", type="begin")
    numbers = {step.address: step for step in steps}
    failed = {event.address: event.at for event in run.events if event.type in ("step_failed", "unreachable")}
    for step in steps:
        if step.settled is not None:
            yield _settled_moment(step, step.settled)
        elif step.began or step.ended:
            yield _step_moment(step, run, failed.get(step.address))
    for event in run.events:
        if not _told_by_step(event, numbers.get(event.address)):
            yield _event_moment(event, numbers.get(event.address))
    for note in run.notes:
        yield Moment(note.at, "note", f"{note.by} wrote to section {note.section or 'notes'}", type="note")
    if run.ended_at is not None:
        yield Moment(run.ended_at, f"{what} ended", RUN_WORDS[run.status], RUN_TONES[run.status], type="end")


def _told_by_step(event: Event, step: StepAccount | None) -> bool:
    if event.type == "run_finished":
        return True  # the failure before it tells that
    if step is None or step.skipped:
        return False
    if event.type == "waiting":
        return step.began == event.at
    return event.type in ("step_failed", "unreachable") and step.ended == event.at and bool(step.error)


def _step_moment(step: StepAccount, run: Run, failed: datetime | None) -> Moment:
    at = step.began or step.ended or run.started_at
    if failed is not None and step.ended is not None and at <= failed < step.ended:
        at = step.ended  # what it came to was after that, which has its own line
    # That it was undone later has its own lines.
    word = {"answered": "asked", STEP_WORDS["undone"]: STEP_WORDS["changed"]}.get(step.words, step.words)
    tail = step.error or step.reason
    return Moment(
        at=at,
        word=word,
        text=f"{step.title}: {tail}" if tail else step.title,
        tone=STEP_TONES[step.status],
        number=step.number,
        address=step.address,
        targets=step.targets,
        seconds=step.seconds,
    )


def _settled_moment(step: StepAccount, at: datetime) -> Moment:
    # That it had failed, or was in doubt, before has its own lines.
    return Moment(
        at=at,
        word=step.words,
        text=f"{step.title}, by {step.by}: {step.reason}",
        number=step.number,
        address=step.address,
        targets=step.targets,
        type="adopted" if step.adopted else "skipped",
    )


def _event_moment(event: Event, step: StepAccount | None) -> Moment:
    word, tone = EVENT_WORDS.get(event.type, (event.type.replace("_", " "), "calm"))
    if event.type == "replanned" and event.text.endswith(": at the end"):
        # What the runbook does at its end is planned there; that is no trouble.
        word, tone = "planned", "calm"
    text = event.text or EVENT_TEXTS.get(event.type, "")
    title = f"{step.title}: " if step else ""
    return Moment(
        at=event.at,
        word=word,
        text=f"{title}{text}".rstrip(": "),
        tone=tone,
        number=step.number if step else 0,
        address=event.address,
        targets=step.targets if step else (),
        type=event.type,
    )


def _answer_moments(answers: Sequence[AnswerAccount]) -> Iterator[Moment]:
    for answer in answers:
        after = f", after {duration(answer.seconds)}" if answer.seconds else ""
        text = f"{answer.question}: {answer.answer} ({answer.by}{after})"
        yield Moment(answer.at, "answered", text, number=answer.number, address=answer.address, type="answered")


def _downtime_moments(impact: Impact) -> Iterator[Moment]:
    for stretch in impact.downtimes:
        yield Moment(stretch.began, "down", f"Downtime began with step {stretch.beginner}", "bad", type="downtime")
        if stretch.ended is not None:
            text = f"Downtime ended with step {stretch.ender}, after {duration(stretch.seconds)}"
            yield Moment(stretch.ended, "up again", text, "good", type="downtime")
