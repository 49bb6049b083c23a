"""Which finished steps come again: those that drift made out of date, and those whose effect is gone."""

from collections.abc import Collection
from typing import Any

from ..action import Action, Subject
from ..errors import Overtaken
from ..plan import DECIDE, Plan, PlannedStep, changed_fields
from ..planner.scope import Known
from ..registry import action_type
from ..schema import build, encode
from ..values import bind
from .session import Session


def outdated(session: Session, plan: Plan, at: PlannedStep) -> tuple[str, ...]:
    """
    Name what must be done anew since the step *at* was not as planned: what was read, saved or approved before.

    What the run itself has changed since it was read or saved stays as it was known then: that the run went on from it.
    """
    later: set[Subject] = set()
    found: list[str] = []
    for planned in reversed(plan.steps):
        over = session.known.get(planned.address)
        if over is None or planned.verdict in ("skip", "unknown"):
            continue
        action = _action(session, over)
        if _concerns(over, at) and _is_to_renew(over, action) and not _went_on_from(action, planned, later):
            found.append(planned.address)
        if over.status in ("changed", "recovered"):
            later |= action.subjects()
    return tuple(reversed(found))


def _went_on_from(action: Action[Any], planned: PlannedStep, later: Collection[Subject]) -> bool:
    """Tell whether what the run changed *later* is what *action* read, or is on the system that it saved."""
    own = action.subjects()
    saved = {*planned.targets} - {one.target for one in own} if action.family == "artefact" else set[str]()
    return not own.isdisjoint(later) or any(one.target in saved for one in later)


def _concerns(over: Known, at: PlannedStep) -> bool:
    """Tell whether the step *at* which drift was found may rest on one that is *over*: never on another stage."""
    planned = over.planned
    return planned.stage == DECIDE or (planned.stage, planned.environment) == (at.stage, at.environment)


def _is_to_renew(over: Known, action: Action[Any]) -> bool:
    approval = isinstance(over.planned.prompt, dict) and over.planned.prompt.get("kind") == "approve"
    return action.family in ("fact", "artefact") or approval


def moved_by_others(session: Session, plan: Plan) -> PlannedStep | None:
    """Find the first write ahead that *plan*, made anew, has as before, but on something else than was found then."""
    known = session.moment().known()
    for step in plan.steps:
        old = session.planned.get(step.address)
        if old is None or not old.writes or step.address in session.known or None in (old.before, step.before):
            continue
        found = bind(step.bound_fields(step.before), known)
        if bind(step.arguments, known) == bind(old.arguments, known) and all(
            changed_fields(bind(old.bound_fields(state), known), found) for state in (old.before, old.after)
        ):
            return old
    return None


def stays_known(session: Session, over: Known, now: PlannedStep) -> bool:
    """Tell whether a finished step that drift put in question, planned anew as *now*, holds as it is known."""
    match action_type(now.kind).family:
        case "fact":
            return now == over.planned
        case "artefact":
            known = session.moment().known()
            same = bind(now.arguments, known) == bind(over.planned.arguments, known)
            return now.verdict == "noop" and same
    return False


def overtaken(session: Session, planned: PlannedStep, error: Overtaken) -> tuple[str, ...]:
    """Name the finished steps, in their order, that brought about what *error* misses, and do not show it any more."""
    wanted = {Subject(target, kind, name) for target in planned.targets for kind, name in error.things}
    made = (
        address
        for address, over in session.known.items()
        if over.planned.verdict not in ("skip", "unknown") and not wanted.isdisjoint(_action(session, over).subjects())
    )
    return tuple(address for address in made if is_gone(session, address))


def is_gone(session: Session, address: str) -> bool:
    """Tell whether a probe does not show any more what a finished step brought about."""
    over = session.known[address]
    action, planned = _action(session, over), over.planned
    if action.family != "state" or over.after is None:
        return False
    found = encode(action.probe(session.planner.read))
    return bool(changed_fields(planned.bound_fields(over.after), planned.bound_fields(found)))


def _action(session: Session, over: Known) -> Action[Any]:
    known = session.moment().known()
    action: Action[Any] = build(action_type(over.planned.kind), bind(over.planned.arguments, known))
    return action
