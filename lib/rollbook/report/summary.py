"""The summary: sentences computed from what happened. What was wrong before is for people to write."""

from collections.abc import Iterator, Mapping, Sequence

from ..plan import BY_HAND as BY_HAND_STAYS
from ..plan import LEFT_BEHIND
from ..run import RunStatus
from ..scratch import Scratch
from .account import AnswerAccount, Impact, RunAccount, Sentence, StakeAccount, StepAccount
from .stakes import stake_sentences
from .wording import BY_HAND, RUN_TONES, counted, duration, listed, times, utc


def summary_of(
    run: RunAccount,
    undo: RunAccount | None,
    steps: Sequence[StepAccount],
    impact: Impact,
    answers: Sequence[AnswerAccount],
    turns: Sequence[str] = (),
    stakes: Sequence[StakeAccount] = (),
    scratch: Sequence[Scratch] = (),
) -> tuple[Sentence, ...]:
    """
    Tell the run in a few sentences, the worst first among what is still open.

    *turns* name the run that took *undo* back in turn, the one that took that back, and so on; *scratch* are databases
    that the run still keeps.
    """
    own = [step for step in steps if step.run == run.id]
    return (
        *_outcome(run, undo),
        *_downtime(impact),
        *stake_sentences(stakes),
        *_counts(own),
        *_changes(own),
        *_by_hand(own),
        *_time(impact, [answer for answer in answers if answer.run == run.id]),
        *_trouble(own, impact),
        *_kept(scratch),
        *_undo(run, undo, own),
        *_again(turns),
    )


def _outcome(run: RunAccount, undo: RunAccount | None) -> Iterator[Sentence]:
    what = f"{run.runbook} ({run.title})" if run.title else run.runbook
    taking = f" It takes back run {run.undo_of}." if run.undo_of else ""
    yield Sentence(f"{what} was run on {run.environment} by {listed(run.operators)} from {utc(run.began)}.{taking}")
    took, resume = duration(run.seconds), f"rollbook resume {run.id}"
    ends: Mapping[RunStatus, tuple[str, str]] = {
        "succeeded": (f"It succeeded after {took}.", ""),
        "failed": (f"It failed after {took}, and can be resumed:", resume),
        "waiting": (f"It waits for an answer since {utc(run.last)}, and goes on with:", resume),
        "stopped": (f"It was stopped on purpose after {took}, and can be resumed:", resume),
        "undone": (f"It succeeded after {took}: that run is taken back.", ""),
        "abandoned": (f"It was abandoned after {took}; what it had changed by then is listed below.", ""),
        "planned": ("It was planned and not started.", ""),
        "running": (f"No end is recorded: it is under way or was cut off. Last record: {utc(run.last)}.", resume),
    }
    text, command = ends[run.status]
    if undo is not None and command:
        # It is being taken back, or was: nobody should go on with it as well.
        text, command = f"{text.partition(',')[0].rstrip('.:')}.", ""
    yield Sentence(text, RUN_TONES[run.status], command)
    if run.reason:
        yield Sentence(f"Reason given: {run.reason}")


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
        ("only read, asked or found nothing to change", ("ok", "recovered", "changed")),
        ("skipped", ("skipped",)),
        ("failed", ("failed", "unreachable")),
        ("in doubt", ("in_doubt", "running")),
        ("waiting", ("waiting",)),
        ("never reached", ("pending",)),
    ):
        count = sum(step.status in statuses and not step.changed and not step.adopted for step in steps)
        if count:
            parts.append(f"{count} {word}")
    if adopted := sum(step.adopted is not None for step in steps):
        parts.insert(1, f"{adopted} {'was' if adopted == 1 else 'were'} {BY_HAND}")
    yield Sentence(f"Of {counted(len(steps), 'step')}, {listed(tuple(parts), limit=9)}.")


def _changes(steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    titles = tuple(f"“{step.title}”" for step in steps if step.changed)
    if titles:
        yield Sentence(f"Changed: {listed(titles, limit=5)}.")


def _by_hand(steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    told: dict[tuple[str, str], list[StepAccount]] = {}
    for step in steps:
        if step.adopted:
            told.setdefault((step.by, step.reason), []).append(step)
    for (by, reason), group in told.items():
        titles = listed(tuple(f"“{step.title}”" for step in group), limit=5)
        at = utc(max(step.adopted for step in group if step.adopted))
        yield Sentence(f"{BY_HAND.capitalize()} by {by} at {at}: {titles}. Reason: {reason}", "warn")


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
        yield Sentence(f"“{step.title}”: {step.words}{f' ({why[0]})' if why else ''}.", "bad")
    for step in [one for one in steps if one.status == "skipped" and one.attempts and one.error][:3]:
        where = f" in {step.environment}" if step.environment else ""
        yield Sentence(
            f"“{step.title}”{where} failed ({step.error.strip().splitlines()[0]}), and was passed over.", "bad"
        )
    again = sum(max(step.attempts - 1, 0) for step in steps)
    if again:
        yield Sentence(f"Steps were tried again {times(again)}.", "warn")
    if impact.gaps:
        # While it waited for an answer it did not stand still, also where nobody carried it out.
        still = f" after standing still for {duration(impact.stopped)}" if impact.stopped else ""
        yield Sentence(f"The run was taken up again {times(len(impact.gaps))}{still}.", "warn")


def _kept(scratch: Sequence[Scratch]) -> Iterator[Sentence]:
    for one in scratch:
        yield Sentence(
            f"{one.database}, which step {one.made_by} made beside the live database of {one.environment}, is still"
            f" there: it {one.goes}.",
            "warn",
        )


def _undo(run: RunAccount, undo: RunAccount | None, steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    states = [step.undo.state for step in steps if step.undo]
    if undo is not None:
        count = states.count("reversed") + states.count("brought again")
        others = {step.undo.by for step in steps if step.undo and step.undo.state == "reversed"} - {undo.id}
        before = f", after {listed(tuple(f'run {other}' for other in sorted(others)))}" if others else ""
        text = f"{counted(count, 'change')} of {len(states)} {'was' if count == 1 else 'were'} taken back"
        yield Sentence(
            f"{text} by run {undo.id} ({undo.words[:1].lower()}{undo.words[1:]}, {utc(undo.began)}){before}.", undo.tone
        )
        yield from _left_standing(steps)
        return
    if run.status == "undone":
        yield from _left_standing(steps)
        return
    if not states:
        return
    if "refused" in states:
        stuck = listed(tuple(f"“{step.title}”" for step in steps if step.undo and step.undo.state == "refused"))
        yield Sentence(f"Not everything can be taken back: {stuck}.", "warn")
    elif "reversible" in states:
        count = states.count("reversible")
        yield Sentence(f"{counted(count, 'change')} can be taken back:", command=f"rollbook undo {run.id}")


def _left_standing(steps: Sequence[StepAccount]) -> Iterator[Sentence]:
    """Tell what the undo went past, in the report of the run that it takes back and in its own."""
    if behind := _which(steps, LEFT_BEHIND):
        yield Sentence(f"What {behind} did, if anything, stays: nothing takes it back.", "warn")
    if behind := _which(steps, BY_HAND_STAYS):
        yield Sentence(f"What was done by hand for {behind} stays until somebody takes it back by hand.", "warn")


def _which(steps: Sequence[StepAccount], why: str) -> str:
    left = (step for step in steps if (step.undo.reason if step.undo else step.reason).startswith(why))
    titles = (f"“{step.title.removeprefix('Undo: ')}”" for step in left)
    return listed(tuple(dict.fromkeys(titles)))


def _again(turns: Sequence[str]) -> Iterator[Sentence]:
    if turns:
        first, *more = (f"by run {turn}" for turn in turns)
        told = "".join(f", and that {turn}" for turn in more)
        now = "there again" if len(turns) % 2 else "gone again"
        yield Sentence(f"That undo was taken back in turn {first}{told}: what that took back is {now}.", "warn")
