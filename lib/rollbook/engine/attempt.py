"""One attempt at one step, and the records that it leaves."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..action import Action, AnyState
from ..dataclass import dataclass
from ..ops import Op, OutputRecord, WrittenFile
from ..plan import PlannedStep
from ..planner.secrecy import require_untold
from ..planner.step import encode_op
from ..run import INTENT, StepRun, StepStatus
from ..runbook import Step
from ..schema import encode
from ..values import Plain
from .session import Session


@dataclass(slots=True)
class Attempt:
    """
    The *number*th attempt in this process; *known* binds what the plan left to the run.

    *begun* is what `start` journalled, None while nothing may have been written.
    """

    session: Session
    planned: PlannedStep
    step: Step
    action: Action[Any]
    number: int
    known: Mapping[str, Plain]
    output: OutputRecord | None = None
    begun: StepRun | None = None

    def start(self, before: AnyState, after: AnyState, ops: Sequence[Op], *, done: int = 0) -> None:
        """Journal the intent: what is there, what is wanted, each write. Downtime may begin here."""
        planned = self.planned
        begun = StepRun(
            planned,
            status="running",
            attempts=self.number,
            arguments=encode(self.action),
            before=encode(before),
            after=encode(after),
            ops=tuple(encode_op(op) for op in ops),
            shown=tuple(line for op in ops for line in self.session.planner.pool.shown(op)),
            details=planned.details,
            known=dict(self.known),
        )
        other = {name: part for name in INTENT if (part := getattr(begun, name)) != getattr(planned, name)}
        require_untold(begun, self.session.planner.pool.redactor)
        if planned.downtime == "begins":
            self.session.record("downtime_began", by=planned.address)
        more: dict[str, Plain] = {"done": done} if done else {}
        self.session.record(
            "step_started", step=planned.address, attempt=begun.attempts, **other, known=begun.known, **more
        )
        self.begun = begun

    def finish(
        self,
        status: StepStatus,
        *,
        before: Plain = None,
        after: Plain = None,
        outputs: Mapping[str, Plain] | Plain = None,
        details: Sequence[str] = (),
        files: Sequence[WrittenFile] = (),
        by: str = "",
        reason: str = "",
    ) -> None:
        """Journal the outcome and let later steps see the outputs."""
        planned = self.planned
        content: dict[str, Plain] = {"step": planned.address, "status": status, "outputs": encode(outputs)}
        optional = {
            "before": before,
            "after": after,
            "details": list(details),
            "files": [encode(file) for file in files],
            "output": encode(self.output) if self.output else None,
            "by": by,
            "reason": reason,
        }
        content |= {name: value for name, value in optional.items() if value}
        if planned.downtime == "begins" and self.begun is None and status == "ok":
            # The site is down already: since when is not known here, but from now on at the latest.
            self.session.record("downtime_began", by=planned.address)
        self.session.record("step_finished", **content)
        if planned.downtime == "ends":
            self.session.record("downtime_ended", by=planned.address)
