"""What a journal says happened: a pure fold of its records."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Final, Literal, TypeVar

from .dataclass import dataclass
from .downtime import Downtime, with_begin, with_end
from .errors import JournalError
from .journal import Record
from .ops import OutputRecord, WrittenFile
from .plan import Plan, PlannedStep, decoded
from .schema import build
from .values import Plain

RunStatus = Literal["planned", "running", "waiting", "stopped", "failed", "succeeded", "undone", "abandoned"]
INTENT: Final = ("arguments", "before", "after", "ops", "shown", "details")
"""What a `step_started` record tells of a step, of each only what is not as planned."""

StepStatus = Literal[
    "pending",
    "running",
    "ok",
    "changed",
    "skipped",
    "failed",
    "unreachable",
    "waiting",
    "in_doubt",
    "recovered",
    "undone",
]
_NOTHING: Final[Mapping[str, Plain]] = {}
DONE: frozenset[StepStatus] = frozenset({"ok", "changed", "skipped", "recovered"})


@dataclass(frozen=True, slots=True)
class StepRun:
    """
    What happened to one step so far.

    *before*, *after* and *ops* are those last started, with every Unknown bound. *ops_done* counts
    the ops known to have been carried out, *starts* each time they were begun. *known* is what an
    attempt that has not ended well was begun with. *error* is the last failure's text. Where that was that what earlier
    steps brought about does not stand any more, *again* are their addresses. *adopted_at* is when somebody said,
    as *by* and for *reason*, to have done it by hand, *skipped_at* when somebody went past it: its other times are
    then those of its own work before that; where there was none, it ended then. Times are aware UTC.
    """

    planned: PlannedStep
    status: StepStatus = "pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    starts: tuple[datetime, ...] = ()
    before: Plain = None
    after: Plain = None
    arguments: Plain = None
    ops: tuple[Plain, ...] = ()
    shown: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    ops_done: int = 0
    known: Mapping[str, Plain] = field(default_factory=dict)
    outputs: Plain = None
    output: OutputRecord | None = None
    files: tuple[WrittenFile, ...] = ()
    error: str = ""
    again: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    adopted_at: datetime | None = None
    skipped_at: datetime | None = None

    @property
    def address(self) -> str:
        """The step's address in the run."""
        return self.planned.address

    @property
    def done(self) -> bool:
        """Tell whether a resume passes over it."""
        return self.status in DONE

    @property
    def settled_at(self) -> datetime | None:
        """When somebody had done it by hand or went past it; None where nobody did."""
        return self.adopted_at or self.skipped_at

    @property
    def over_at(self) -> datetime | None:
        """When it was over: settled by somebody, or at its end."""
        return self.settled_at or self.ended_at

    @property
    def seconds(self) -> float | None:
        """Seconds from its first start to the end of its own work, None while that has not ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer to a question: what, by whom, when; *how* is terminal, option, default or inbox."""

    address: str
    value: Plain
    by: str
    at: datetime
    how: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Evidence that a person added, in a *section* such as root-cause, lessons or actions."""

    section: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something in the run's life that a step's last state does not tell: a failure, a lock, a drift, a signal."""

    at: datetime
    type: str
    text: str
    address: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """
    A run as its journal tells it.

    *head* is the journal's head hash, *waiting_for* the address of an open question, *operator* who
    started it (`user@host`), *operators* all who carried it on. *abandoning* is the reason for which it is
    being given up: what is left of it are its `finally` steps. *agreement_due*: newly planned steps wait to
    be agreed to. *ended_because* is what its end gave as a reason. *first* is the record that it began with,
    its plan no longer as JSON: a plan is large, and whoever reads the journal again need not decode it again.
    """

    id: str
    plan: Plan
    status: RunStatus
    started_at: datetime
    operator: str
    reason: str = ""
    digest: str = ""
    version: str = ""
    steps: tuple[StepRun, ...] = ()
    operators: tuple[str, ...] = ()
    ended_at: datetime | None = None
    last_at: datetime | None = None
    answers: tuple[GivenAnswer, ...] = ()
    notes: tuple[Note, ...] = ()
    downtimes: tuple[Downtime, ...] = ()
    events: tuple[Event, ...] = ()
    waiting_for: str = ""
    abandoning: str = ""
    agreement_due: bool = False
    ended_because: str = ""
    records: int = 0
    head: str = ""
    first: Record | None = field(default=None, repr=False, compare=False)

    @property
    def resumable(self) -> bool:
        """Tell whether `resume` may go on with it."""
        return self.status in ("running", "waiting", "stopped", "failed")

    def step(self, address: str) -> StepRun | None:
        """Find a step by its address."""
        return next((step for step in self.steps if step.address == address), None)


def fold(records: Iterable[Record]) -> Run:
    """Tell the run of a journal's records. Raises `JournalError` when they do not begin with a run's start."""
    rest = iter(records)
    first = next(rest, None)
    if first is None or first.type != "run_started":
        raise JournalError("The journal is empty: the run was stopped before it began.", advice="Start a new run.")
    run = _start(first)
    steps = {step.address: step for step in run.steps}
    last = first
    del first  # and with it the plan as JSON
    for last in rest:
        run = _take(run, steps, last)
    return replace(run, steps=tuple(steps.values()), last_at=moment(last.at), records=last.number, head=last.digest)


def moment(text: str) -> datetime:
    """Read a record's time."""
    return datetime.fromisoformat(text)


def _start(record: Record) -> Run:
    plan = record["plan"] if isinstance(record["plan"], Plan) else build(Plan, record["plan"])
    return Run(
        id=record["run"],
        plan=plan,
        status="running",
        started_at=moment(record.at),
        operator=record["operator"],
        operators=(record["operator"],),
        reason=record.get("reason", ""),
        digest=record["digest"],
        version=record.get("version", ""),
        steps=tuple(StepRun(step) for step in plan.steps),
        last_at=moment(record.at),
        records=record.number,
        head=record.digest,
        first=replace(record, content={**record.content, "plan": plan}),
    )


def _take(run: Run, steps: dict[str, StepRun], record: Record) -> Run:
    if record.type == "replanned":
        return _replanned(run, steps, record)
    if record.type == "stage_left":
        steps |= {address: _step_skipped(steps[address], record) for address in record["steps"]}
        return _event(run, record)
    if record.type not in _STEP:
        return _RUN.get(record.type, _event)(run, record)
    address = record["step"]
    if address not in steps:
        raise JournalError(f"Record {record.number} tells of step {address}, which the plan does not have.")
    steps[address] = _STEP[record.type](steps[address], record)
    return _settled(_after_step(run, record, address), steps, record)


def _settled(run: Run, steps: Mapping[str, StepRun], record: Record) -> Run:
    """
    Wait no longer for a step that somebody settled by hand, but for another that still waits, if there is one.

    Agreement is to all that comes, and is waited for still.
    """
    if record.type not in ("step_finished", "step_skipped") or record["step"] != run.waiting_for or run.agreement_due:
        return run
    others = [step.address for step in steps.values() if step.status in ("waiting", "in_doubt")]
    if run.status != "waiting" or not others:
        return replace(run, waiting_for="", status="stopped" if run.status == "waiting" else run.status)
    return replace(run, waiting_for=others[-1])


def _after_step(run: Run, record: Record, address: str) -> Run:
    match record.type:
        case "waiting":
            due = bool(record.get("agreement"))
            return replace(_event(run, record), status="waiting", waiting_for=address, agreement_due=due)
        case "answered":
            return replace(run, status="running", waiting_for="", answers=(*run.answers, _answer(record)))
        case "in_doubt":
            return replace(_event(run, record), status="waiting", waiting_for=address)
        case "step_failed" | "drift" | "unreachable" | "recovered" | "attempt":
            return _event(run, record)
    return run


def _answer(record: Record) -> GivenAnswer:
    return GivenAnswer(
        record["step"],
        record["value"],
        record["by"],
        moment(record.at),
        record.get("how", ""),
        record.get("reason", ""),
    )


def _step_started(step: StepRun, record: Record) -> StepRun:
    at, planned = moment(record.at), step.planned
    return replace(
        step,
        status="running",
        started_at=step.started_at if step.started_at and step.status not in ("pending", "waiting") else at,
        ended_at=None,
        attempts=len(step.starts) + 1,
        starts=(*step.starts, at),
        **{name: _told(record, name, getattr(planned, name)) for name in INTENT},
        known=record.get("known", {}),
        ops_done=record.get("done", 0),
        error="",
        again=(),
        adopted_at=None,
        skipped_at=None,
    )


T = TypeVar("T")


def _same(found: T, there: T) -> T:
    """Give the equal object that is there already: most of what is found is as it was wanted."""
    return there if found == there else found


def _told(record: Record, name: str, planned: Plain) -> Plain:
    """Give what a record says, or what was planned where it says nothing else."""
    told = record.get(name, planned)
    return tuple(told) if isinstance(planned, tuple) else told


def _op_finished(step: StepRun, record: Record) -> StepRun:
    return _with_files(replace(step, ops_done=record["index"] + 1), record)


def _worked(step: StepRun) -> tuple[datetime, datetime] | tuple[None, None]:
    """Tell from when to when a step that somebody settles has worked itself."""
    # What failed has an end; of what was cut off the journal knows only that it began.
    began, ended = step.started_at, step.ended_at or next(reversed(step.starts), None)
    return (began, ended) if began is not None and ended is not None else (None, None)


def _adopted(step: StepRun, record: Record) -> StepRun:
    at, (began, ended) = moment(record.at), _worked(step)
    return replace(
        step,
        status=record["status"],
        started_at=began or at,
        ended_at=ended or at,
        after=_same(record.get("after", step.after), step.after),
        known=_NOTHING,
        outputs=record.get("outputs"),
        reason=record["reason"],
        by=record["by"],
        error="",
        adopted_at=at,
        skipped_at=None,
    )


def _step_finished(step: StepRun, record: Record) -> StepRun:
    if record.get("by") and record.get("reason"):
        return _adopted(step, record)  # whoever answers a question gives the reason with the answer
    at = moment(record.at)
    step = replace(
        step,
        status=record["status"],
        started_at=step.started_at or at,
        ended_at=at,
        attempts=max(step.attempts, 1),
        before=_same(record.get("before", step.before), step.before),
        after=_same(record.get("after", step.after), step.after),
        arguments=record.get("arguments", step.arguments),
        details=tuple(record.get("details", step.details)),
        known=_NOTHING,
        outputs=record.get("outputs"),
        ops_done=len(step.ops),
        reason=record.get("reason", ""),
        by=record.get("by", ""),
        error="",
        adopted_at=None,
        skipped_at=None,
    )
    return _with_output(step, record)


def _with_output(step: StepRun, record: Record) -> StepRun:
    output = record.get("output")
    return _with_files(replace(step, output=build(OutputRecord, output) if output else step.output), record)


def _with_files(step: StepRun, record: Record) -> StepRun:
    """Add a record's files: after a crash each attempt tells of those that it wrote itself."""
    written = [build(WrittenFile, file) for file in record.get("files", ())]
    if not written:
        return step
    return replace(step, files=tuple({file.path: file for file in (*step.files, *written)}.values()))


def _step_failed(step: StepRun, record: Record) -> StepRun:
    at = moment(record.at)
    status: StepStatus = "unreachable" if record.type == "unreachable" else "failed"
    step = replace(
        step,
        status=status,
        started_at=step.started_at or at,
        ended_at=at,
        error=record.get("error", ""),
        again=tuple(record.get("again", ())),
        outputs=record.get("outputs"),
        adopted_at=None,
        skipped_at=None,
    )
    return _with_output(step, record)


def _step_skipped(step: StepRun, record: Record) -> StepRun:
    at, by, reason = moment(record.at), record.get("by", ""), record.get("reason", "")
    step = replace(step, status="skipped", reason=reason, by=by, outputs=record.get("outputs"))
    if not (by and reason):
        return replace(step, ended_at=at)  # nobody went past it: it takes no part
    began, ended = _worked(step)
    return replace(step, started_at=began, ended_at=ended or at, adopted_at=None, skipped_at=at)


_StepFold = Callable[[StepRun, Record], StepRun]


def _status(status: StepStatus) -> _StepFold:
    def take(step: StepRun, record: Record) -> StepRun:
        return replace(step, status=status, started_at=step.started_at or moment(record.at))

    return take


def _tried(step: StepRun, record: Record) -> StepRun:
    return replace(step, attempts=max(step.attempts, record.get("attempt", 0)))


def _failed_drift(step: StepRun, record: Record) -> StepRun:
    return replace(step, error="; ".join(record.get("differences", ())), ended_at=moment(record.at))


def _event(run: Run, record: Record) -> Run:
    text = (
        record.get("text") or record.get("error") or "; ".join(record.get("differences", ())) or record.get("name", "")
    )
    by = record.get("by") or record.get("operator", "")
    event = Event(moment(record.at), record.type, str(text), record.get("step", ""), by)
    return replace(run, events=(*run.events, event))


def _resumed(run: Run, record: Record) -> Run:
    run = _event(run, record)
    operators = (*run.operators, record["operator"]) if record["operator"] not in run.operators else run.operators
    abandoning = record.get("abandoning") or run.abandoning
    return replace(run, status="running", operators=operators, ended_at=None, abandoning=abandoning)


def _replanned(run: Run, steps: dict[str, StepRun], record: Record) -> Run:
    plan = decoded(record["plan"], run.plan)
    known = dict(steps)
    steps.clear()
    for step in plan.steps:
        steps[step.address] = replace(known[step.address], planned=step) if step.address in known else StepRun(step)
    return replace(_event(run, record), plan=plan, digest=record["digest"], agreement_due=False)


def _note(run: Run, record: Record) -> Run:
    note = Note(record.get("section", ""), record["text"], record["by"], moment(record.at))
    return replace(run, notes=(*run.notes, note))


def _downtime_began(run: Run, record: Record) -> Run:
    begun = Downtime(moment(record.at), record["by"], environment=_environment(run, record["by"]))
    return replace(run, downtimes=with_begin(run.downtimes, begun))


def _downtime_ended(run: Run, record: Record) -> Run:
    there = _environment(run, record["by"])
    return replace(run, downtimes=with_end(run.downtimes, there, moment(record.at), record["by"]))


def _environment(run: Run, address: str) -> str:
    step = run.plan.step(address) if run.plan.environments else None
    return step.environment if step else ""


def _interrupted(run: Run, record: Record) -> Run:
    return replace(_event(run, record), status="stopped")


def _finished(run: Run, record: Record) -> Run:
    at = moment(record.at)
    return replace(run, status=record["status"], ended_at=at, ended_because=record.get("reason", ""))


_STEP: Mapping[str, _StepFold] = {
    "step_started": _step_started,
    "op_started": _tried,
    "op_finished": _op_finished,
    "step_finished": _step_finished,
    "step_failed": _step_failed,
    "unreachable": _step_failed,
    "step_skipped": _step_skipped,
    "attempt": _tried,
    "drift": _failed_drift,
    "in_doubt": _status("in_doubt"),
    "recovered": _tried,
    "waiting": _status("waiting"),
    "answered": _tried,
}
_RUN: Mapping[str, Callable[[Run, Record], Run]] = {
    "run_resumed": _resumed,
    "note": _note,
    "downtime_began": _downtime_began,
    "downtime_ended": _downtime_ended,
    "interrupted": _interrupted,
    "run_finished": _finished,
}
