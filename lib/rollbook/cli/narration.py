"""A run told while it happens: each record of the journal in human words."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Final

from ..dataclass import dataclass
from ..journal import Record, moment
from ..plan import Plan, PlannedStep, shown
from ..report.wording import BY_HAND, ONLY_READ, STEP_MARKS, duration, visible
from ..run import StepStatus
from ..schema import build
from .beginning import begins_at
from .boundary import Boundary, Site, as_happened, boundaries
from .words import about, answer_shown, clock, one_line

_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "✓": ("green",),
    "●": ("green", "bold"),
    "–": ("dim",),
    "✕": ("red", "bold"),
    "!": ("yellow", "bold"),
    "@": ("magenta", "bold"),
    "?": ("yellow", "bold"),
    "…": ("cyan",),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One line about the run: *mark* says at a glance how it stands, *address* which step it is about."""

    at: datetime
    mark: str
    text: str
    address: str = ""

    @property
    def styles(self) -> tuple[str, ...]:
        """The mark's colour."""
        return _STYLES.get(self.mark, ())

    def plain(self) -> str:
        """Give the line with its time, for a log."""
        where = f"{self.address}: " if self.address else ""
        return visible(f"{clock(self.at)}Z {self.mark} {where}{self.text}")


@dataclass(slots=True)
class Narrator:
    """
    Tells the records of one run of *plan*, in order; knows when each step began and how it ended.

    *statuses* are those of steps that an earlier process began. Of a run that is given up (*giving_up*) only what
    is at its end still comes.
    """

    plan: Plan
    sites: Mapping[str, Site] = field(default_factory=dict)
    statuses: dict[str, StepStatus] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)
    giving_up: bool = False
    _begins: Mapping[str, Site] = field(default_factory=dict)
    _after: Mapping[str, Boundary] = field(default_factory=dict)
    _planned: Mapping[str, PlannedStep] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begins = begins_at(self.plan, self.sites)
        self.look_ahead()

    def look_ahead(self) -> None:
        """Work out what holds after each step, from the plan and from what happened."""
        self._planned = {step.address: step for step in self.plan.steps}
        steps = (as_happened(step, self._status(step)) for step in self.plan.steps)
        self._after = boundaries(steps, self.sites, self.plan.passed, self._begins)

    def _status(self, step: PlannedStep) -> StepStatus:
        never: StepStatus = "skipped" if self.giving_up and step.section == "steps" else "pending"
        return self.statuses.get(step.address, never)

    def happened(self, address: str, status: StepStatus) -> None:
        """Take in how a step ended: what comes after it rests on that."""
        before, self.statuses[address] = self.statuses.get(address, "pending"), status
        step = self.step(address)
        if step is None or as_happened(step, before).verdict != as_happened(step, status).verdict:
            self.look_ahead()

    def step(self, address: str) -> PlannedStep | None:
        """Find a step as it is planned now."""
        return self._planned.get(address)

    def after(self, address: str) -> Boundary | None:
        """Give what holds after a step."""
        return self._after.get(address)

    def tell(self, record: Record) -> Told | None:
        """Tell *record*, or None for one that says nothing new to people."""
        words = _WORDS.get(record.type)
        if words is None:
            return None
        mark, text = words(self, record)
        at = moment(record.at)
        return Told(at, mark, one_line(text, 600), str(record.get("step") or "")) if text else None


_STATUS: Final[Mapping[str, str]] = {"recovered": "recovered: it had taken effect"}
_Words = Callable[[Narrator, Record], tuple[str, str]]


def _run_started(narrator: Narrator, record: Record) -> tuple[str, str]:
    plan = narrator.plan
    return "…", f"run {record.get('run')} of {plan.runbook} in {plan.environment} by {record.get('operator')}"


def _run_resumed(narrator: Narrator, record: Record) -> tuple[str, str]:
    if record.get("abandoning"):
        narrator.giving_up = True
        narrator.look_ahead()
    why = f": {record.get('text')}" if record.get("text") else ""
    return "…", f"resumed by {record.get('operator')}{why}"


def _replanned(narrator: Narrator, record: Record) -> tuple[str, str]:
    if record.get("plan"):
        narrator.plan = build(Plan, record["plan"])
        narrator.look_ahead()
    if record.get("text") and record.get("fresh") is None:
        # What the runbook does at its end is planned there; nobody has to agree to that once more.
        return "…", f"{str(record['text']).removesuffix(': at the end')} is planned now, at the end"
    return "!", f"planned again: {record.get('why') or record.get('text') or 'an answer differs'}"


def _step_started(narrator: Narrator, record: Record) -> tuple[str, str]:
    address = record["step"]
    narrator.began.setdefault(address, moment(record.at))
    step = narrator.step(address)
    if step is None:
        return "…", "begins"
    length = f" ({about(step.estimate)})" if step.estimate else ""
    attempt = f", attempt {record.get('attempt')}" if (record.get("attempt") or 1) > 1 else ""
    return "…", f"{step.name}{attempt}{length}"


def _step_finished(narrator: Narrator, record: Record) -> tuple[str, str]:
    address = record["step"]
    status = record["status"]
    adopted = record.get("by") and record.get("reason")
    step = narrator.step(address)
    reading = status == "changed" and step is not None and step.effect == "read"
    ended = ONLY_READ if reading else _STATUS.get(status, str(status))
    words = [f"{BY_HAND} by {record['by']}" if adopted else ended]
    began = narrator.began.get(address)
    if began is not None and not adopted:
        words[0] += f" after {duration((moment(record.at) - began).total_seconds())}"
    if record.get("reason"):
        words.append(str(record["reason"]))
    narrator.happened(address, status)
    after = narrator.after(address)
    if step is not None and step.verdict == "ask" and status == "ok":
        # The answer has just been told.
        return "", ""
    if after is not None and step is not None and (step.writes or step.downtime or not after.calm):
        words.append(str(after))
    return STEP_MARKS.get("ok" if reading else status, "✓"), "; ".join(words)


def _step_failed(_: Narrator, record: Record) -> tuple[str, str]:
    word = "no answer" if record.type == "unreachable" else "failed"
    return "✕", f"{word}: {record.get('error')}"


def _step_skipped(narrator: Narrator, record: Record) -> tuple[str, str]:
    narrator.happened(record["step"], "skipped")
    by = f" by {record['by']}" if record.get("by") else ""
    return "–", f"skipped{by}: {record.get('reason') or 'it takes no part'}"


def _stage_left(narrator: Narrator, record: Record) -> tuple[str, str]:
    for address in record["steps"]:
        narrator.happened(address, "skipped")
    return "–", f"the rest of the stage is passed over: {', '.join(record['steps'])}; {record.get('reason')}"


def _attempt(_: Narrator, record: Record) -> tuple[str, str]:
    wait = f"; again in {duration(float(record['next_in']))}" if record.get("next_in") else "; trying again"
    return "!", f"attempt {record.get('attempt')} failed: {record.get('error') or 'not as wanted'}{wait}"


def _drift(_: Narrator, record: Record) -> tuple[str, str]:
    return "✕", f"not as planned: {'; '.join(record.get('differences') or ())}"


def _in_doubt(_: Narrator, record: Record) -> tuple[str, str]:
    why = record.get("text") or record.get("why")
    return "?", f"in doubt{f': {why}' if why else ': it began and its end was not recorded'}"


def _recovered(_: Narrator, record: Record) -> tuple[str, str]:
    return "●", str(record.get("text") or "recovered: the probe shows how far it came")


def _waiting(narrator: Narrator, record: Record) -> tuple[str, str]:
    step = narrator.step(record["step"])
    prompt = record.get("prompt") or (step.prompt if step else None) or {}
    text = prompt.get("text") if isinstance(prompt, dict) else ""
    if record.get("text"):
        return "@", f"waits: {record['text']}"
    return "@", f"waits for an answer{f': {shown(text, limit=400)}' if text else ''}"


def _answered(narrator: Narrator, record: Record) -> tuple[str, str]:
    step = narrator.step(record["step"])
    how = {"option": " (--answer)", "default": " (the default)", "inbox": " (from another process)"}
    reason = f"; {record.get('reason')}" if record.get("reason") else ""
    what = f"answered {answer_shown(record.get('value'), step.prompt if step else None)} by {record.get('by')}"
    return "@", f"{what}{how.get(record.get('how', ''), '')}{reason}"


def _note(_: Narrator, record: Record) -> tuple[str, str]:
    return "…", f"note by {record.get('by')} ({record.get('section')}): {record.get('text')}"


def _lock_lost(_: Narrator, record: Record) -> tuple[str, str]:
    return "✕", f"the lock was lost: {record.get('text') or record.get('name')}"


def _downtime_began(_: Narrator, record: Record) -> tuple[str, str]:
    return "!", f"downtime begins with {record.get('by')}"


def _downtime_ended(_: Narrator, record: Record) -> tuple[str, str]:
    return "✓", f"downtime ends with {record.get('by')}"


def _interrupted(_: Narrator, record: Record) -> tuple[str, str]:
    return "!", f"stopped: {record.get('text') or record.get('signal') or 'asked to stop'}"


def _warning(_: Narrator, record: Record) -> tuple[str, str]:
    return "!", str(record.get("text") or "warning")


def _run_finished(narrator: Narrator, record: Record) -> tuple[str, str]:
    status = str(record.get("status", ""))
    mark = {"succeeded": "✓", "undone": "✓", "failed": "✕"}.get(status, "!")
    plan = narrator.plan
    words = {"undone": f"run {plan.undo_of} is taken back{plan.down_to}", "abandoned": "the run was given up"}
    why = f": {record.get('reason')}" if record.get("reason") else ""
    return mark, words.get(status, f"the run {status}") + why


_WORDS: Final[Mapping[str, _Words]] = {
    "run_started": _run_started,
    "run_resumed": _run_resumed,
    "replanned": _replanned,
    "step_started": _step_started,
    "step_finished": _step_finished,
    "step_failed": _step_failed,
    "unreachable": _step_failed,
    "step_skipped": _step_skipped,
    "stage_left": _stage_left,
    "attempt": _attempt,
    "drift": _drift,
    "in_doubt": _in_doubt,
    "recovered": _recovered,
    "waiting": _waiting,
    "answered": _answered,
    "note": _note,
    "lock_lost": _lock_lost,
    "downtime_began": _downtime_began,
    "downtime_ended": _downtime_ended,
    "interrupted": _interrupted,
    "warning": _warning,
    "run_finished": _run_finished,
}
