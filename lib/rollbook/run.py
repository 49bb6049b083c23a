"""What happened in a run, as its journal tells it."""

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Final, Literal

from .dataclass import dataclass
from .downtime import Downtime
from .journal import Record
from .ops import OutputRecord, WrittenFile
from .plan import Plan, PlannedStep
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
DONE: frozenset[StepStatus] = frozenset({"ok", "changed", "skipped", "recovered"})


@dataclass(frozen=True, slots=True)
class StepRun:
    """
    What happened to one step so far.

    *before*, *after* and *ops* are those last started, with every Unknown bound. *ops_done* counts
    the ops known to have been carried out, *starts* each time they were begun; *unsure* says that the last time
    began and nobody knows how far it came. *began* and *began_last* number the journal's records in which it first and
    last did so: clocks are set back, journals are not. *known* is what an
    attempt that has not ended well was begun with. *error* is the last failure's text, *advice* what helps against it.
    Where that was that what earlier steps brought about does not stand any more, *again* are their addresses. *asks* is
    the question, as its kind and arguments, that it came to at work and that nobody has answered, *answers* are those
    to the ones before. *adopted_at* is when somebody said, as *by* and for *reason*, to have done it by hand,
    *skipped_at* when somebody went past it: its other times are then those of its own work before that; where there
    was none, it ended then. *spared*: it failed, and the run went on without it by itself. Times are aware UTC.
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
    unsure: bool = False
    began: int = 0
    began_last: int = 0
    known: Mapping[str, Plain] = field(default_factory=dict)
    outputs: Plain = None
    output: OutputRecord | None = None
    files: tuple[WrittenFile, ...] = ()
    error: str = ""
    advice: str = ""
    again: tuple[str, ...] = ()
    asks: Plain = None
    answers: tuple[Plain, ...] = ()
    reason: str = ""
    by: str = ""
    adopted_at: datetime | None = None
    skipped_at: datetime | None = None
    spared: bool = False

    @property
    def address(self) -> str:
        """The step's address in the run."""
        return self.planned.address

    @property
    def done(self) -> bool:
        """Tell whether a resume passes over it."""
        return self.status in DONE

    @property
    def cut_off(self) -> bool:
        """Tell whether it began, and did not end: nobody knows how far it came."""
        return self.unsure or self.status in ("running", "in_doubt")

    @property
    def changed(self) -> bool:
        """
        Tell whether it changed something outside, be it taken back since: reports, `status` and ends of runs go by it.

        Sending something is not enough: a command of which its author says that it only looks changed nothing.
        """
        if self.planned.effect == "read":
            return False
        match self.status:
            case "changed" | "undone":
                return True
            case "recovered":
                return bool(self.ops) or self.planned.writes
            case "ok" | "pending":
                return False
        return self.ops_done > 0

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
    """
    An answer to a question: what, by whom, when; *how* is terminal, option, default or inbox.

    *asked* is the question's text where a step asked it at work, and empty where the plan has it.
    """

    address: str
    value: Plain
    by: str
    at: datetime
    how: str = ""
    reason: str = ""
    asked: str = ""

    @property
    def typed(self) -> str:
        """The answer as it may be typed again, whatever question it answered: itself, or as JSON what is no text."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False)


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
    be agreed to. *ended_because* is what its end gave as a reason. *undone_at* is how many records the journal of the
    run that it takes back had by then. *first* is the record that it began with,
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
    undone_at: int = 0
    first: Record | None = field(default=None, repr=False, compare=False)

    @property
    def resumable(self) -> bool:
        """Tell whether `resume` may go on with it."""
        return self.status in ("running", "waiting", "stopped", "failed")

    def named(self, name: str) -> tuple[StepRun, ...]:
        """Find the step at the address *name*, else all of the id *name*: a loop's items, the members of a group."""
        return tuple(step for step in self.steps if step.address == name) or tuple(
            step for step in self.steps if step.planned.id == name
        )

    def step(self, address: str) -> StepRun | None:
        """Find a step by its address."""
        return next((step for step in self.steps if step.address == address), None)
