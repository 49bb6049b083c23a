"""When the rest of a plan is made anew: where more is known than before, and where the world is not as planned."""

from collections.abc import Mapping, Sequence

from ..errors import Interrupted, StepFailed
from ..plan import Plan, PlannedStep
from ..planner.references import refers
from ..planner.scope import Known
from ..registry import action_type
from ..run import Run
from ..schema import encode
from .comeback import is_gone
from .questions import Waiting
from .rest import fresh_steps, in_question, look_at, planned_anew
from .session import Session
from .stepper import Stepper


class Replanner:
    """
    Makes the rest of a session's plan anew, and has writes agreed to that come with it.

    *due* are steps that come again before the next one, *came_again* those that did, with what they came before.
    """

    def __init__(self, session: Session, stepper: Stepper) -> None:
        self.session = session
        self.due: tuple[str, ...] = ()
        self.came_again: set[str] = set()
        self._stepper = stepper

    def reached(self, planned: PlannedStep) -> None:
        """Plan a step that was not known, now that the walk is there. Raises `StepFailed` where it is not even now."""
        self._replan(f"step {planned.address} is known now", planned)
        now = self.session.planned.get(planned.address)
        if now is not None and now.verdict == "unknown":
            raise StepFailed(f"{planned.address} cannot be planned even now: {now.reason}.")

    def after_answer(self, planned: PlannedStep, *, quiet: bool = False) -> None:
        """Plan the rest anew where a question got another answer than the plan was made on."""
        if not planned.assumed:
            return
        given = self.session.known[planned.address].outputs
        if given["value"] != planned.outputs["value"]:
            self._replan(f"the answer to {planned.address} is not the one the plan was made on", planned, quiet=quiet)

    def after_reads(self, over: Sequence[PlannedStep]) -> None:
        """Plan the rest anew where a command that was read while planning gives what others go by otherwise."""
        if self.session.plan.undo_of:
            return
        other = next((step for step in over if self._reads_otherwise(step)), None)
        if other is not None:
            self._replan(f"{other.address} does not give any more what the plan was made on", other, quiet=True)

    def after_kill(self) -> None:
        """Plan the rest anew where a run was killed between a step and the planning that its outcome asks for."""
        following = self.session.next_step()
        at = self.session.plan.steps.index(following) if following else 0
        over = self.session.plan.steps[at - 1]
        known = self.session.known.get(over.address) if at else None
        if known is not None and known.status != "skipped":
            self.after_answer(over, quiet=True)
            self.after_reads(
                [step for step in self.session.plan.steps[:at] if step.group == over.group] if over.group else [over]
            )

    def after_drift(self, run: Run) -> None:
        """Plan the rest anew when the run stopped because the world was not as planned, or waits for agreement."""
        last = next((event for event in reversed(run.events[:-1]) if event.type in ("drift", "replanned")), None)
        if last is None or last.type != "drift" or last.address in self.session.known:
            if run.agreement_due and run.waiting_for in self.session.planned:
                self._replan("it waited for that", self.session.planned[run.waiting_for])
            return
        at = self.session.planned[last.address]
        self._replan(f"{last.address} was not as planned: {last.text}", at, in_question(self.session, at))

    def after_overtaken(self, run: Run) -> None:
        """Have steps come again before the one that failed because what they had brought about was gone."""
        due = next((step.again for step in run.steps if step.again and step.address not in self.session.known), ())
        self.due = tuple(one for one in due if one in self.session.known and is_gone(self.session, one))

    def bring_again(self, planned: PlannedStep) -> None:
        """Plan anew, with the steps before *planned* that have to come again."""
        again, self.due = self.due, ()
        self.came_again |= {planned.address, *again}
        self._stepper.forget(again)
        for address in again:
            del self.session.known[address]
        self._replan(f"{', '.join(again)} must come again before {planned.address}", planned)

    def _reads_otherwise(self, planned: PlannedStep) -> bool:
        if planned.verdict != "read" or not isinstance(planned.outputs, dict):
            return False
        known = self.session.known.get(planned.address)
        if known is None or action_type(planned.kind).family != "command" or known.status == "skipped":
            return False
        if known.outputs == encode(planned.outputs):
            return False
        # A time of day that nobody goes by is no reason to look at everything that is left.
        use = self.session.planner.uses[planned.address]
        return refers((*use.scope.runbook.steps, *use.scope.runbook.finally_), use.step.id)

    def _replan(
        self, why: str, at: PlannedStep, renewed: Mapping[str, Known] | None = None, *, quiet: bool = False
    ) -> None:
        """Plan the rest anew and have new writes agreed to; *quiet*: it is no news where nothing comes of it."""
        session = self.session
        plan, renewed = planned_anew(session, at, renewed)
        fresh = fresh_steps(session, plan)
        again = [address for address in renewed if address not in session.known]
        if quiet and not fresh and not again:
            return
        look_at(session, plan)
        self._agree(plan, fresh, why, at)
        addresses = [one.address for one in fresh]
        session.record("replanned", plan=encode(plan), digest=plan.digest, text=why, fresh=addresses, again=again)
        self._stepper.forget(again)
        session.take(plan)

    def _agree(self, plan: Plan, fresh: tuple[PlannedStep, ...], why: str, at: PlannedStep) -> None:
        """Have *fresh* writes agreed to; what is not known even now is agreed to when it is reached."""
        if not any(step.writes and step.verdict != "unknown" for step in fresh):
            return
        agreed = self.session.asker.agree(plan, fresh, why)
        if agreed is None:
            text = f"the newly planned steps must be agreed to: {why}"
            step = self.session.next_step() or at
            self.session.record("waiting", step=step.address, text=text, agreement=True)
            raise Waiting
        if not agreed:
            asked = any(step.verdict == "ask" for step in plan.steps)
            otherwise = "; what was answered stands: to answer otherwise, give the run up and begin anew"
            raise Interrupted(f"the newly planned steps were not agreed to{otherwise if asked else ''}")
