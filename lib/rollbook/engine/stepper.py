"""One step carried out: looked at again, journalled, done, verified."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..action import Action, AnyState, Fact, Outcome, Question
from ..command import CommandState, require_whole, shortened
from ..errors import (
    AnswerNeeded,
    CommandTimeout,
    ConflictError,
    Dispensable,
    Interrupted,
    Overtaken,
    PlanDrift,
    RefusedError,
    RollbookError,
    StepFailed,
    TargetError,
    Unreachable,
    UsageError,
)
from ..expressions import condition
from ..ops import Op, OpResult
from ..parse import parse_output
from ..plan import PlannedStep, changed_fields
from ..planner.progress import rest_of
from ..planner.step import change_of, decode_op, encode_op, refuse, seconds_of
from ..registry import action_type
from ..run import StepRun
from ..runbook import Step
from ..schema import build, encode
from ..values import Plain, Unknown, bind
from .approval import approve
from .asking import Asking
from .attempt import Attempt
from .doubt import decide
from .execution import LiveExecution
from .failure import record_failure
from .outlived import still_running
from .questions import Waiting, ask
from .session import Session
from .verify import came_about, carry_assertion, prove, verify_after, verify_steps

PLAIN_STEP = Step("undo")


class Stepper:
    """Carries out planned steps of one session; *past* is what the journal knew when the session began."""

    def __init__(self, session: Session, past: Mapping[str, StepRun]) -> None:
        self._session = session
        self._past = dict(past)
        self._asking = Asking(session, past)

    def carry(self, planned: PlannedStep) -> None:
        """Carry out one step as `_carry` does; what the run can do without, and failed, is passed over."""
        try:
            self._carry(planned)
        except Dispensable as error:
            record_failure(self._session, planned, error)
            reason = "the run goes on without it"
            self._session.record(
                "step_skipped", step=planned.address, reason=reason, spared=True, outputs=error.outputs
            )

    def _carry(self, planned: PlannedStep) -> None:
        """
        Carry out one step whose plan is known, with its retries.

        Raises what the last attempt raised: `PlanDrift` when the world is not as planned, `Waiting`
        when somebody must answer, `Interrupted`, `StepFailed` or a `TargetError` otherwise. What
        was begun is journalled in each case.
        """
        session = self._session
        if planned.verdict == "skip":
            kept = {} if planned.outputs is None else {"outputs": planned.outputs}
            session.record("step_skipped", step=planned.address, reason=planned.reason, **kept)
            return None
        step = self._step(planned)
        self._require(planned, step)
        past = self._past.get(planned.address)
        if planned.quorum and not (past and past.attempts):
            approve(session, planned)
        self._asking.take(planned)
        tries = 0
        while True:
            tries += 1
            try:
                return self._attempt(planned, step, tries)
            except AnswerNeeded as needed:
                self._asking.settle(planned, needed)
                tries -= 1  # it has not failed
            except (TargetError, StepFailed) as error:
                if tries > step.retries or not self._may_retry(planned, error):
                    raise
                delay = seconds_of(step.delay)
                text = session.planner.pool.redactor.text(error.message)
                session.record("attempt", step=planned.address, attempt=tries, error=text, next_in=delay)
                session.planner.read.pause(delay)
                session.check_stop()  # what broke the attempt may have taken the lock along

    def forget(self, addresses: Iterable[str]) -> None:
        """Know no more how steps went that come again: they begin as if for the first time."""
        for address in addresses:
            self._past.pop(address, None)

    def _step(self, planned: PlannedStep) -> Step:
        use = self._session.planner.uses.get(planned.address)
        return use.step if use else PLAIN_STEP

    @staticmethod
    def _may_retry(planned: PlannedStep, error: RollbookError) -> bool:
        if isinstance(error, ConflictError | Overtaken):
            return False
        unsure = isinstance(error, Unreachable | CommandTimeout)
        return not (unsure and planned.effect == "once")

    def _require(self, planned: PlannedStep, step: Step) -> None:
        for requirement in step.requires:
            names = self._session.planner.names(planned.address)
            holds = condition(requirement.that, names)
            if holds is not True:
                why = (
                    f"{requirement.that} is {holds}"
                    if isinstance(holds, Unknown)
                    else f"{requirement.that} does not hold"
                )
                raise StepFailed(requirement.message or f"A requirement is not met: {why}.")

    def _attempt(self, planned: PlannedStep, step: Step, number: int) -> None:
        session = self._session
        past = self._past.get(planned.address)
        # What was begun goes on with the values it was begun with.
        known = (past.known if past and past.ops else None) or session.moment().known()
        action = build(action_type(planned.kind), bind(planned.arguments, known))
        attempt = Attempt(session, planned, step, action, number, known)
        try:
            self._by_family(attempt, action)
        except (TargetError, StepFailed) as error:
            if attempt.begun is not None:
                unsure = isinstance(error, Unreachable | CommandTimeout)
                self._past[planned.address] = replace(attempt.begun, status="unreachable" if unsure else "failed")
            elif past is not None:
                self._past[planned.address] = past  # what was begun is still to be settled
            raise

    def _by_family(self, attempt: Attempt, action: Action[Any]) -> None:
        match action:
            case Question():
                answer = ask(attempt.session, attempt.planned, action)
                attempt.finish("ok", outputs=answer.outputs, by=answer.by)
            case Fact():
                self._read(attempt, action)
            case _ if action.family == "assertion":
                carry_assertion(attempt)
            case _:
                self._write(attempt)

    @staticmethod
    def _read(attempt: Attempt, fact: Fact[Any]) -> None:
        planned = attempt.planned
        found = fact.probe(attempt.session.planner.read)
        state = encode(found)
        drift = changed_fields(planned.bound_fields(planned.before), planned.bound_fields(state))
        if drift:
            # Why it cannot go on says more than that it is another than was planned.
            refuse(fact, found)
            raise PlanDrift(
                f"{planned.address}: what was read is not what the plan was made on.",
                differences=drift,
                advice="Plan again; nothing was written by this step.",
            )
        refuse(fact, found)
        attempt.finish(
            "ok", after=state, outputs=fact.outputs(found, ()), details=fact.details(change_of(fact, found, None))
        )

    def _write(self, attempt: Attempt) -> None:
        planned, action = attempt.planned, attempt.action
        read = attempt.session.planner.read
        goal = None if planned.goal is None else build(action.state, bind(planned.goal, attempt.known))
        before = action.probe(read) if goal is None else action.probe_for(read, goal)
        past = self._begun(planned)
        if past is not None:
            self._settle(attempt, past, before)
            return
        self._compare(attempt, before)
        change = change_of(action, before, attempt.session.planner.uses.get(planned.address), goal)
        ops = tuple(_bound(op, attempt.known) for op in change.ops)
        after = _bound_state(action, change.after, attempt.known)
        if not ops:
            outputs = dict(action.outputs(after, ())) | prove(attempt)
            if planned.verdict == "read":
                self._judge(attempt, outputs)
            verify_steps(attempt, outputs)
            attempt.finish("ok", before=encode(before), after=encode(after), outputs=outputs)
            return
        attempt.start(before, after, ops)
        self._apply(attempt, after, ops, 0)

    def _begun(self, planned: PlannedStep) -> StepRun | None:
        past = self._past.pop(planned.address, None)
        if past is None or not past.ops or past.status == "pending":
            return None
        return past

    def _compare(self, attempt: Attempt, before: AnyState) -> None:
        planned = attempt.planned
        if planned.before is None:
            return
        found = planned.bound_fields(encode(before))
        wanted = bind(planned.bound_fields(planned.before), attempt.known)
        drift = changed_fields(wanted, found)
        if not drift or not changed_fields(bind(planned.bound_fields(planned.after), attempt.known), found):
            return
        raise PlanDrift(
            f"{planned.address} ({planned.name}): the target is not as planned; nothing was written.",
            differences=drift,
            advice="`resume` plans the rest again on what is there now, and shows it first.",
        )

    def _settle(self, attempt: Attempt, past: StepRun, found: AnyState) -> None:
        planned, action = attempt.planned, attempt.action
        self._require_ended(attempt, past)
        attempt.known = past.known or attempt.known  # so that both attempts make the same writes
        after, ops = build(action.state, past.after), tuple(decode_op(op) for op in past.ops)
        fields = planned.bound_fields(encode(found))
        probed = any(value is not None for value in fields.values())
        missing = changed_fields(planned.bound_fields(past.after), fields)
        ended = past.status == "failed" and past.ops_done >= len(ops)
        if probed and not missing:
            self._pass_or_ask(attempt, past, ops, after, found, "a probe shows that it was done")
        elif probed and not changed_fields(planned.bound_fields(past.before), fields):
            self._again(attempt, found, _from_here(attempt, found, after), after)
        elif (rest := rest_of(action, found, after, past)) is not None:
            self._go_on(attempt, past, ops, after, len(ops) - len(rest))
        elif not probed and planned.effect == "once" and ended and not self._told_to_repeat(planned):
            self._pass_or_ask(attempt, past, ops, after, after, "its command ended well before")
        elif not probed and (past.status in ("failed", "waiting") or planned.effect != "once"):
            self._again(attempt, build(action.state, past.before), ops, after)
        else:
            why = "it began and did not end, and what is there now does not tell whether it was done"
            self._ask_doubt(attempt, past, ops, after, found, f"{why}: {'; '.join(missing)}")

    def _told_to_repeat(self, planned: PlannedStep) -> bool:
        """Tell whether somebody wants done again what ended well and was not let pass; that is journalled."""
        session = self._session
        told = session.asker.told_doubt(planned) == "redo"
        if told:
            by = session.operator
            session.record("answered", step=planned.address, value="redo", by=by, how="doubt", approval=False)
        return told

    def _go_on(self, attempt: Attempt, past: StepRun, ops: Sequence[Op], after: AnyState, done: int) -> None:
        """Carry out what is left of a step's writes, *done* of which a probe shows."""
        text = f"{done} of {len(ops)} writes were done; the rest follows"
        attempt.session.record("recovered", step=attempt.planned.address, text=text)
        attempt.start(build(attempt.action.state, past.before), after, ops, done=done)
        self._apply(attempt, after, ops, done)

    def _pass_or_ask(
        self, attempt: Attempt, past: StepRun, ops: Sequence[Op], after: AnyState, found: AnyState, text: str
    ) -> None:
        """End a step that took effect before; where its command is judged by what it printed, which is gone, ask."""
        judges = attempt.step.judges if attempt.action.family == "command" else ""
        if judges:
            why = f"{text}, but {judges} did not let it pass, or never saw it"
            self._ask_doubt(attempt, past, ops, after, found, why)
        else:
            self._recover(attempt, past, found, text)

    def _recover(self, attempt: Attempt, past: StepRun, found: AnyState, text: str) -> None:
        """End a step that had taken effect before; it is looked at like any other."""
        attempt.session.record("recovered", step=attempt.planned.address, text=text)
        outputs = dict(attempt.action.outputs(found, ())) | prove(attempt)
        self._judge(attempt, outputs)
        verify_steps(attempt, outputs)
        details = came_about(attempt, past, found)
        attempt.finish("recovered", before=past.before, after=encode(found), outputs=outputs, details=details)

    @staticmethod
    def _require_ended(attempt: Attempt, past: StepRun) -> None:
        """Wait for a command that outlived the process that started it: whatever a probe shows now may still change."""
        session, address = attempt.session, attempt.planned.address
        # One that was left to itself is attached to instead.
        ops = [op for op in past.ops if not (isinstance(op, Mapping) and op.get("detach"))]
        for target, alive in still_running(session.planner.pool, session.folder, address, ops):
            text = f"its command still runs on {target}: process {alive}. Wait for it, or end it; then resume"
            session.record("in_doubt", step=address, text=text)
            raise Waiting

    def _again(self, attempt: Attempt, before: AnyState, ops: Sequence[Op], after: AnyState) -> None:
        attempt.start(before, after, ops)
        self._apply(attempt, after, ops, 0)

    def _ask_doubt(
        self, attempt: Attempt, past: StepRun, ops: Sequence[Op], after: AnyState, found: AnyState, why: str
    ) -> None:
        planned = attempt.planned
        decision = decide(attempt.session, planned, attempt.step.on_doubt, encode(found), why)
        match decision:
            case "done":
                attempt.finish("recovered", before=past.before, after=past.after, outputs=past.outputs or past.after)
            case "redo":
                self._again(attempt, build(attempt.action.state, past.before), ops, after)
            case "abort":
                who = attempt.session.operator
                attempt.session.record("in_doubt", step=planned.address, text=f"{who} left it as it is: {why}")
                raise Waiting

    def _apply(self, attempt: Attempt, after: AnyState, ops: Sequence[Op], done: int) -> None:
        session, planned = attempt.session, attempt.planned
        deadline = None
        if attempt.step.timeout is not None:
            deadline = time.monotonic() + seconds_of(attempt.step.timeout)
        given = self._asking.answers(planned.address)
        execution = LiveExecution(session.folder, planned.address, session.watcher, session.kill, deadline, given)
        try:
            results = self._carry_ops(attempt, ops, done, execution)
        finally:
            attempt.output = execution.output()
        try:
            found = verify_after(attempt, after)
            outputs = dict(attempt.action.outputs(found, results)) | prove(attempt)
            self._judge(attempt, outputs)
            outputs = shortened(outputs)
            verify_steps(attempt, outputs)
        except RollbookError:
            if len(ops) == 1:  # of more than one each is told when it ends
                self._record_op(attempt, 0, results[0])
            raise
        files = [file for result in results for file in result.files]
        details = came_about(attempt, attempt.begun, found)
        attempt.finish("changed", after=encode(found), outputs=outputs, details=details, files=files)

    def _carry_ops(self, attempt: Attempt, ops: Sequence[Op], done: int, execution: LiveExecution) -> list[OpResult]:
        session, address = attempt.session, attempt.planned.address
        results = []
        for index, op in enumerate(ops):
            if index < done:
                continue
            if execution.stopping():
                raise Interrupted("stopped between two writes")
            if len(ops) > 1:
                session.record("op_started", step=address, index=index)
            result = op.carry_out(session.planner.pool, execution)
            results.append(result)
            if len(ops) > 1:
                self._record_op(attempt, index, result)
        return results

    @staticmethod
    def _record_op(attempt: Attempt, index: int, result: OpResult) -> None:
        attempt.session.record("op_finished", step=attempt.planned.address, index=index, files=encode(result.files))

    @staticmethod
    def _judge(attempt: Attempt, outputs: dict[str, Plain]) -> None:
        step = attempt.step
        require_whole(outputs, step)
        if step.parse is not None:
            outputs["value"] = parse_output(step.parse, str(outputs.get("stdout", "")))
        for expression, wanted in ((step.fail_when, False), (step.until, True)):
            if not expression:
                continue
            names = {**attempt.session.planner.names(attempt.planned.address), "outputs": outputs}
            if bool(condition(expression, names)) is not wanted:
                word = "fail_when" if not wanted else "until"
                raise StepFailed(
                    f"{attempt.planned.address}: {word}: {expression} {'does not hold yet' if wanted else 'holds'}."
                )

    def adopt(self, planned: PlannedStep, reason: str) -> None:
        """
        Record that somebody did the step by hand, after a probe shows it where the kind has one.

        Raises `RefusedError` when the probe shows otherwise, `UsageError` without a reason.
        """
        session = self._session
        if not reason:
            raise UsageError(
                f"Adopting {planned.address} needs a reason.", advice='Give --reason "…"; the report shows it.'
            )
        if planned.verdict == "ask":
            raise RefusedError(f"{planned.address} is a question.", advice=f"Answer it: --answer {planned.address}=…")
        past = self._past.pop(planned.address, None)
        known = (past.known if past and past.known else None) or session.moment().known()
        content: dict[str, Plain] = {"outputs": None}
        if planned.verdict != "unknown" and planned.kind:
            arguments = past.arguments if past and past.arguments is not None else planned.arguments
            action = build(action_type(planned.kind), bind(arguments, known))
            if action.family != "question":
                content = self._adopted(planned, action, past, known)
        session.record(
            "step_finished", step=planned.address, status="ok", by=session.operator, reason=reason, **content
        )
        if planned.downtime:
            # The journal does not know when it was done: that was at the latest now.
            session.record("downtime_began" if planned.downtime == "begins" else "downtime_ended", by=planned.address)

    def _adopted(
        self, planned: PlannedStep, action: Action[Any], past: StepRun | None, known: Mapping[str, Plain]
    ) -> dict[str, Plain]:
        found = action.probe(self._session.planner.read)
        state = encode(found)
        wanted = past.after if past and past.after is not None else bind(planned.after, known)
        missing = changed_fields(planned.bound_fields(wanted), planned.bound_fields(state))
        if isinstance(found, Outcome) and not found.passed:
            raise RefusedError(
                f"{planned.address} does not hold: {found.message}.",
                advice=f"See to it, then `resume`; or go past it: `resume` with --skip {planned.address}.",
            )
        untold = isinstance(found, CommandState) and found.done is None  # nothing is looked at that could tell
        if missing and not untold and not isinstance(found, Outcome):
            raise RefusedError(
                f"{planned.address} is not done: {'; '.join(missing)} (wanted -> found).",
                advice="Finish it by hand and adopt it again, or let `resume` do it.",
            )
        return {"after": state, "outputs": encode(action.outputs(found, ()))}


def _bound_state(action: Action[Any], state: AnyState, known: Mapping[str, Plain]) -> AnyState:
    written = encode(state)
    bound = bind(written, known)
    return state if bound == written else build(action.state, bound)


def _bound(op: Op, known: Mapping[str, Plain]) -> Op:
    written = encode_op(op)
    bound = bind(written, known)
    return op if bound == written else decode_op(bound)


def _from_here(attempt: Attempt, found: AnyState, after: AnyState) -> tuple[Op, ...]:
    """
    Give the way to *after* from what is *found*, with what the step was begun with.

    It is the way that was journalled but where evidence moved, as a time that a row was last saved: what is compared
    with that while writing would be refused for ever.
    """
    encoded = (bind(encode_op(op), attempt.known) for op in attempt.action.ops(found, after))
    return tuple(map(decode_op, encoded))
