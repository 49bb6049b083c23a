"""How the sites are where a plan begins."""

from collections.abc import Mapping

from ..errors import JournalError, NotFoundError
from ..plan import Plan
from ..runs import Runs
from ..undos import with_downtime_over
from .boundary import Site, as_happened, sites_after


def begins_at(plan: Plan, sites: Mapping[str, Site], by: str = "") -> Mapping[str, Site]:
    """Say how the sites are where a plan begins: an undo, the run *by*, begins where its run stands by then."""
    if not plan.undo_of:
        return {}
    try:
        first = Runs().find(plan.undo_of).read()
    except (JournalError, NotFoundError):
        return {}
    done = (as_happened(step.planned, step.status) for step in first.steps if step.done)
    there = dict(sites_after(done, sites, first.plan.passed, begins_at(first.plan, sites, first.id)))
    down = with_downtime_over(Runs(), first, before=by).downtimes
    return there | {stretch.environment: "down" for stretch in down if stretch.ended_at is None}
