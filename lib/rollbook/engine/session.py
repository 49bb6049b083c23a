"""One process carrying out one run: its journal, its targets, who watches and who answers."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from ..dataclass import dataclass
from ..errors import Interrupted
from ..journal import Journal, Record, RecordType
from ..ops import Clock
from ..plan import Plan, PlannedStep
from ..planner.planner import Planner
from ..planner.scope import Known
from ..runs import RunFolder
from ..schema import encode
from ..values import Plain
from .inbox import Message
from .locks import Locks
from .ports import Asker, Watcher


@dataclass(slots=True)
class Session:
    """
    Everything the engine's parts share.

    *stop*: end at the next safe place; *kill*: end what runs now. *plan* is the one to go by, *planned* its steps by
    address, *known* what is over, *failed* what has failed once, *approvals* who approved which step; *protects* tells
    of a step whether it is carried out in a protected environment.
    """

    plan: Plan
    folder: RunFolder
    planner: Planner
    journal: Journal
    asker: Asker
    watcher: Watcher
    clock: Callable[[], datetime]
    operator: str
    protects: Callable[[PlannedStep], bool]
    kill: threading.Event = field(default_factory=threading.Event)
    answers: list[Message] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    approvals: dict[str, set[str]] = field(default_factory=dict)
    planned: dict[str, PlannedStep] = field(default_factory=dict)
    stopped_by: str = ""
    operators: tuple[str, ...] = ()
    locks: Locks | None = None
    _at: int = 0

    def take(self, plan: Plan) -> None:
        """Go by *plan* from here on."""
        self.plan = plan
        self._at = 0
        self.planned = {step.address: step for step in plan.steps}

    def follow(self) -> None:
        """Let expressions see the plan as far as it is over; in an undo also the run that it takes back."""
        # Which ends a run has hangs on what its steps were.
        first = self.folder.first(self.plan)
        undone = {step.address: Known.of(step) for step in first.steps if step.done} if first else {}
        self.planner.follow(self.plan, {**undone, **self.known})

    def next_step(self) -> PlannedStep | None:
        """Give the step that is due; None where only the `finally` steps are left."""
        steps = self.plan.steps
        # What is over stays over, so nobody looks at it again.
        while self._at < len(steps) and (steps[self._at].section == "finally" or steps[self._at].address in self.known):
            self._at += 1
        return steps[self._at] if self._at < len(steps) else None

    def members(self, planned: PlannedStep) -> tuple[PlannedStep, ...]:
        """Give the steps of the group of *planned* that are not over; none where it belongs to no group."""
        if not planned.group:
            return ()
        return tuple(step for step in self.plan.steps if step.group == planned.group and step.address not in self.known)

    @property
    def stop(self) -> threading.Event:
        """The wish to stop at the next safe place; probes that wait see it too."""
        return self.planner.stop

    def record(self, type: RecordType, **content: Plain) -> Record:  # noqa: A002  # the record's own word
        """Journal something, without secrets, and let the watcher see it."""
        redactor = self.planner.pool.redactor
        # A plan is written a step at a time where nothing must be taken out of it.
        plain = {
            key: value if isinstance(value, Plan) and redactor.empty else encode(value)
            for key, value in content.items()
        }
        record = self.journal.append(type, forced=self._lasting(type, content), **redactor.plain(plain))
        if type in ("step_failed", "unreachable"):
            self.failed.add(record["step"])
        if type in ("step_finished", "step_skipped"):
            self._learn(record, record["step"])
        for address in record["steps"] if type == "stage_left" else ():
            self._learn(record, address)
        self.watcher.record(record)
        return record

    def _lasting(self, type: RecordType, content: Mapping[str, Plain]) -> bool:  # noqa: A002  # the record's own word
        """
        Tell whether a record is forced to disk by itself.

        The outcome of a step is not: the walk forces it before anything that may last, and where the next step begins
        at once, its intent does. Beside a step of a group others may still run for long.
        """
        return type != "step_finished" or bool(self.planned[str(content["step"])].group)

    def _learn(self, record: Record, address: str) -> None:
        planned, status = self.planned[address], record.get("status", "skipped")
        failed = status == "skipped" and planned.verdict != "skip" and address in self.failed
        over = self.known[address] = Known(planned, record.get("outputs"), status, record.get("after"), failed)
        self.planner.learn(address, over.outputs, over.told)

    def moment(self) -> Clock:
        """Give the run's id and the time now, as ops may use them."""
        return Clock.at(self.folder.id, self.clock())

    def check_stop(self) -> None:
        """Raise `Interrupted` when somebody asked to stop, or when the run's lock was lost."""
        lost = self.locks.lost() if self.locks else ()
        if lost:
            self.record("lock_lost", name=", ".join(lost))
            raise Interrupted(f"the lock on {', '.join(lost)} was lost: somebody else may work there now")
        if self.stop.is_set():
            raise Interrupted(self.stopped_by or "asked to stop")
