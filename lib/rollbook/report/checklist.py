"""A runbook or playbook as a Markdown checklist, for the day when it has to be done by hand."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from textwrap import indent

from ..plan import DECIDE, shown
from ..registry import action_type
from ..runbook import Input, Runbook, Stage, Step
from ..values import Plain
from .escaping import block, cell, code, item, row, table, text
from .wording import duration

DEPTH = 8
_MARKUP = frozenset("`<>[]*\\|\n\r\t") | frozenset(map(chr, range(32)))
COMMANDS = ("command", "commands", "sql", "query", "statement", "statements", "script")


def to_checklist(runbook: Runbook) -> str:
    """Give *runbook* as a checklist: inputs, targets, then a box to tick for each step, a heading for each stage."""
    parts = [
        *_header(runbook),
        *_inputs(runbook.inputs),
        *_targets(runbook),
        *_steps(
            runbook,
            tuple(step for step in runbook.steps if step.stage is None),
            DECIDE if runbook.playbook else "Steps",
        ),
        *(line for step in runbook.steps if step.stage is not None for line in _stage(runbook, step, step.stage)),
        *_steps(runbook, runbook.finally_, "At the very end, whatever happened"),
    ]
    kept = [part for before, part in zip(("", *parts), parts, strict=False) if part or before]
    return "\n".join(kept).rstrip("\n") + "\n"


def _header(runbook: Runbook) -> Iterator[str]:
    yield from (f"# {text(runbook.title or runbook.name)}", "")
    if runbook.summary:
        yield from (item(runbook.summary), "")
    yield f"- **{'Playbook' if runbook.playbook else 'Runbook'}:** {code(runbook.name)}"
    if runbook.owner:
        yield f"- **Owner:** {text(runbook.owner)}"
    if runbook.lock:
        yield f"- **Lock:** nobody else may be at work on {code(runbook.lock)}"
    yield from ("- **Done by, on (UTC):** ____________________", "")


def _inputs(inputs: Mapping[str, Input]) -> Iterator[str]:
    if not inputs:
        return
    yield from ("## Inputs", "", *table("Input", "Type", "Value", "Meaning"))
    for name, part in inputs.items():
        kind = part.type + ("" if part.required else ", optional") + (", secret" if part.secret else "")
        default = text(f"default {shown(part.default)}") if part.default is not None else "________"
        choices = f"one of: {', '.join(map(shown, part.choices))}" if part.choices else ""
        pattern = f"must match {part.pattern}" if part.pattern else ""
        told = "; ".join(one for one in (part.help, choices, pattern) if one)
        yield row(cell(name), kind, default, text(told))
    yield ""


def _targets(runbook: Runbook) -> Iterator[str]:
    if not runbook.targets:
        return
    yield from ("## Targets", "", *table("Target", "Kind", "Meaning"))
    for name, need in runbook.targets.items():
        yield row(
            cell(name), text(need.kind or "of any kind") + (", optional" if need.optional else ""), text(need.help)
        )
    yield ""


def _steps(runbook: Runbook, steps: Sequence[Step], title: str) -> Iterator[str]:
    if not steps:
        return
    yield from (f"## {title}", "")
    phase = ""
    for step in steps:
        if step.phase != phase:
            phase = step.phase
            yield from ("", f"### {text(phase or 'Then')}", "")
        yield from _step(runbook, step, 0)
        yield ""


def _stage(runbook: Runbook, step: Step, stage: Stage) -> Iterator[str]:
    """Give a stage: its runbook's steps under a heading of their own, phases as lines, once for all environments."""
    included = runbook.includes[step.include]
    yield from (f"## Stage: {text(step.name)}", "", f"- **Runbook:** {code(step.include)}")
    if stage.environments:
        yield f"- **Environment:** in each of {code(shown(stage.environments))}, one after the other"
    if included.lock:
        yield f"- **Lock:** nobody else may be at work on {code(included.lock)}"
    if stage.urgent:
        yield "- **Urgent:** do it before looking at anything that comes later"
    yield from (*_before(step), *_arguments(step))
    if step.on_failure != "stop":
        yield f"- If it fails: {step.on_failure}"
    yield ""
    if stage.gate is not None:
        yield from (*_step(runbook, stage.gate, 0), "")
    for inner in (*included.steps, *included.finally_):
        yield from (*_step(included, inner, 0), "")


def _step(runbook: Runbook, step: Step, depth: int) -> Iterator[str]:
    pad = "  " * depth
    label = code(step.kind or f"include {step.include}")
    yield f"{pad}- [ ] **{text(step.name or step.id)}** ({code(step.id)}: {label})"
    lines = [*_before(step), *_by_hand(step), *_arguments(step), *_after(step)]
    for line in lines:
        yield from (f"{pad}  {part}" if part else "" for part in line.split("\n"))
    included = runbook.includes.get(step.include)
    if included is not None and depth < DEPTH:
        for inner in (*included.steps, *included.finally_):
            yield from _step(included, inner, depth + 1)
    for inner in step.verify:
        yield from _step(runbook, inner, depth + 1)
    if step.undo is not None:
        for inner in step.undo.steps:
            yield f"{pad}  - To undo it:"
            yield from _step(runbook, inner, depth + 2)


def _before(step: Step) -> Iterator[str]:
    if step.when:
        yield f"- Only when {code(step.when)}"
    if step.loop is not None:
        yield f"- Once for each of {code(shown(step.loop))}"
    for need in step.requires:
        yield f"- Must hold before: {code(need.that)}" + (f" ({text(need.message)})" if need.message else "")
    if step.approve is not None:
        names = f" of {text(', '.join(step.approve.names))}" if step.approve.names else ""
        yield f"- Needs the approval of {step.approve.quorum}{names}: ____________________"
    if step.downtime == "begins":
        yield "- **Downtime begins here.** Time (UTC): ________"
    where = [f"target {step.target}"] if step.target else []
    where += [f"as {step.run_as}"] if step.run_as else ["as root"] if step.become else []
    if where:
        yield f"- Where: {text(', '.join(where))}"


def _by_hand(step: Step) -> Iterator[str]:
    """Print how a person does it: Markdown of the kind's own, with the step's arguments where they are plain words."""
    told = action_type(step.kind).by_hand.strip() if step.kind else ""
    for name, value in step.arguments.items():
        if isinstance(value, str | int) and not set(str(value)) & _MARKUP:
            told = told.replace(f"<{name}>", str(value))
    if told:
        yield f"- By hand:\n\n{indent(told, '  ')}\n"


def _arguments(step: Step) -> Iterator[str]:
    for name, value in (*step.arguments.items(), *step.inputs.items()):
        if name in COMMANDS or (isinstance(value, str) and "\n" in value.strip()):
            told = _argv(value) if name == "command" and isinstance(value, list) else _command(value)
            yield from (f"- {text(name)}:", "", _deeper(block(told)), "")
        elif name == "items" and isinstance(value, list):
            yield from (f"- {text(name)}:", *(f"  - [ ] {item(shown(one, limit=2000))}" for one in value))
        else:
            yield f"- {text(name)}: {code(shown(value, limit=2000))}"
    for name, value in step.environment.items():
        yield f"- environment {text(name)}: {code(shown(value, limit=2000))}"


def _deeper(content: str) -> str:
    return "\n".join(f"  {line}" for line in content.split("\n"))


def _argv(words: Sequence[Plain]) -> str:
    """Write an argv list as the line that a person types."""
    texts = map(str, words)
    return " ".join(one if one.startswith("{{") and one.endswith("}}") else shlex.quote(one) for one in texts)


def _command(value: Plain) -> str:
    if isinstance(value, list):
        return "\n".join(map(_command, value))  # statements and scripts have a line each
    return value if isinstance(value, str) else shown(value, limit=2000)


def _after(step: Step) -> Iterator[str]:
    if step.fail_when:
        yield f"- It has failed when {code(step.fail_when)}"
    if step.until:
        yield f"- Until {code(step.until)}"
    if step.retries:
        yield f"- May be tried again {step.retries} times, {_period(step.delay)} apart"
    if step.timeout is not None:
        yield f"- Give up after {_period(step.timeout)}"
    if step.on_failure != "stop":
        yield f"- If it fails: {step.on_failure}"
    if step.downtime == "ends":
        yield "- **Downtime ends here.** Time (UTC): ________"
    if step.undo is not None and step.undo.refuse:
        yield f"- **It cannot be undone:** {text(step.undo.refuse)}"
    if step.undo is not None and step.undo.leave:
        yield f"- An undo leaves it: {text(step.undo.leave)}"
    if step.verify:
        yield "- Then make sure:"


def _period(period: timedelta | str) -> str:
    return duration(period.total_seconds()) if isinstance(period, timedelta) else code(period)
