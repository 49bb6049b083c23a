"""The summary: sentences computed from what happened. What was wrong before is for people to write."""

from collections.abc import Iterator, Sequence

from .account import AnswerAccount, Impact, RunAccount, Sentence, StepAccount
from .wording import counted, duration, listed, times, utc


def summary_of(
    run: RunAccount,
    undo: RunAccount | None,
    steps: Sequence[StepAccount],
    impact: Impact,
    answers: Sequence[AnswerAccount],
) -> tuple[Sentence, ...]:
    """Tell the run in a few sentences, the worst first among what is still open."""
    own = [step for step in steps if step.run == run.id]
    return (
        *_outcome(run),
        *_downtime(impact),
        *_counts(own),
        *_changes(own),
        *_time(impact, [answer for answer in answers if answer.run == run.id]),
        *_trouble(own, impact),
        *_undo(run, undo, own),
    )


def _outcome(run: RunAccount) -> Iterator[Sentence]:
    what = f"{run.runbook} ({run.title})" if run.title else run.runbook
    who = listed(run.operators)
    took = f"took {duration(run.seconds)}"
    ends = {
        "succeeded": f"It succeeded and {took}.",
        "failed": f"It failed after {duration(run.seconds)} and can be resumed: rollbook resume {run.id}",
        "waiting": f"It waits for an answer: rollbook resume {run.id}",
        "stopped": f"It was stopped on purpose and can be resumed: rollbook resume {run.id}",
        "undone": f"It was undone and {took}.",
        "abandoned": f"It was abandoned after {duration(run.seconds)}; what it had changed by then is listed below.",
        "planned": "It was planned and not started.",
        "running": f"Its end is not recorded: it is under way, or was cut off. Last record: {utc(run.last)}.",
    }
    taking = f" This run takes back run {run.undo_of}." if run.undo_of else ""
    yield Sentence(f"{what} was run on {run.environment} by {who} from {utc(run.began)}.{taking}")
    if run.reason:
        yield Sentence(f"Reason given: {run.reason}")
    yield Sentence(ends[run.status], run.tone)


def _downtime(impact: Impact) -> Iterator[Sentence]:
    for stretch in impact.still_down:
        yield Sentence(
            f"DOWNTIME IS STILL OPEN: it began at {utc(stretch.began)} with step {stretch.began_by},"
            " and no step has ended it. Check the site now.",
            "bad",
        )
    if impact.downtimes and not impact.still_down:
        yield Sentence(f"Downtime was {duration(impact.down)}, as the steps that begin and end it measured.", "warn")


def _counts(steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    if not steps:
        yield Sentence("The plan had no steps, so nothing was done.")
        return
    changed = sum(step.changed for step in steps)
    parts = [f"{changed} changed something" if changed else "none changed anything"]
    for word, statuses in (
        ("only read, asked or found nothing to change", ("ok", "recovered")),
        ("skipped", ("skipped",)),
        ("failed", ("failed", "unreachable")),
        ("in doubt", ("in_doubt", "running")),
        ("waiting", ("waiting",)),
        ("never reached", ("pending",)),
    ):
        count = sum(step.status in statuses and not step.changed for step in steps)
        if count:
            parts.append(f"{count} {word}")
    yield Sentence(f"Of {counted(len(steps), 'step')}, {listed(tuple(parts), limit=9)}.")


def _changes(steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    titles = tuple(step.title for step in steps if step.changed)
    if titles:
        yield Sentence(f"Changed: {listed(titles, limit=5)}.")


def _time(impact: Impact, answers: Sequence[AnswerAccount]) -> Iterator[Sentence]:
    if answers or impact.waiting:
        times = counted(len(answers), "answer")
        yield Sentence(
            f"People gave {times} and were waited for {duration(impact.waiting)};"
            f" the steps themselves worked {duration(impact.working)}."
        )


def _trouble(steps: Sequence[StepAccount], impact: Impact) -> Iterator[Sentence]:
    failed = [step for step in steps if step.status in ("failed", "unreachable", "in_doubt")]
    for step in failed[:3]:
        why = step.error.strip().splitlines()
        yield Sentence(f"{step.title}: {step.words}{f' ({why[0]})' if why else ''}.", "bad")
    again = sum(max(step.attempts - 1, 0) for step in steps)
    if again:
        yield Sentence(f"Steps were tried again {times(again)}.", "warn")
    if impact.gaps:
        yield Sentence(
            f"The run was taken up again {times(len(impact.gaps))}"
            f" after standing still for {duration(sum(gap.seconds(gap.began) for gap in impact.gaps))}.",
            "warn",
        )


def _undo(run: RunAccount, undo: RunAccount | None, steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    states = [step.undo.state for step in steps if step.undo]
    if undo is not None:
        count = states.count("reversed")
        text = f"{counted(count, 'change')} of {len(states)} {'was' if count == 1 else 'were'} taken back"
        yield Sentence(f"{text} by run {undo.id} ({undo.words.lower()}, {utc(undo.began)}).", undo.tone)
        return
    if not states or run.status == "undone":
        return
    if "refused" in states:
        stuck = listed(tuple(step.title for step in steps if step.undo and step.undo.state == "refused"))
        yield Sentence(f"Not everything can be taken back: {stuck}.", "warn")
    elif "reversible" in states:
        count = states.count("reversible")
        yield Sentence(f"{counted(count, 'change')} can be taken back: rollbook undo {run.id}")
