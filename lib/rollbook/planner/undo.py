"""The way back: a run's finished changes, last to first, as a Plan of the same type for the same engine."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ..action import Action, AnyState, Change, Leave, Refuse, Reverse, compared_fields
from ..errors import NotFoundError, UndoRefused
from ..plan import BY_HAND, LEFT_BEHIND, SURE, Plan, PlannedStep, changed_fields
from ..registry import action_type
from ..run import Run, StepRun
from ..runbook import Step, StepUndo
from ..schema import build, encode
from ..undos import Earlier
from .guards import around, ends_again, is_guard
from .planner import Planner
from .progress import rest_of
from .projection import Projection
from .reopening import closed_and_opened
from .scope import Known
from .step import change_of, decode_op, plan_use, with_change
from .sure import by_hand, cut_off, doubtful, left_behind, overwriting, unsure

CHANGED: Final = ("changed", "recovered", "failed", "unreachable", "in_doubt", "running")
"""Statuses of steps that may have changed something."""
_DONE_FOR_SURE: Final = ("changed", "recovered")
_OPEN: Final = ("running", "unreachable", "in_doubt")
_SINCE: Final = "changed since the run: "


def plan_back(run: Run, planner: Planner, *, to: str = "", earlier: Mapping[str, Earlier]) -> Plan:
    """
    Plan how to take back what *run* changed, last step first, down to the step *to*, which stays.

    *earlier* are steps, by address, that undos before began. Raises `UndoRefused` naming every change in the way that
    cannot be taken back; of a step that did not end well it is asked whether to go past it.
    """
    stays = _place(run, to)
    wanted = _wanted(run, stays)
    planner.follow(run.plan, {step.address: Known.of(step) for step in run.steps if step.done})
    refused: dict[str, str] = {}
    steps: list[PlannedStep] = []
    projection = Projection()
    for step in wanted:
        way = tuple(_back(step, planner, projection, refused))
        if gone := _gone(way, run, planner):
            refused[step.address] = (
                f"{step.address} ({step.planned.name}): the environment has no target {gone} any more"
            )
        steps += with_earlier(way, earlier)
    if refused:
        raise refuse_undo(run, refused.values(), to=next(iter(refused)))
    guarded = to or any(is_guard(step, run) for step in run.steps)
    if guarded:
        last = ends_again(run, steps, run.steps[stays].address if to else "")
    else:
        last = tuple(_finally_left(run, earlier))
    return replace(
        run.plan,
        title=f"Undo of {run.plan.title or run.plan.runbook}",
        steps=(*closed_and_opened(steps, run), *last),
        undo_of=run.id,
        undo_to=to,
        again="",
        until="",
        passed=_passed(run),
        answers=dict(planner.answers),
        lock=run.plan.lock,
        made_at=planner.read.now(),
        made_by=planner.operator,
    )


def _gone(way: Iterable[PlannedStep], run: Run, planner: Planner) -> str:
    """Name the targets of a way back that *run* had, and the environment has no more: what was done there stands."""
    had = {name for step in run.steps if step.starts for name in step.planned.targets}
    # What stays in any case needs none; an own undo step that is skipped for want of one is no such.
    needing = (part for part in way if part.verdict != "skip" or part.address != f"undo/{part.undo_of}")
    return ", ".join(sorted({name for part in needing for name in part.targets if name in had} - {*planner.specs}))


def _passed(run: Run) -> tuple[str, ...]:
    """Name the steps that took no part in the run, anywhere and with any item; not those that people skipped."""
    out = {
        step.address: step.planned.id
        for step in run.steps
        if step.status == "skipped" and step.planned.verdict == "skip"
    }
    took_part = {step.planned.id for step in run.steps if step.address not in out}
    return tuple(address for address, name in out.items() if name not in took_part)


def refuse_undo(run: Run, refused: Iterable[str], to: str = "STEP") -> UndoRefused:
    """Say which changes are in the way of an undo, the last of them, in the run's order, at the step *to*."""
    return UndoRefused(
        f"Run {run.id} cannot be undone as a whole:\n" + "\n".join(f"  - {line}" for line in refused),
        advice=f"`undo {run.id} --to {to}` goes back as far as {to}, which stays.",
    )


def with_earlier(way: Iterable[PlannedStep], earlier: Mapping[str, Earlier]) -> Iterator[PlannedStep]:
    """Leave out what may be done once only and an undo before did; ask, where nobody knows how far that one came."""
    steps = tuple(way)
    questions = {f"{planned.address}{SURE}" for planned in steps}
    asked: PlannedStep | None = None
    for planned in steps:
        if planned.address in questions:
            asked = planned
            continue
        before = earlier.get(planned.address)
        if before is not None and planned.verdict == "noop" and before.step.done:
            # What was changed since the run was changed by that undo.
            details = tuple(line for line in planned.details if not line.startswith(_SINCE))
            planned = replace(planned, reason=f"run {before.by} took it back already", details=details)
        if before is not None and counts_once(planned):
            if not before.step.done:
                asked = doubtful(planned, before.by)
            elif before.step.status != "skipped":
                reason = f"run {before.by} did it already, and it may be done once only"
                planned, asked = replace(planned, verdict="skip", reason=reason, ops=(), shown=(), outputs=None), None
        if asked is not None:
            yield asked
        yield planned
        asked = None


def counts_once(planned: PlannedStep) -> bool:
    """Tell whether a step may be done once only, and nothing that it reads tells whether it was."""
    return planned.writes and planned.effect == "once" and planned.goal is None


def _finally_left(run: Run, earlier: Mapping[str, Earlier]) -> Iterator[PlannedStep]:
    """
    Give the `finally` steps of a run that never ended for good: the undo is its end, where none before was.

    Asks about what is in doubt.
    """
    for step in run.steps if run.resumable else ():
        section = step.planned.section
        if step.done or (section != "finally" and not (section == "closing" and began_around(run, step.address))):
            continue
        before = earlier.get(step.address) if counts_once(step.planned) else None
        if before is not None and before.step.done and before.step.status != "skipped":
            continue  # an undo before did it at its end
        planned = replace(step.planned, section="finally")
        if before is not None:
            yield replace(doubtful(planned, before.by), section="finally")
        elif step.status in _OPEN and counts_once(planned):
            yield cut_off(planned, run.id)
        yield planned


def began_around(run: Run, address: str) -> bool:
    """Tell whether a step of the include to which the step at *address* belongs took part in the run."""
    inside = around(address)
    return any(step.started_at and step.status != "skipped" and step.address.startswith(inside) for step in run.steps)


def _place(run: Run, to: str) -> int:
    """Give the place of the step *to*, which stays, among those of the run; -1 where all of it goes."""
    places = [index for index, step in enumerate(run.steps) if to and to in (step.address, step.planned.id)]
    if to and not places:
        raise NotFoundError(f"Run {run.id} has no step {to!r}.", advice="`status RUN` lists its steps.")
    return places[-1] if places else -1


def _wanted(run: Run, stays: int) -> list[StepRun]:
    steps = run.steps[stays + 1 :]
    changed = [
        step
        for step in steps
        if not is_guard(step, run)
        and (((step.status in CHANGED or _passed_over(step)) and step.ops) or done_by_hand(step))
    ]
    return sorted(changed, key=lambda step: step.began, reverse=True)


def _passed_over(step: StepRun) -> bool:
    """Tell whether somebody went past a step that had begun."""
    return step.status == "skipped" and bool(step.starts)


def done_by_hand(step: StepRun) -> bool:
    """Tell whether somebody said to have done a step that would have changed something."""
    return step.adopted_at is not None and step.planned.changes


def _back(step: StepRun, planner: Planner, projection: Projection, refused: dict[str, str]) -> Iterator[PlannedStep]:
    base = _outline(step)
    own = _declared_undo(step, planner)
    if done_by_hand(step):
        yield from _left_by_hand(step, base, own.leave if own is not None else "")
        return
    action, change = changed_by(step)
    if own is not None and own.leave:
        decision: Reverse[Any] | Leave | Refuse = Leave(own.leave)
    elif own is not None and own.refuse:
        decision = Refuse(own.refuse)
    elif own is not None:
        yield from own_steps(step, planner, own.steps, projection)
        return
    else:
        decision = action.undo(change)
    match decision:
        case Leave(reason=reason):
            yield replace(base, verdict="skip", reason=f"stays as it is: {reason}")
        case Refuse(reason=reason) if step.planned.section == "finally":
            yield replace(base, verdict="skip", reason=f"stays as it is: {reason}")
        case Refuse(reason=reason) if step.status not in _DONE_FOR_SURE:
            yield left_behind(base, step, reason)
            yield replace(base, verdict="skip", reason=f"{LEFT_BEHIND}: {reason}")
        case Refuse(reason=reason):
            refused[step.address] = f"{step.address} ({step.planned.name}): {reason}"
        case Reverse(goal=goal):
            yield from reversed_step(base, step, (action, change), goal, planner, projection)


def _left_by_hand(step: StepRun, base: PlannedStep, leave: str) -> Iterator[PlannedStep]:
    """Leave what was done by hand; ask to have it taken back by hand, unless an undo would leave it in any case."""
    told = f"done by hand by {step.by} ({step.reason})"
    if leave or step.planned.section == "finally":
        yield replace(base, verdict="skip", reason=f"stays as it is, {told}{f': {leave}' if leave else ''}")
        return
    yield by_hand(base, step)
    yield replace(base, verdict="skip", reason=f"{BY_HAND} by {step.by} ({step.reason}), so take it back by hand")


def _declared_undo(step: StepRun, planner: Planner) -> StepUndo | None:
    """Find the `undo:` that the runbook gives the step; for a step of an undo, the one of its own undo steps."""
    if step.address in planner.uses:
        return planner.uses[step.address].step.undo
    undone = planner.uses.get(step.planned.undo_of)
    if undone is None or undone.step.undo is None:
        return None
    return next((own.undo for own in undone.step.undo.steps if own.id == step.planned.id), None)


def changed_by(step: StepRun) -> tuple[Action[Any], Change[Any]]:
    """Give what a step was, and what it changed."""
    kind = action_type(step.planned.kind)
    action = build(kind, step.arguments if step.arguments is not None else step.planned.arguments)
    ops = tuple(decode_op(op) for op in step.ops)
    return action, Change(build(action.state, step.before), build(action.state, step.after), ops)


def _outline(step: StepRun) -> PlannedStep:
    planned = step.planned
    return PlannedStep(
        address=f"undo/{step.address}",
        id=planned.id,
        name=f"Undo: {planned.name}",
        kind=planned.kind,
        verdict="unknown",
        phase=planned.phase,
        targets=planned.targets,
        arguments=step.arguments if step.arguments is not None else planned.arguments,
        undo_of=step.address,
        effect=planned.effect,
        place=planned.place,
        stage=planned.stage,
        environment=planned.environment,
    )


def reversed_step(
    base: PlannedStep,
    step: StepRun,
    changed: tuple[Action[Any], Change[Any]],
    goal: AnyState,
    planner: Planner,
    projection: Projection,
) -> Iterator[PlannedStep]:
    """Yield the way from what *step* changed to *goal*, as *base*; first a question, where others changed it since."""
    action, change = changed
    # What the undo of a later step leaves is what this step had left.
    found = change.after if projection.touches(action) else action.probe_for(projection.over(planner.read), goal)
    names = compared_fields(action.state)
    since = _changed(encode(change.after), encode(found), names)
    if since and not step.done and rest_of(action, found, change.after, step) is not None:
        since = ()  # nobody changed it: the step itself came no further
    if since and _changed(encode(goal), encode(found), names):
        yield overwriting(base, since)
    planned = with_change(base, action, change_of(action, found, None, goal), None, planner.pool.shown, compared=names)
    if planned.ops:
        projection.add(base.address, action, goal)
    else:
        planned = replace(planned, verdict="noop", reason="it is as it was before")
    yield replace(planned, goal=encode(goal), details=(*planned.details, *_since(since)))


def _changed(wanted: dict[str, Any], found: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return changed_fields({name: wanted[name] for name in names}, {name: found[name] for name in names})


def _since(since: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{_SINCE}{line}" for line in since)


def own_steps(
    step: StepRun, planner: Planner, steps: tuple[Step, ...], projection: Projection
) -> Iterator[PlannedStep]:
    """Yield the undo *steps* that the runbook gives *step*; questions before, where it may not be done."""
    use = planner.uses[step.address]
    doubted = step.unsure and use.step.on_doubt == "ask"
    for own in steps:
        inner = use.way_back(own)
        planned = plan_use(inner, planner.common(), projection, planner.desk)
        planner.uses[inner.address] = inner
        planned = replace(planned, undo_of=step.address, name=f"Undo: {own.name or own.id}")
        if planned.writes:
            planned = replace(planned, undo="reverse", undo_reason=f"{step.address} is carried out again")
        if doubted and counts_once(planned):
            yield unsure(planned)
        yield planned
