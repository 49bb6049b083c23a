"""The end of a plan: its summary in a few lines, and what may be typed next."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..action import Verdict
from ..plan import SYMBOLS, Plan, PlannedStep
from .screen import Screen
from .words import about, count

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    "read": "read",
    "noop": "nothing to do",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "run": "run",
    "ask": "ask",
    "unknown": "not known yet",
    "skip": "skip",
}


def summary(plan: Plan, screen: Screen) -> Iterator[str]:
    """Yield the summary: verdicts, approvals, undo, downtime, time."""
    yield ""
    yield screen.paint("Summary", "bold")
    counts = [f"{SYMBOLS[verdict]} {number} {VERDICT_WORDS[verdict]}" for verdict, number in plan.counts().items()]
    rows = (
        ("steps", f"{count(len(plan.steps), 'step')}: {', '.join(counts)}" if counts else "no steps"),
        *((("" if index else "approval"), text) for index, text in enumerate(_approvals(plan))),
        ("undo", _undo(plan)),
        ("downtime", _downtime(plan)),
        ("time", _time(plan)),
    )
    for label, text in rows:
        yield from screen.wrap(text, first=f"  {label:<11}", rest=" " * 13)
    if not plan.writes:
        yield "  Nothing will be written."


def _approvals(plan: Plan) -> Iterator[str]:
    """Say who must approve which step: with `approve:` before it, or as the step itself."""
    for step in plan.steps:
        prompt = step.prompt if isinstance(step.prompt, dict) and step.prompt.get("kind") == "approve" else {}
        if step.verdict == "skip" or not (step.quorum or step.approvers or prompt):
            continue
        names = step.approvers or tuple(prompt.get("names") or ())
        beside = bool(prompt.get("not_operator")) or (plan.protects(step) and bool(step.quorum))
        other = ", not by who carries it out" if beside else ""
        yield f"{step.address}: by {approval(names, step.quorum or prompt.get('quorum') or 1)}{other}"


def approval(names: tuple[str, ...], quorum: int) -> str:
    """Say how many of whom must approve."""
    quorum = max(quorum, 1)
    if not names:
        return "anybody" if quorum == 1 else f"{quorum} people"
    if quorum < len(names):
        return f"{quorum} of {', '.join(names)}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _undo(plan: Plan) -> str:
    writing = [step for step in plan.steps if step.writes and step.verdict != "unknown"]
    changing = [step for step in writing if step.changes]
    later = sum(step.verdict == "unknown" for step in plan.steps)
    back = [step for step in changing if step.undo == "reverse"]
    left = [step for step in changing if step.undo == "leave"]
    refused = [step.address for step in writing if step.undo == "refuse"]
    if not changing and not refused and not later:
        return "nothing to take back; no refusals"
    parts = [f"{count(len(back), 'change')} can be taken back"]
    if left:
        parts.append(f"{len(left)} {'stays' if len(left) == 1 else 'stay'}")
    if later:
        parts.append(f"{later} not known yet")
    refusals = f"{count(len(refused), 'refusal')}: {', '.join(refused)}" if refused else "no refusals"
    return f"{', '.join(parts)}; {refusals}"


def _downtime(plan: Plan) -> str:
    down: list[PlannedStep] = []
    open_since = ""
    for step in plan.steps:
        if step.verdict == "skip":
            continue
        if step.downtime == "begins":
            open_since = open_since or step.address
        if open_since:
            down.append(step)
        if step.downtime == "ends":
            open_since = ""
    if not down:
        # Whether that of the run that is taken back is over nobody knows here: each step says how the site is.
        ends = plan.undo_of and any(step.downtime == "ends" and step.verdict != "skip" for step in plan.steps)
        return "none of its own" if ends else "none expected"
    known = [step.estimate for step in down if step.estimate is not None]
    length = about(sum(known)) if known else "of unknown length"
    part = f" ({len(known)} of {len(down)} steps timed before)" if known and len(known) < len(down) else ""
    never = f"; it begins at {open_since} and no step ends it" if open_since else ""
    return f"{length}{part}{never}"


def _time(plan: Plan) -> str:
    working = [step for step in plan.steps if step.verdict not in ("skip",)]
    known = [step.estimate for step in working if step.estimate is not None]
    if not known:
        return "not known: no earlier run tells"
    missing = len(working) - len(known)
    text = f"{about(sum(known))}, as in earlier runs"
    return f"{text}; {count(missing, 'step')} never timed" if missing else text


def estimate(plan: Plan) -> float | None:
    """Give the seconds that earlier runs took for these steps; None when none was timed."""
    known = [step.estimate for step in plan.steps if step.estimate is not None and step.verdict != "skip"]
    return sum(known) if known else None
