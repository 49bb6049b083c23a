"""The rest of a plan, made anew on what is known by now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..errors import RollbookError
from ..plan import Plan, PlannedLock, PlannedStep
from ..planner import plan_undo
from ..planner.locking import once
from ..planner.scope import Known
from ..schema import encode
from ..values import bind
from .comeback import moved_by_others, outdated, stays_known
from .preflight import preflight, require
from .session import Session


def planned_anew(
    session: Session, at: PlannedStep, renewed: Mapping[str, Known] | None
) -> tuple[Plan, Mapping[str, Known]]:
    """Plan the rest, with what is to be *renewed*; None: what a later write on something else puts in question."""
    if session.plan.undo_of:
        plan, asked = _way_back(session)
        return replace(plan, until=session.plan.until), asked
    plan = _plan_rest(session, at, renewed or {})
    moved = moved_by_others(session, plan) if renewed is None else None
    if moved is not None:
        # Whoever carried it out would find the step not as planned: what went before holds no more than then.
        renewed = in_question(session, moved)
        try:
            plan = _plan_rest(session, at, renewed)
        except RollbookError:
            session.known |= renewed  # the plan that there was is still the one to go by
            raise
    return replace(plan, until=session.plan.until), renewed or {}


def in_question(session: Session, at: PlannedStep) -> Mapping[str, Known]:
    """Know no more, but give, what was read, saved or approved before the step *at* was found not as planned."""
    return {address: session.known.pop(address) for address in outdated(session, session.plan, at)}


def fresh_steps(session: Session, plan: Plan) -> tuple[PlannedStep, ...]:
    """Give the steps ahead that are not as they were planned; what stood for the run's id before is no news."""
    before, known = session.planned, session.moment().known()
    return tuple(
        step
        for step in plan.steps
        if step.address not in session.known
        and (step.address not in before or bind(before[step.address].binding(), known) != bind(step.binding(), known))
    )


def look_at(session: Session, plan: Plan) -> None:
    """Look at targets that come in with a new *plan* as before the first write, and take the locks that do."""
    before = session.plan
    named = {name for step in before.steps for name in step.targets}
    if any(name not in named for step in plan.steps for name in step.targets):
        require(preflight(plan, session.planner, session.folder.path))
    _take(session, [lock for lock in plan.locks if lock not in before.locks])


def _take(session: Session, wanted: Sequence[PlannedLock]) -> None:
    for name, place in session.locks.take(wanted) if session.locks else ():
        session.record("lock_taken", name=name, place=place)


def planned_now(session: Session, planned: PlannedStep) -> PlannedStep:
    """Plan a step of an end on what is there by then, under the locks that are known by then."""
    held = session.planner.locks(session.plan)
    late = once((*held, *session.planner.locks_at(planned.address)))[len(held) :]
    _take(session, late)
    now = replace(session.planner.plan_at(planned.address), section=planned.section)
    if now.binding() == planned.binding() and not late:
        return planned
    # An undo, and whoever goes on with the run, takes the same locks.
    session.take(replace(session.plan.with_tail((now,)), locks=(*session.plan.locks, *late)))
    text = f"{now.address}: at the end"
    session.record("replanned", plan=encode(session.plan), digest=session.plan.digest, text=text)
    return now


def _plan_rest(session: Session, at: PlannedStep, renewed: Mapping[str, Known]) -> Plan:
    """
    Plan what is left, before the step *at*.

    What reads as before, or cannot be read, stays as it is known, and what was saved and needs no saving anew.
    """
    plan = session.planner.plan(session.known, base=session.plan, at=at.address, renewed=renewed)
    for step in plan.steps:
        over = renewed.get(step.address)
        if over is not None and stays_known(session, over, step):
            session.known[step.address] = over
            session.planner.learn(step.address, over.outputs, over.told)
    return plan


def _way_back(session: Session) -> tuple[Plan, Mapping[str, Known]]:
    """Plan what is left of an undo anew, from the run that it takes back; give what was asked otherwise than now."""
    old, known, runs = session.plan, session.known, session.folder.runs
    undone = runs.find(old.undo_of).read()
    plan = plan_undo(undone, session.planner, runs, to=old.undo_to, known=known)
    # Who agreed to lose one change has not agreed to lose another.
    questions = [step for step in plan.steps if step.asks_first and step.address in known]
    otherwise = [step.address for step in questions if step.arguments != known[step.address].planned.arguments]
    asked = {address: known.pop(address) for address in otherwise}
    over = tuple(step for step in old.steps if step.address in known)
    return replace(plan, steps=(*over, *(step for step in plan.steps if step.address not in known))), asked
