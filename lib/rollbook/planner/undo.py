"""The way back: a run's finished changes, last to first, as a Plan of the same type for the same engine."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ..action import Action, AnyState, Change, Leave, Question, Refuse, Reverse, compared_fields
from ..errors import NotFoundError, UndoRefused
from ..plan import Plan, PlannedStep, changed_fields
from ..registry import action_type
from ..run import Run, StepRun
from ..runbook import Step, StepUndo
from ..schema import build, encode
from ..undos import Earlier
from .planner import Planner
from .progress import rest_of
from .projection import Projection
from .scope import Known
from .step import change_of, decode_op, plan_use, with_change

CHANGED: Final = ("changed", "recovered", "failed", "unreachable", "in_doubt", "running")
"""Statuses of steps that may have changed something."""
SURE: Final = "/sure"
"""Ends the address of the question that comes before a step that goes back over a later change."""


def plan_back(run: Run, planner: Planner, *, to: str = "", earlier: Mapping[str, Earlier]) -> Plan:
    """
    Plan how to take back what *run* changed, last step first, down to the step *to*, which stays.

    *earlier* are steps, by address, that undos before began. Raises `UndoRefused` naming every change in the way that
    cannot be taken back.
    """
    wanted = _wanted(run, to)
    planner.follow(run.plan, {step.address: Known.of(step) for step in run.steps if step.done})
    refused: dict[str, str] = {}
    steps: list[PlannedStep] = []
    projection = Projection()
    for step in wanted:
        steps += _with_earlier(_back(step, planner, projection, refused), earlier)
    if refused:
        raise refuse_undo(run, refused.values(), to=next(iter(refused)))
    return replace(
        run.plan,
        title=f"Undo of {run.plan.title or run.plan.runbook}",
        steps=(*steps, *(_ends_again(run, steps) if to else _finally_left(run))),
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


def _with_earlier(way: Iterable[PlannedStep], earlier: Mapping[str, Earlier]) -> Iterator[PlannedStep]:
    """Leave out what may be done once only and an undo before did; ask, where nobody knows how far that one came."""
    for planned in way:
        before = earlier.get(planned.address)
        if before is None or not planned.writes or planned.effect != "once" or planned.goal is not None:
            yield planned
        elif before.step.done:
            if before.step.status != "skipped":
                reason = f"run {before.by} did it already, and it may be done once only"
                planned = replace(planned, verdict="skip", reason=reason, ops=(), shown=(), outputs=None)
            yield planned
        else:
            yield doubtful(planned, before.by)
            yield planned


def _ends_again(run: Run, back: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
    """
    Give the `finally` steps of a run that ended for good where an undo in part takes some *back*: it ends by them too.

    What gave something back at the end takes it again for the undo, and nothing else in it would give it back.
    """
    taken = {step.undo_of for step in back if step.writes}
    last = [step for step in run.steps if step.planned.section == "finally" and step.done]
    if run.resumable or taken.isdisjoint(step.address for step in last):
        return ()
    looks = [step for step in last if action_type(step.planned.kind).family in ("fact", "assertion")]
    return tuple(step.planned for step in last if step in looks or step.address in taken)


def _finally_left(run: Run) -> tuple[PlannedStep, ...]:
    """Give the `finally` steps of a run that never ended for good: the undo is its end."""
    if not run.resumable:
        return ()
    begun = {step.address.rpartition("/")[0] for step in run.steps if step.started_at and step.status != "skipped"}
    return tuple(
        replace(step.planned, section="finally")
        for step in run.steps
        if not step.done and (step.planned.section == "finally" or _owed(step.planned, begun))
    )


def _owed(planned: PlannedStep, begun: set[str]) -> bool:
    """Tell whether a step belongs to the end of an include of which a step began."""
    place = planned.address.rpartition("/")[0]
    return planned.section == "closing" and any(f"{one}/".startswith(f"{place}/") for one in begun)


def _wanted(run: Run, to: str) -> list[StepRun]:
    steps = list(run.steps)
    if to:
        places = [index for index, step in enumerate(steps) if to in (step.address, step.planned.id)]
        if not places:
            raise NotFoundError(f"Run {run.id} has no step {to!r}.", advice="`status RUN` lists its steps.")
        steps = steps[places[-1] + 1 :]
    changed = [
        step for step in steps if ((step.status in CHANGED or _passed_over(step)) and step.ops) or done_by_hand(step)
    ]
    return sorted(changed, key=lambda step: step.started_at or run.started_at, reverse=True)


def _passed_over(step: StepRun) -> bool:
    """Tell whether somebody went past a step that had begun."""
    return step.status == "skipped" and bool(step.starts)


def done_by_hand(step: StepRun) -> bool:
    """Tell whether somebody said to have done a step that would have changed something."""
    return step.adopted_at is not None and step.planned.changes


def _back(step: StepRun, planner: Planner, projection: Projection, refused: dict[str, str]) -> Iterator[PlannedStep]:
    base = _outline(step)
    if done_by_hand(step):
        reason = f"stays as it is: done by hand by {step.by} ({step.reason}), so take it back by hand"
        yield replace(base, verdict="skip", reason=reason)
        return
    action, change = changed_by(step)
    own = _declared_undo(step, planner)
    if own is not None and own.leave:
        decision: Reverse[Any] | Leave | Refuse = Leave(own.leave)
    elif own is not None and own.refuse:
        decision = Refuse(own.refuse)
    elif own is not None:
        yield from _own_steps(step, planner, own.steps, projection)
        return
    else:
        decision = action.undo(change)
    match decision:
        case Leave(reason=reason):
            yield replace(base, verdict="skip", reason=f"stays as it is: {reason}")
        case Refuse(reason=reason) if step.planned.section == "finally":
            yield replace(base, verdict="skip", reason=f"stays as it is: {reason}")
        case Refuse(reason=reason):
            refused[step.address] = f"{step.address} ({step.planned.name}): {reason}"
        case Reverse(goal=goal):
            yield from reversed_step(base, step, (action, change), goal, planner, projection)


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
        downtime={"begins": "ends", "ends": "begins"}.get(planned.downtime, ""),  # type: ignore[arg-type]  # a closed set
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
        yield _question(base, since)
    planned = with_change(base, action, change_of(action, found, None, goal), None, planner.pool.shown, compared=names)
    if planned.ops:
        projection.add(base.address, action, goal)
    else:
        planned = replace(planned, verdict="noop", reason="it is as it was before")
    yield replace(planned, goal=encode(goal), details=(*planned.details, *_since(since)))


def _changed(wanted: dict[str, Any], found: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return changed_fields({name: wanted[name] for name in names}, {name: found[name] for name in names})


def _since(since: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"changed since the run: {line}" for line in since)


def _question(base: PlannedStep, since: tuple[str, ...]) -> PlannedStep:
    text = (
        f"{base.undo_of} was changed by somebody since the run ({'; '.join(since)}). Go back all the same, losing that?"
    )
    return _confirmed(base, "Decide whether to go back over a later change", text)


def doubtful(base: PlannedStep, by: str) -> PlannedStep:
    """Give the question before a step that the run *by* began and that may be done once only."""
    return _confirmed(
        base,
        "Decide whether to do again what may have been done",
        f"Run {by} began {base.address} and was given up; nobody knows how far that came, and it may be done once "
        f"only. Do it now? (If it was done: `resume` with --mark-done {base.address}.)",
    )


def _confirmed(base: PlannedStep, name: str, text: str) -> PlannedStep:
    """Give a question that comes before the step *base*."""
    confirm = build(action_type("human.confirm"), {"text": text})
    return PlannedStep(
        address=f"{base.address}{SURE}",
        id=f"{base.id}-sure",
        name=name,
        kind="human.confirm",
        verdict="ask",
        phase=base.phase,
        arguments=encode(confirm),
        prompt=encode(confirm.prompt()) if isinstance(confirm, Question) else None,
        undo_of=base.undo_of,
        undo_reason="an answer stays given",
    )


def _own_steps(
    step: StepRun, planner: Planner, steps: tuple[Step, ...], projection: Projection
) -> Iterator[PlannedStep]:
    use = planner.uses[step.address]
    for own in steps:
        address = f"undo/{step.address}/{own.id}"
        # Also those of a `finally` step come in their order: the run's end is the beginning of its undo.
        inner = replace(use, step=own, address=address, place="", section="steps")
        planned = plan_use(inner, planner.common(), projection, planner.desk)
        planner.uses[address] = inner
        planned = replace(planned, undo_of=step.address, name=f"Undo: {own.name or own.id}")
        if planned.writes:
            planned = replace(planned, undo="reverse", undo_reason=f"{step.address} is carried out again")
        yield planned
