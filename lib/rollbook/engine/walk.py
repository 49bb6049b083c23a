"""The walk through a plan: step after step, planned anew where it was not known, to the run's end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..errors import (
    AnswerNeeded,
    CommandTimeout,
    Interrupted,
    JournalError,
    Overtaken,
    PlanDrift,
    RollbookError,
    StepFailed,
    Unreachable,
    UsageError,
)
from ..plan import Plan, PlannedStep
from ..planner import plan_undo
from ..planner.references import refers
from ..planner.scope import Known
from ..registry import action_type
from ..run import Run, RunStatus, StepRun
from ..runs import RunFolder
from ..schema import encode
from ..targets.pool import redact
from ..values import bind
from . import inbox
from .asking import as_question
from .comeback import is_gone, moved_by_others, outdated, overtaken, stays_known
from .group import carry_group
from .ports import Decision
from .preflight import preflight, require
from .questions import Waiting
from .session import Session
from .stepper import Stepper


class Walk:
    """Carries a session's run on; *past* is what its journal told when the session began."""

    def __init__(self, session: Session, plan: Plan, past: Mapping[str, StepRun]) -> None:
        self.session = session
        self.on_undo: Callable[[], None] = lambda: None
        self._past = dict(past)
        self._inbox = session.folder.inbox
        self._again: tuple[str, ...] = ()
        self._came_again: set[str] = set()
        self._stepper = Stepper(session, self._past)
        session.known |= {address: Known.of(step) for address, step in past.items() if step.done}
        self._take(plan)
        session.planner.follow(plan, {**self._undone(), **session.known})

    def _undone(self) -> Mapping[str, Known]:
        """Give what is known of the steps of the run that is taken back: which ends it has hangs on that."""
        if not self.plan.undo_of:
            return {}
        run = RunFolder(self.session.folder.path.parent / self.plan.undo_of).read()
        return {step.address: Known.of(step) for step in run.steps if step.done}

    def _take(self, plan: Plan) -> None:
        self.plan = plan
        self._at = 0
        self.session.planned = {step.address: step for step in plan.steps}

    def go(self) -> None:
        """Carry out what is left; every end is journalled, also those raised: drift, a stop, an open question."""
        while (planned := self._next()) is not None:
            self.boundary(planned)
            members = self._members(planned)
            try:
                if self._again:
                    self._bring_again(planned)
                    continue
                self._carry(planned, members)
            except (Interrupted, Waiting, JournalError):
                raise
            except PlanDrift as drift:
                self._drifted(planned, drift)
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
            if self.plan.until in (planned.address, planned.id) and planned.address not in self._came_again:
                raise Interrupted(f"stopped after {planned.address}, as --until asked")
        self.boundary()
        self.end("undone" if self.plan.undo_of else "succeeded", "")

    def _next(self) -> PlannedStep | None:
        steps, known = self.plan.steps, self.session.known
        # What is over stays over, so nobody looks at it again.
        while self._at < len(steps) and (steps[self._at].section == "finally" or steps[self._at].address in known):
            self._at += 1
        return steps[self._at] if self._at < len(steps) else None

    def _members(self, planned: PlannedStep) -> tuple[PlannedStep, ...]:
        if not planned.group:
            return ()
        known = self.session.known
        return tuple(step for step in self.plan.steps if step.group == planned.group and step.address not in known)

    def _carry(self, planned: PlannedStep, members: tuple[PlannedStep, ...]) -> None:
        if planned.section == "closing" and planned.verdict == "unknown":
            # How the include ended is known now, and what is done at its end was agreed to with the plan.
            self.session.planner.follow(self.plan, self.session.known)
            planned = self._planned_now(planned)
        if planned.verdict == "unknown" or any(member.verdict == "unknown" for member in members):
            self._plan_reached(planned)
        elif members:
            self._carry_group(members)
            self._after_reads(members)
        else:
            self._stepper.carry(planned)
            self._after_answer(planned)
            self._after_reads((planned,))

    def _carry_group(self, members: tuple[PlannedStep, ...]) -> None:
        end = carry_group(self.session, self._stepper, members)
        for address, error in end.failures.items():
            self._record_failure(self.session.planned[address], error)
        if end.stop is not None:
            raise end.stop
        if end.failures:
            raise StepFailed(f"{len(end.failures)} of {len(members)} failed: {', '.join(end.failures)}.")

    def boundary(self, following: PlannedStep | None = None) -> None:
        """
        Take in what others sent, and stop here when somebody asked to.

        What is over survives a power cut from here on, unless the *following* step only journals its intent first.
        """
        if following is None or not _begins_at_once(following):
            self.session.journal.force()
        self.session.answers.clear()
        for message in inbox.take(self._inbox):
            match message.kind:
                case "note":
                    self.session.record("note", **message.content)
                case "answer":
                    self.session.answers.append(message)
                case "pause":
                    self.session.stopped_by = f"paused by {message.content.get('by', 'somebody')}"
                    self.session.stop.set()
        self.session.check_stop()

    def _plan_reached(self, planned: PlannedStep) -> None:
        self._replan(f"step {planned.address} is known now", planned)
        now = self.session.planned.get(planned.address)
        if now is not None and now.verdict == "unknown":
            raise StepFailed(f"{planned.address} cannot be planned even now: {now.reason}.")

    def _after_answer(self, planned: PlannedStep, *, quiet: bool = False) -> None:
        if not planned.assumed:
            return
        given = self.session.known[planned.address].outputs
        if given["value"] != planned.outputs["value"]:
            self._replan(f"the answer to {planned.address} is not the one the plan was made on", planned, quiet=quiet)

    def _after_reads(self, over: Sequence[PlannedStep]) -> None:
        """Plan the rest anew where a command that was read while planning gives what others go by otherwise."""
        if self.plan.undo_of:
            return
        other = next((step for step in over if self._reads_otherwise(step)), None)
        if other is not None:
            self._replan(f"{other.address} does not give any more what the plan was made on", other, quiet=True)

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

    def after_kill(self) -> None:
        """Plan the rest anew where a run was killed between a step and the planning that its outcome asks for."""
        following = self._next()
        at = self.plan.steps.index(following) if following else 0
        over = self.plan.steps[at - 1]
        known = self.session.known.get(over.address) if at else None
        if known is not None and known.status != "skipped":
            self._after_answer(over, quiet=True)
            self._after_reads(
                [step for step in self.plan.steps[:at] if step.group == over.group] if over.group else [over]
            )

    def after_drift(self, run: Run) -> None:
        """Plan the rest anew when the run stopped because the world was not as planned, or waits for agreement."""
        last = next((event for event in reversed(run.events[:-1]) if event.type in ("drift", "replanned")), None)
        if last is None or last.type != "drift" or last.address in self.session.known:
            if run.agreement_due and run.waiting_for in self.session.planned:
                self._replan("it waited for that", self.session.planned[run.waiting_for])
            return
        at = self.session.planned[last.address]
        self._replan(f"{last.address} was not as planned: {last.text}", at, self._in_question(at))

    def _in_question(self, at: PlannedStep) -> Mapping[str, Known]:
        """Know no more, but give, what was read, saved or approved before the step *at* was found not as planned."""
        return {address: self.session.known.pop(address) for address in outdated(self.session, self.plan, at)}

    def after_overtaken(self, run: Run) -> None:
        """Have steps come again before the one that failed because what they had brought about was gone."""
        due = next((step.again for step in run.steps if step.again and step.address not in self.session.known), ())
        self._again = tuple(one for one in due if one in self.session.known and is_gone(self.session, one))

    def _bring_again(self, planned: PlannedStep) -> None:
        """Plan anew, with the steps before *planned* that have to come again."""
        again, self._again = self._again, ()
        self._came_again |= {planned.address, *again}
        self._stepper.forget(again)
        for address in again:
            del self.session.known[address]
        self._replan(f"{', '.join(again)} must come again before {planned.address}", planned)

    def _replan(
        self, why: str, at: PlannedStep, renewed: Mapping[str, Known] | None = None, *, quiet: bool = False
    ) -> None:
        """Plan the rest anew and have new writes agreed to; *quiet*: it is no news where nothing comes of it."""
        session = self.session
        plan, renewed = self._planned_anew(at, renewed)
        fresh = self._fresh(plan)
        again = [address for address in renewed if address not in session.known]
        if quiet and not fresh and not again:
            return
        self._look_at(plan)
        self._agree(plan, fresh, why, at)
        addresses = [one.address for one in fresh]
        session.record("replanned", plan=encode(plan), digest=plan.digest, text=why, fresh=addresses, again=again)
        self._stepper.forget(again)
        self._take(plan)

    def _planned_anew(self, at: PlannedStep, renewed: Mapping[str, Known] | None) -> tuple[Plan, Mapping[str, Known]]:
        """Plan the rest, with what is to be *renewed*; None: what a later write on something else puts in question."""
        if self.plan.undo_of:
            return replace(self._way_back(), until=self.plan.until), {}
        plan = self._plan_rest(at, renewed or {})
        moved = moved_by_others(self.session, plan) if renewed is None else None
        if moved is not None:
            # Whoever carried it out would find the step not as planned: what went before holds no more than then.
            renewed = self._in_question(moved)
            try:
                plan = self._plan_rest(at, renewed)
            except RollbookError:
                self.session.known |= renewed  # the plan that there was is still the one to go by
                raise
        return replace(plan, until=self.plan.until), renewed or {}

    def _fresh(self, plan: Plan) -> tuple[PlannedStep, ...]:
        """Give the steps ahead that are not as they were planned; what stood for the run's id before is no news."""
        before, known = self.session.planned, self.session.moment().known()
        return tuple(
            step
            for step in plan.steps
            if step.address not in self.session.known
            and (
                step.address not in before or bind(before[step.address].binding(), known) != bind(step.binding(), known)
            )
        )

    def _agree(self, plan: Plan, fresh: tuple[PlannedStep, ...], why: str, at: PlannedStep) -> None:
        """Have *fresh* writes agreed to; what is not known even now is agreed to when it is reached."""
        if not any(step.writes and step.verdict != "unknown" for step in fresh):
            return
        agreed = self.session.asker.agree(plan, fresh, why)
        if agreed is None:
            text = f"the newly planned steps must be agreed to: {why}"
            step = self._next() or at
            self.session.record("waiting", step=step.address, text=text, agreement=True)
            raise Waiting
        if not agreed:
            raise Interrupted("the newly planned steps were not agreed to")

    def _plan_rest(self, at: PlannedStep, renewed: Mapping[str, Known]) -> Plan:
        """
        Plan what is left, before the step *at*.

        What reads as before, or cannot be read, stays as it is known, and what was saved and needs no saving anew.
        """
        session = self.session
        plan = session.planner.plan(session.known, base=self.plan, at=at.address, renewed=renewed)
        for step in plan.steps:
            over = renewed.get(step.address)
            if over is not None and stays_known(session, over, step):
                session.known[step.address] = over
                session.planner.learn(step.address, over.outputs, over.status)
        return plan

    def _look_at(self, plan: Plan) -> None:
        """Look at targets that come in with a new *plan* as before the first write, and take the locks that do."""
        session, before = self.session, self.plan
        named = {name for step in before.steps for name in step.targets}
        if any(name not in named for step in plan.steps for name in step.targets):
            require(preflight(plan, session.planner, session.folder.path))
        wanted = [lock for lock in plan.locks if lock not in before.locks]
        for name, place in session.locks.take(wanted) if session.locks else ():
            session.record("lock_taken", name=name, place=place)

    def _way_back(self) -> Plan:
        """Plan what is left of an undo anew, from the run that it takes back."""
        known = self.session.known
        undone = self.session.folder.beside(self.plan.undo_of).read()
        first = self.session.folder.beside(self.plan.again).read() if self.plan.again else None
        plan = plan_undo(undone, self.session.planner, to=self.plan.undo_to, first=first, known=known)
        over = tuple(step for step in self.plan.steps if step.address in known)
        return replace(plan, steps=(*over, *(step for step in plan.steps if step.address not in known)))

    def _drifted(self, planned: PlannedStep, drift: PlanDrift) -> None:
        redact(drift, self.session.planner.pool.redactor)
        self.session.record("drift", step=planned.address, differences=list(drift.differences))
        self.session.record("interrupted", text=f"{planned.address} was not as planned")

    def _record_failure(self, planned: PlannedStep, error: RollbookError, again: tuple[str, ...] = ()) -> None:
        unsure = isinstance(error, Unreachable | CommandTimeout)
        tail, seen = getattr(error, "tail", ""), getattr(error, "outputs", None)
        self.session.record(
            "unreachable" if unsure else "step_failed",
            step=planned.address,
            error=error.message,
            advice=error.advice,
            **({"tail": tail[-4096:]} if tail else {}),
            **({"outputs": seen} if seen else {}),
            **({"again": again} if again else {}),
            **({"question": as_question(error)} if isinstance(error, AnswerNeeded) else {}),
        )

    def _after_failure(self, planned: PlannedStep, error: RollbookError) -> bool:
        """Journal the failure and decide; tell whether the walk goes on."""
        again = overtaken(self.session, planned, error) if isinstance(error, Overtaken) else ()
        if not planned.group:
            self._record_failure(planned, error, again)
        self.session.check_stop()
        decision = self._decision(planned, error, again)
        match decision.what:
            case "retry":
                self._again = again
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
        if again and isinstance(error, Overtaken) and error.blameless and planned.address not in self._came_again:
            return Decision("retry")
        return self.session.asker.after_failure(planned, str(error)) or self._as_written(planned)

    def _as_written(self, planned: PlannedStep) -> Decision:
        use = self.session.planner.uses.get(planned.address)
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
            for step in self.plan.steps
            if step.address.startswith(stage) and step.section == "steps" and step.address not in known
        ]
        self.session.record("stage_left", steps=left, text=reason, reason=reason, by=self.session.operator)

    def skip(self, address: str, reason: str) -> None:
        """Go past a step. Raises `UsageError` without a reason."""
        if not reason:
            raise UsageError(f"Going past {address} needs a reason.", advice='Give --reason "…"; the report shows it.')
        for member in self._members(self.session.planned[address]) or (self.session.planned[address],):
            self.session.record("step_skipped", step=member.address, reason=reason, by=self.session.operator)

    def adopt(self, address: str, reason: str) -> None:
        """Record a step as done by hand; see `Stepper.adopt`."""
        for member in self._members(self.session.planned[address]) or (self.session.planned[address],):
            self._stepper.adopt(member, reason)

    def end(self, status: RunStatus, reason: str) -> None:
        """End the run for good: its `finally` steps, each by itself, then its last record."""
        session = self.session
        # What is carried out again ends as it would have ended at first.
        session.planner.run_names["status"] = "succeeded" if self.plan.again and status == "undone" else status
        last = [step for step in self.plan.steps if step.section == "finally" or self._owed(step)]
        if last:
            self._mark_begun()
        failed = [step.address for step in last if not self._finally(step)]
        if failed and status in ("succeeded", "undone"):
            status, reason = "failed", f"what had to be done at the end failed: {', '.join(failed)}"
        session.record("run_finished", status=status, reason=reason)

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
        the undo took back are `undone`, for what they took is given back once.
        """
        back = self._taken_back()
        folder, undo_of = self.session.folder, "" if self.plan.again else self.plan.undo_of
        run = (folder.beside(undo_of) if undo_of else folder).read()
        for step in run.steps:
            if step.started_at is not None and (undo_of or not step.done):
                self.session.planner.mark(step.address, "undone" if step.address in back else step.status)

    def _taken_back(self) -> frozenset[str]:
        """Name the steps whose way back is over, and was not passed over as a whole."""
        known = self.session.known
        ways: dict[str, list[str]] = {}
        for step in self.plan.steps:
            if step.undo_of:
                ways.setdefault(step.undo_of, []).append(known[step.address].status if step.address in known else "")
        return frozenset(one for one, ends in ways.items() if all(ends) and any(end != "skipped" for end in ends))

    def _finally(self, planned: PlannedStep) -> bool:
        session = self.session
        if planned.address in session.known:
            return True
        self.boundary()
        try:
            # What stands while its run is not over stands until then.
            stands = planned.verdict == "skip" and bool(planned.undo_of)
            if planned.address in session.planner.uses and not stands:
                planned = self._planned_now(planned)
            self._stepper.carry(planned)
        except (Interrupted, Waiting, JournalError):
            raise
        except RollbookError as error:
            self._record_failure(planned, error)
            return False
        return True

    def _planned_now(self, planned: PlannedStep) -> PlannedStep:
        """Plan a step of an end on what is there by then."""
        session = self.session
        now = replace(session.planner.plan_at(planned.address), section=planned.section)
        if now.binding() == planned.binding():
            return planned
        self._take(self.plan.with_tail((now,)))
        text = f"{now.address}: at the end"
        session.record("replanned", plan=encode(self.plan), digest=self.plan.digest, text=text)
        return now


def _begins_at_once(planned: PlannedStep) -> bool:
    """Tell of a step that nothing is looked at or asked for before its intent is journalled."""
    return planned.verdict == "run" and not planned.group and not planned.quorum
