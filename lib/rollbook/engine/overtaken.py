"""Finished steps whose effect is gone before a later one could rest on it, so that they must come again."""

from typing import Any

from ..action import Action, Subject
from ..errors import Overtaken
from ..plan import PlannedStep, changed_fields
from ..planner.scope import Known
from ..registry import action_type
from ..schema import build, encode
from ..values import bind
from .session import Session


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
    action: Action[Any] = build(action_type(over.planned.kind), bind(over.planned.arguments, session.moment().known()))
    return action
