"""One step planned: from its place in a runbook to what it will do, read from the real systems."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

from ..action import (
    Action,
    AnyState,
    Assertion,
    Change,
    Fact,
    Leave,
    Question,
    Readers,
    Refuse,
    Reverse,
    compared_fields,
    identity_fields,
)
from ..command import require_whole
from ..errors import NotFoundError, RefusedError, RollbookError, SchemaError
from ..expressions import condition, render
from ..ops import Command, Op
from ..parse import parse_output
from ..plan import OWN_STEPS, PlannedStep, UndoKind
from ..registry import action_type
from ..schema import build, encode, parse_duration
from ..values import Plain, Unknown, unknowns
from .arguments import absent_targets, named_targets, rendered_arguments
from .projection import Projection
from .scope import Use, unknown_outputs, with_unknowns

_UNDO: Final[Mapping[type, UndoKind]] = {Reverse: "reverse", Leave: "leave", Refuse: "refuse"}


class Desk(NamedTuple):
    """What steps are planned with: what reads, who answers, how an op is *shown* as it is sent."""

    read: Readers
    answer: Callable[[Use, Question], Plain | None]
    shown: Callable[[Op], tuple[str, ...]]


def plan_use(
    use: Use, common: Mapping[str, Plain], projection: Projection, desk: Desk, *, estimate: float | None = None
) -> PlannedStep:
    """
    Plan one use of a step: render, probe, decide; writes nothing.

    Raises `RefusedError` when a fact forbids the run, and any error of a probe, both naming the step.
    """
    try:
        return _plan(use, common, projection, desk, estimate)
    except SchemaError as error:
        raise RefusedError(
            f"{_where(use)}: its arguments do not fit:\n{error}",
            advice="Correct what it is given: the inputs (--set), the inventory's vars, or the step itself.",
        ) from error
    except RollbookError as error:
        error.message = f"{_where(use)}: {error.message}"
        raise


def _where(use: Use) -> str:
    return f"step {use.address}" + (f" ({use.step.place})" if use.step.place else "")


def _plan(
    use: Use, common: Mapping[str, Plain], projection: Projection, desk: Desk, estimate: float | None
) -> PlannedStep:
    names = use.names(common)
    taking_part = takes_part(use, names)
    planned = outline(use, estimate)
    if isinstance(taking_part, Unknown):
        return unknown(planned, use, f"whether it takes part is {taking_part}")
    if taking_part:
        return replace(planned, verdict="skip", reason=taking_part, outputs=None)
    kind = action_type(use.step.kind)
    arguments = rendered_arguments(use, kind, names)
    targets = named_targets(kind, arguments)
    absent = absent_targets(use, targets, desk.read)
    first = None if absent else next(unknowns(arguments), None)
    if not absent and (first is None or _accepts_unknown(first)):
        return _judged(plan_action(planned, build(kind, arguments), targets, use, projection, desk), use, names)
    planned = replace(planned, arguments=encode(arguments), targets=targets)
    if absent:
        return replace(planned, verdict="skip", reason=f"the environment has no target {', '.join(absent)}")
    if kind.family in ("state", "artefact"):
        projection.blur(use.address, targets)
    return unknown(planned, use, f"an argument is {first}")


def _judged(planned: PlannedStep, use: Use, names: Mapping[str, Plain]) -> PlannedStep:
    """Leave unknown what a command gave that was read while planning, where its step would not take that yet."""
    if planned.verdict != "read" or action_type(planned.kind).family != "command":
        return planned
    told = {**names, "outputs": with_unknowns(planned.outputs)}
    for expression, wanted in ((use.step.fail_when, False), (use.step.until, True)):
        if expression and condition(expression, told) is not wanted:
            why = f"what it gives is not known yet: {'until' if wanted else 'fail_when'}: {expression}"
            outputs = encode(unknown_outputs(use.step.id))
            return replace(planned, outputs=outputs, details=(*planned.details, why))
    return planned


def _accepts_unknown(value: Unknown) -> bool:
    return value.source in ("run.id", "run.now")


def outline(use: Use, estimate: float | None = None) -> PlannedStep:
    """Give what is known of a step before anything is rendered or read."""
    step = use.step
    return PlannedStep(
        address=use.address,
        id=step.id,
        name=step.name or step.id,
        kind=step.kind,
        verdict="unknown",
        section=use.section,
        phase=use.phase,
        approvers=step.approve.names if step.approve else (),
        quorum=step.approve.quorum if step.approve else 0,
        downtime=step.downtime,
        estimate=estimate,
        group=use.group,
        place=step.place,
        effect=step.effect or "idempotent",
        stage=use.scope.heading,
        environment=use.scope.environment.name,
    )


def unknown(planned: PlannedStep, use: Use, reason: str) -> PlannedStep:
    """Plan a step as not knowable yet; so are its outputs."""
    return replace(planned, verdict="unknown", reason=reason, outputs=encode(unknown_outputs(use.step.id)))


def takes_part(use: Use, names: Mapping[str, Plain]) -> str | Unknown:
    """Say why the step takes no part: empty when it does, `Unknown` when that cannot be told yet."""
    if not use.step.when:
        return ""
    holds = condition(use.step.when, names)
    if isinstance(holds, Unknown):
        return holds
    return "" if holds else f"when: {use.step.when} does not hold"


def plan_action(
    planned: PlannedStep,
    action: Action[Any],
    targets: tuple[str, ...],
    use: Use,
    projection: Projection,
    desk: Desk,
) -> PlannedStep:
    """Plan a step whose action is fully known; *planned* is its outline."""
    own = _Own(targets, encode(action), binding_fields(action), action.effect())
    match action:
        case Question():
            return _plan_question(replace(planned, **own._asdict()), action, use, desk)
        case Assertion():
            shown = (*action.describe().splitlines(), *action.foretell(desk.read))
            outputs = encode(unknown_outputs(use.step.id))
            return replace(
                planned, verdict="read", reason="looked at in its turn", details=shown, outputs=outputs, **own._asdict()
            )
    before, maker = projection.before(action)
    if maker:
        projection.hide(use.address, action)
        return unknown(replace(planned, **own._asdict()), use, f"known after step {maker}")
    if before is None:
        before = action.probe(projection.over(desk.read))
        load = projection.foreseen(action)
        planned = replace(planned, reason=f"as step {load} will leave it") if load else planned
    if isinstance(action, Fact):
        refuse(action, before)
    change = change_of(action, before, use)
    if change.ops and not _is_blind(action, own.compared, change):
        projection.add(use.address, action, change.after, change.ops)
    return with_change(planned, action, change, use, desk.shown, **own._asdict())


class _Own(NamedTuple):
    """What a planned step has of its action alone."""

    targets: tuple[str, ...]
    arguments: Plain
    compared: tuple[str, ...]
    effect: Literal["read", "idempotent", "once"]


def _is_blind(action: Action[Any], compared: tuple[str, ...], change: Change[Any]) -> bool:
    """Tell whether nothing shows that a command was run: then the same command again is run again."""
    return action.family == "command" and all(getattr(change.before, name, None) is None for name in compared)


def binding_fields(action: Action[Any]) -> tuple[str, ...]:
    """Name the fields of the action's state that bind: for a fact those of its identity only."""
    return identity_fields(action.state) if action.family == "fact" else compared_fields(action.state)


def refuse(fact: Fact[Any], state: AnyState) -> None:
    """Raise `RefusedError` when what a fact read forbids the run."""
    reason = fact.refusal(state)
    if isinstance(reason, RefusedError):
        raise reason
    if reason:
        raise RefusedError(reason)


def change_of(action: Action[Any], before: AnyState, use: Use | None, goal: AnyState = None) -> Change[Any]:
    """Compute the change from *before*: to *goal* in an undo, else to what the action desires."""
    after = action.desired(before) if goal is None else goal
    ops = action.ops(before, after)
    return Change(before, after, tuple(with_keywords(op, use) for op in ops) if use else ops)


def with_keywords(op: Op, use: Use) -> Op:
    """Give a command the step's time limit where it has none of its own."""
    if isinstance(op, Command) and op.timeout is None and use.step.timeout is not None:
        return replace(op, timeout=seconds_of(use.step.timeout))
    return op


def seconds_of(duration: timedelta | str) -> float:
    """Give a step's duration in seconds."""
    return (duration if isinstance(duration, timedelta) else parse_duration(duration)).total_seconds()


def with_change(
    planned: PlannedStep,
    action: Action[Any],
    change: Change[Any],
    use: Use | None,
    shown: Callable[[Op], tuple[str, ...]],
    **own: Plain,
) -> PlannedStep:
    """Fill in a planned step from its change; *own* is what else is known of it by then."""
    undo, reason = undo_of(action, change, use)
    verify = [f"afterwards: {check.name or check.id} ({check.kind})" for check in use.step.verify] if use else []
    verdict = action.verdict(change)
    step_id = use.step.id if use else planned.id
    has_result = action.family == "command" and bool(change.ops)
    outputs = unknown_outputs(step_id) if has_result else _named_after(step_id, read_outputs(action, change, use))
    # Commands are shown as they are sent: behind a prefix, on another host.
    show = shown if any(isinstance(op, Command) for op in change.ops) else _render
    return replace(
        planned,
        verdict=verdict,
        before=encode(change.before),
        after=encode(change.after),
        ops=tuple(encode_op(op) for op in change.ops),
        shown=tuple(line for op in change.ops for line in show(op)),
        details=(*action.details(change), *verify),
        outputs=encode(outputs),
        undo=undo,
        undo_reason=reason,
        **own,
    )


def read_outputs(action: Action[Any], change: Change[Any], use: Use | None) -> dict[str, Plain]:
    """Give the outputs of what needs no write; of a command that was only read, what the step's `parse:` makes too."""
    outputs = dict(action.outputs(change.after, ()))
    if use and action.family == "command" and action.verdict(change) == "read":
        require_whole(outputs, use.step)
        if use.step.parse is not None:
            outputs["value"] = parse_output(use.step.parse, str(outputs.get("stdout", "")))
    return outputs


def _named_after(step_id: str, outputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Say of each output that is not known yet after which step it is, which an action cannot tell."""
    found = dict(with_unknowns(outputs))
    for name, value in found.items():
        if isinstance(value, Unknown) and not value.source.startswith("run."):
            found[name] = Unknown(f"steps.{step_id}.outputs.{name}")
    return found


def _render(op: Op) -> tuple[str, ...]:
    return op.render()


def undo_of(action: Action[Any], change: Change[Any], use: Use | None) -> tuple[UndoKind, str]:
    """Say how an undo would treat the change, the step's own `undo:` first."""
    own = use.step.undo if use else None
    if own is not None:
        if own.leave:
            return "leave", own.leave
        if own.refuse:
            return "refuse", own.refuse
        return "reverse", f"{OWN_STEPS}: " + "; ".join(step.name or step.id for step in own.steps)
    if not change.ops:
        return "leave", "nothing is changed"
    decision = action.undo(change)
    return _UNDO[type(decision)], decision.reason


def encode_op(op: Op) -> Plain:
    """Write an op as JSON, with its kind."""
    return {"op": op.op, **encode(op)}


def decode_op(content: Mapping[str, Plain]) -> Op:
    """Read an op back. Raises `NotFoundError` for a kind that no loaded action brought."""
    rest = dict(content)
    name = rest.pop("op")
    if name not in Op.kinds:
        raise NotFoundError(f"There is no kind of op {name!r}.", advice="Is the package that brought it installed?")
    return build(Op.kinds[name], rest)


def _plan_question(planned: PlannedStep, action: Question, use: Use, desk: Desk) -> PlannedStep:
    prompt = encode(action.prompt())
    value = desk.answer(use, action)
    outputs: Plain = encode(unknown_outputs(use.step.id))
    if value is not None:  # by whom, when and why is known once it is given
        later = {name: Unknown(f"steps.{use.step.id}.outputs.{name}") for name in ("by", "at", "reason")}
        outputs = encode({"value": value, **later})
    return replace(
        planned,
        verdict="ask",
        prompt=prompt,
        outputs=outputs,
        assumed=value is not None,
        undo_reason="an answer stays given",
    )


def loop_items(use_loop: Plain, names: Mapping[str, Plain]) -> Sequence[Plain] | Unknown:
    """Render a step's `loop:`. Raises `RefusedError` when it is no list."""
    items = render(use_loop, names)
    if isinstance(items, Unknown):
        return items
    if not isinstance(items, list | tuple):
        raise RefusedError(f"loop: expected a list, found {items!r}.")
    return items
