"""The walk through a plan: step after step, planned anew where it was not known, to the run's end."""

from collections.abc import Callable, Mapping

from ..errors import Interrupted, JournalError, Overtaken, PlanDrift, RollbookError, StepFailed, UsageError
from ..plan import SURE, Plan, PlannedStep
from ..planner.scope import Known
from ..run import Run, RunStatus, StepRun
from .boundary import boundary
from .comeback import overtaken
from .failure import record_drift, record_failure
from .finish import Finish
from .group import carry_group
from .ports import Decision
from .questions import Waiting
from .replanning import Replanner
from .rest import planned_now
from .session import Session
from .stepper import Stepper


class Walk:
    """Carries a session's run on; *past* is what its journal told when the session began."""

    def __init__(self, session: Session, plan: Plan, past: Mapping[str, StepRun]) -> None:
        self.session = session
        self.on_undo: Callable[[], None] = lambda: None
        past = dict(past)
        self._stepper = Stepper(session, past)
        self._replanner = Replanner(session, self._stepper)
        self._finish = Finish(session, self._stepper, past)
        session.known |= {address: Known.of(step) for address, step in past.items() if step.done}
        session.failed |= {address for address, step in past.items() if step.error or step.starts}
        session.take(plan)
        session.follow()

    def take_up(self, run: Run) -> None:
        """Go on from where *run* ended: what has come about since, or was not done any more, is planned anew first."""
        self._replanner.after_drift(run)
        self._replanner.after_overtaken(run)
        self._replanner.after_kill()

    def go(self) -> None:
        """Carry out what is left; every end is journalled, also those raised: drift, a stop, an open question."""
        while (planned := self.session.next_step()) is not None:
            boundary(self.session, planned)
            members = self.session.members(planned)
            try:
                if self._replanner.due:
                    self._replanner.bring_again(planned)
                    continue
                self._carry(planned, members)
            except (Interrupted, Waiting, JournalError):
                raise
            except PlanDrift as drift:
                record_drift(self.session, planned, drift)
                raise
            except RollbookError as error:
                if not self._after_failure(planned, error):
                    return
            except Exception as error:
                # Nobody knows how far it came, so a resume must find out: not a failure, but a doubt.
                text = f"unexpected {type(error).__name__}: {error}"
                self.session.record("unreachable", step=planned.address, error=text)
                self.session.record("run_finished", status="failed")
                raise
            if self._is_last(planned):
                raise Interrupted(f"stopped after {planned.address}, as --until asked")
        boundary(self.session)
        self._finish.end("undone" if self.session.plan.undo_of else "succeeded", "")

    def _is_last(self, planned: PlannedStep) -> bool:
        """Tell whether the run goes no further than this step: of a loop, no further than the last of its items."""
        if not self._is_until(planned) or planned.address in self._replanner.came_again:
            return False  # one that others came again before is not over yet
        return not any(
            self._is_until(step) and step.address not in self.session.known for step in self.session.plan.steps
        )

    def _is_until(self, planned: PlannedStep) -> bool:
        return planned.goes_by(self.session.plan.until) and planned.section != "finally"

    def _carry(self, planned: PlannedStep, members: tuple[PlannedStep, ...]) -> None:
        if planned.section == "closing" and planned.verdict == "unknown":
            # How the include ended is known now, and what is done at its end was agreed to with the plan.
            self.session.follow()
            planned = planned_now(self.session, planned)
        if planned.verdict == "unknown" or any(member.verdict == "unknown" for member in members):
            self._replanner.reached(planned)
        elif members:
            self._carry_group(members)
            self._replanner.after_reads(members)
        else:
            self._stepper.carry(planned)
            self._replanner.after_answer(planned)
            self._replanner.after_reads((planned,))

    def _carry_group(self, members: tuple[PlannedStep, ...]) -> None:
        end = carry_group(self.session, self._stepper, members)
        for address, error in end.failures.items():
            record_failure(self.session, self.session.planned[address], error)
        if end.stop is not None:
            raise end.stop
        if end.failures:
            raise StepFailed(f"{len(end.failures)} of {len(members)} failed: {', '.join(end.failures)}.")

    def _after_failure(self, planned: PlannedStep, error: RollbookError) -> bool:
        """Journal the failure and decide; tell whether the walk goes on."""
        again = overtaken(self.session, planned, error) if isinstance(error, Overtaken) else ()
        if not planned.group:
            record_failure(self.session, planned, error, again)
        self.session.check_stop()
        decision = self._decision(planned, error, again)
        match decision.what:
            case "retry":
                self._replanner.due = again
                return True
            case "skip":
                self.skip(planned.address, decision.reason)
                return True
            case "done":
                self.adopt(planned.address, decision.reason)
                return True
            case "leave":
                self._leave(planned, decision.reason)
                return True
            case "undo":
                self.on_undo()
        self.session.record("run_finished", status="failed")
        return False

    def _decision(self, planned: PlannedStep, error: RollbookError, again: tuple[str, ...]) -> Decision:
        # Once only: what is overtaken over and over is no accident.
        if (
            again
            and isinstance(error, Overtaken)
            and error.blameless
            and planned.address not in self._replanner.came_again
        ):
            return Decision("retry")
        return self.session.asker.after_failure(planned, str(error)) or self._as_written(planned)

    def _as_written(self, planned: PlannedStep) -> Decision:
        use = self.session.planner.uses.get(planned.address)
        if use is not None and use.takes_back and use.step.on_failure != "continue":
            return Decision("stop")  # the way back is not taken back, nor left with the stage that it takes back
        match use.step.on_failure if use else "stop":
            case "undo":
                return Decision("undo")
            case "continue":
                return Decision("skip", "it failed, and its on_failure is continue")
        match use.scope.on_failure if use else "stop":
            case "undo":
                return Decision("undo")
            case "continue":
                return Decision("leave", f"{planned.address} failed, and the stage's on_failure is continue")
        return Decision("stop")

    def _leave(self, planned: PlannedStep, reason: str) -> None:
        """Go past what is left of the step's stage but for what belongs to its end, in one record."""
        stage, known = self.session.planner.uses[planned.address].scope.stage, self.session.known
        left = [
            step.address
            for step in self.session.plan.steps
            if step.address.startswith(stage) and step.section == "steps" and step.address not in known
        ]
        self.session.record("stage_left", steps=left, text=reason, reason=reason, by=self.session.operator)

    def skip(self, address: str, reason: str) -> None:
        """Go past a step. Raises `UsageError` without a reason."""
        if not reason:
            raise UsageError(f"Going past {address} needs a reason.", advice='Give --reason "…"; the report shows it.')
        for member in self.session.members(self.session.planned[address]) or (self.session.planned[address],):
            self._pass(member.address, reason)
            self._pass_question(member, reason)
        step = address.removesuffix(SURE)
        if step != address and step in self.session.planned and step not in self.session.known:
            self._pass(step, reason)  # nobody said that it is to be done

    def _pass(self, address: str, reason: str) -> None:
        self.session.record("step_skipped", step=address, reason=reason, by=self.session.operator)

    def _pass_question(self, planned: PlannedStep, reason: str) -> None:
        """Go past the question whether the step is to be done, where there is one: it is settled with the step."""
        question = f"{planned.address}{SURE}"
        if question in self.session.planned and question not in self.session.known:
            self._pass(question, reason)

    def adopt(self, address: str, reason: str) -> None:
        """Record a step as done by hand; see `Stepper.adopt`."""
        for member in self.session.members(self.session.planned[address]) or (self.session.planned[address],):
            self._stepper.adopt(member, reason)
            self._pass_question(member, reason)

    def end(self, status: RunStatus, reason: str) -> None:
        """End the run for good; see `Finish.end`."""
        self._finish.end(status, reason)
