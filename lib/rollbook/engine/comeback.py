"""Which finished steps come again: those that drift made out of date, and those whose effect is gone."""

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
    found = []
    for planned in reversed(plan.steps):
        over = session.known.get(planned.address)
        if over is None or planned.verdict in ("skip", "unknown"):
            continue
        action = _action(session, over)
        if _concerns(over, at) and _is_to_renew(over, action) and later.isdisjoint(action.subjects()):
            found.append(planned.address)
        if over.status in ("changed", "recovered"):
            later |= action.subjects()
    return tuple(reversed(found))


def _concerns(over: Known, at: PlannedStep) -> bool:
    """Tell whether the step *at* which drift was found may rest on one that is *over*: never on another stage."""
    planned = over.planned
    return planned.stage == DECIDE or (planned.stage, planned.environment) == (at.stage, at.environment)


def _is_to_renew(over: Known, action: Action[Any]) -> bool:
    approval = isinstance(over.planned.prompt, dict) and over.planned.prompt.get("kind") == "approve"
    return action.family in ("fact", "artefact") or approval


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
