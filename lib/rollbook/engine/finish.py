"""The end of a run: its `finally` steps, what is owed to an include that began, and the last record."""

from collections.abc import Mapping

from ..errors import Interrupted, JournalError, RollbookError
from ..plan import SURE, PlannedStep
from ..run import RunStatus, StepRun
from ..undos import steps_taken_back
from .boundary import boundary
from .failure import record_failure
from .questions import Waiting
from .rest import planned_now
from .session import Session
from .stepper import Stepper
from .undoing import BEING_UNDONE_BY


class Finish:
    """Ends a session's run; *past* is what its journal told when the session began."""

    def __init__(self, session: Session, stepper: Stepper, past: Mapping[str, StepRun]) -> None:
        self.session = session
        self._stepper = stepper
        self._past = past

    def end(self, status: RunStatus, reason: str) -> None:
        """End the run: its `finally` steps, each by itself, then its last record; for good where none of them fails."""
        session = self.session
        session.planner.run_names["status"] = self._told(status)
        last = [step for step in session.plan.steps if step.section == "finally" or self._owed(step)]
        if status == "abandoned" and self._first_goes_on():
            last = []
        if last:
            session.follow()
            self._mark_begun()
        failed: list[str] = []
        for step in last:
            if f"{step.address}{SURE}" in failed or not self._finally(step):
                failed.append(step.address)
        if failed and status in ("succeeded", "undone", "abandoned"):
            status, reason = "failed", f"what had to be done at the end failed: {', '.join(failed)}"
        session.record("run_finished", status=status, reason=reason)

    def _first_goes_on(self) -> bool:
        """Tell whether this takes a run back that is not over: then it comes to its end itself, however it goes on."""
        session = self.session
        first = None if session.plan.again else session.folder.first(session.plan)
        return first is not None and first.resumable

    def _told(self, status: RunStatus) -> RunStatus:
        """Give the status that the end's steps see: what is carried out again ends as it ended at first."""
        if not self.session.plan.again or status != "undone":
            return status
        first = self.session.folder.beside(self.session.plan.again).read()
        while first.plan.again and first.status == "undone":  # it came again itself
            first = self.session.folder.beside(first.plan.again).read()
        return first.status if first.status in ("succeeded", "abandoned") else "failed"

    def _owed(self, planned: PlannedStep) -> bool:
        """Tell whether a step belongs to the end of an include that began, and to whose end the run does not come."""
        if planned.section != "closing" or planned.address in self.session.known:
            return False
        inner = f"{planned.address.rpartition('/')[0]}/"
        begun = {
            address for address, step in self._past.items() if step.started_at is not None and step.status != "skipped"
        }
        done = {address for address, over in self.session.known.items() if over.status != "skipped"}
        return any(address.startswith(inner) for address in begun | done)

    def _mark_begun(self) -> None:
        """
        Let the `finally` steps see which steps began, also those that never ended, for these may have to be given back.

        The end of an undo is the end of the run that it takes back: there, that run's steps count, and those that
        the undo took back are `undone`, for what they took is given back once. So are, at a run's own end, those that
        undos before took back.
        """
        back = self._taken_back()
        session = self.session
        first = None if session.plan.again else session.folder.first(session.plan)
        run = first or session.folder.read()
        if first is None and (session.folder.path / BEING_UNDONE_BY).exists():
            back |= steps_taken_back(session.folder.runs, run)
        for step in run.steps:
            if step.started_at is not None and (first or not step.done or step.address in back):
                self.session.planner.mark(step.address, "undone" if step.address in back else step.status)

    def _taken_back(self) -> frozenset[str]:
        """Name the steps whose way back is over, and was not passed over as a whole."""
        known = self.session.known
        ways: dict[str, list[str]] = {}
        for step in self.session.plan.steps:
            if step.undo_of and not step.asks_first:
                ways.setdefault(step.undo_of, []).append(known[step.address].status if step.address in known else "")
        return frozenset(one for one, ends in ways.items() if all(ends) and any(end != "skipped" for end in ends))

    def _finally(self, planned: PlannedStep) -> bool:
        session = self.session
        if planned.address in session.known:
            return True
        boundary(session)
        try:
            # What stands while its run is not over stands until then.
            stands = planned.verdict == "skip" and bool(planned.undo_of)
            if planned.address in session.planner.uses and not stands:
                planned = planned_now(session, planned)
            self._stepper.carry(planned)
        except (Interrupted, Waiting, JournalError):
            raise
        except RollbookError as error:
            record_failure(session, planned, error)
            return False
        return True
