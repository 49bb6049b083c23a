"""The plan as an operator reads it: the same text for `plan`, for `--dry-run` and before a run is agreed to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Final

from ..action import Verdict
from ..plan import SYMBOLS, Plan, PlannedStep, answer_to, heading_of, shown
from ..report.wording import visible
from ..values import Plain
from .beginning import begins_at
from .boundary import Boundary, Site, boundaries
from .changeview import change_lines, fields
from .planfoot import VERDICT_WORDS, approval, summary
from .screen import Screen
from .words import about, answer_shown, instant, one_line

_STYLES: Final[Mapping[Verdict, tuple[str, ...]]] = {
    "read": ("cyan",),
    "noop": ("dim",),
    "create": ("green", "bold"),
    "update": ("yellow", "bold"),
    "delete": ("red", "bold"),
    "run": ("yellow", "bold"),
    "ask": ("magenta", "bold"),
    "unknown": ("blue", "bold"),
    "skip": ("dim",),
}
_LABEL: Final = 11
_PROTECTED: Final = "PROTECTED"
_FACTS: Final = 8
_CHOICES: Final = 5


def plan_lines(plan: Plan, screen: Screen, *, sites: Mapping[str, Site] | None = None) -> Iterator[str]:
    """Yield the whole plan, without a trailing newline on any line."""
    yield from _heading(plan, screen)
    yield from step_lines(plan.steps, plan, screen, sites=sites)
    yield from summary(plan, screen)


def _heading(plan: Plan, screen: Screen) -> Iterator[str]:
    title = plan.title or plan.runbook
    for line in screen.wrap(visible(title if plan.undo_of else f"Plan: {title}")):
        yield screen.paint(line, "bold")
    yield screen.paint("─" * screen.width, "dim")
    for label, value in _facts(plan):
        if label == "environment" and plan.protected:
            yield f"{label:<13}{visible(value)}  {screen.paint(_PROTECTED, 'red', 'bold')}"
            continue
        yield from screen.wrap(visible(value), first=f"{label:<13}", rest=" " * 13)


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "playbook" if plan.playbook else "runbook", plan.runbook + (f" (owner: {plan.owner})" if plan.owner else "")
    if plan.undo_of:
        yield "takes back", f"run {plan.undo_of}"
    yield "environment", plan.environment
    if others := [name for name in plan.environments if name != plan.environment]:
        told = (f"{name} ({_PROTECTED})" if plan.environments[name] else name for name in others)
        yield "", f"and in stages: {', '.join(told)}"
    inputs = dict(plan.inputs or {})
    given = [f"{name} = {shown(value)}" for name, value in inputs.items() if value not in (None, "", [])]
    left = [name for name, value in inputs.items() if value in (None, "", [])]
    for index, line in enumerate((*given, *([f"not given: {', '.join(left)}"] if left else []))):
        yield ("" if index else "inputs"), line
    asked = {name for step in plan.steps for name in (step.address, step.id)}
    answers = {name: f"{name} = {answer}" for name, answer in plan.answers.items()}
    yield from _listed("answers", (told for name, told in answers.items() if name in asked or not plan.undo_of))
    # What the run that is taken back was answered is what its steps were made with; nobody is asked it now.
    yield from _listed("answered", (told for name, told in answers.items() if name not in asked and plan.undo_of))
    if plan.lock:
        yield "lock", plan.lock + (f" ({plan.lock_scope})" if plan.lock_scope else "")
    for index, lock in enumerate(plan.locks):
        yield ("" if plan.lock or index else "locks"), f"{lock.name}, in {lock.environment} ({lock.scope})"
    for index, (name, identity) in enumerate(plan.identities.items()):
        yield ("" if index else "systems"), f"{name}: " + ", ".join(f"{key} {value}" for key, value in identity.items())
    if plan.until:
        yield "until", f"stops after step {plan.until}"
    yield "planned", " by ".join(part for part in (_when(plan.made_at), plan.made_by) if part) or "now"
    yield "digest", plan.digest[:12]


def _listed(label: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(lines):
        yield ("" if index else label), line


def _when(text: str) -> str:
    return instant(datetime.fromisoformat(text)) if text else ""


def step_lines(
    steps: tuple[PlannedStep, ...], plan: Plan, screen: Screen, *, sites: Mapping[str, Site] | None = None
) -> Iterator[str]:
    """Yield the steps under their stages and phases; *plan* tells what comes before the first of them."""
    after = boundaries(plan.steps, sites or {}, plan.passed, begins_at(plan, sites or {}))
    stage = ("", "")
    own = {step.address for step in plan.steps}
    for (*place, section, phase), group in groupby(steps, key=_heading_of):
        title = phase or ("At the end, however it ends" if section == "finally" else "")
        yield ""
        if stage != tuple(place):
            stage = (place[0], place[1])
            yield from _stage(*stage, plan, screen)
        if title:
            yield screen.paint(visible(title), "bold")
        for step in group:
            given = answer_to(step.address, step.id, plan.answers, own) is not None
            yield from one_step(step, screen, after.get(step.address), given=given)


def _heading_of(step: PlannedStep) -> tuple[str, str, str, str]:
    return *heading_of(step.stage, step.environment), step.section, step.phase


def _stage(stage: str, environment: str, plan: Plan, screen: Screen) -> Iterator[str]:
    """Yield the heading of a stage, with where it is carried out."""
    where = f", in {environment}" if environment else ""
    mark = f"  {screen.paint(_PROTECTED, 'red', 'bold')}" if plan.environments.get(environment) else ""
    *lines, last = screen.wrap(visible(f"{stage}{where}"), first="━━ ", rest="   ")
    yield from (screen.paint(line, "bold") for line in lines)
    yield f"{screen.paint(last, 'bold')}{mark}"


def one_step(step: PlannedStep, screen: Screen, after: Boundary | None = None, *, given: bool = False) -> Iterator[str]:
    """Yield the lines of one step; *given* tells that its answer was given beforehand."""
    symbol = screen.paint(SYMBOLS[step.verdict], *_STYLES[step.verdict])
    address = screen.paint(visible(step.address), "bold" if step.verdict != "skip" else "dim")
    title = visible(step.name) if step.name != step.id else ""
    plain = f"  {SYMBOLS[step.verdict]} {visible(step.address)}"
    first, *more = screen.wrap(title, first=f"{plain}  " if title else plain, rest=" " * 6)
    yield from (f"  {symbol} {address}{first.removeprefix(plain)}", *more)
    for label, lines in _parts(step, screen, after, given=given):
        for index, line in enumerate(lines):
            yield f"      {screen.paint(f'{label:<{_LABEL}}', 'dim') if not index else ' ' * _LABEL}{line}"


def _parts(
    step: PlannedStep, screen: Screen, after: Boundary | None, *, given: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "does", _wrapped(screen, _does(step))
    if step.reason:
        yield "why", _wrapped(screen, step.reason)
    if step.verdict == "skip":
        return
    yield "change", tuple(change_lines(step, _narrower(screen)))
    if step.prompt is not None:
        yield "asks", tuple(_question(step, screen, given=given))
    yield _details_label(step), tuple(_details(step, screen))
    yield "sends", tuple(part for line in step.shown for part in _sent(line, screen))
    if step.approvers or step.quorum:
        yield "approval", _wrapped(screen, approval(step.approvers, step.quorum))
    if step.downtime:
        yield "downtime", (f"{step.downtime} here",)
    if step.writes and step.verdict != "unknown":
        yield "undo", _wrapped(screen, _undo(step))
    if step.estimate is not None:
        yield "takes", (f"{about(step.estimate)}, as in earlier runs",)
    if after is not None and (step.writes or step.downtime or not after.calm):
        yield "afterwards", _wrapped(screen, str(after))


def _does(step: PlannedStep) -> str:
    on = f" on {', '.join(step.targets)}" if step.targets else ""
    word = VERDICT_WORDS[step.verdict]
    if not step.kind:
        return f"steps of another runbook: {word}"
    once = "; may be run once only" if step.effect == "once" and step.writes else ""
    return f"{step.kind}{on}: {word}{once}"


def _narrower(screen: Screen) -> Screen:
    return Screen(max(40, screen.width - 6 - _LABEL), screen.colour, screen.terminal)


@lru_cache(maxsize=64)  # most steps of a plan share what they do, and how they are taken back
def _wrapped(screen: Screen, text: str) -> tuple[str, ...]:
    return tuple(_narrower(screen).wrap(visible(text)))


def _details_label(step: PlannedStep) -> str:
    if step.verdict != "read":
        return "detail"
    return "found" if step.before is not None else "looks at"


def _details(step: PlannedStep, screen: Screen) -> Iterator[str]:
    for line in step.details:
        indent = " " * (len(line) - len(line.lstrip()))
        yield from _narrower(screen).wrap(visible(line.strip()), first=indent, rest=f"{indent}  ")
    if step.details or step.verdict != "read":
        return
    found = [(name, value) for name, value in fields(step.before) if value not in (None, "", [], {})]
    for name, value in found[:_FACTS]:
        yield from _narrower(screen).wrap(visible(f"{name}: {shown(value)}"), rest="  ")
    if len(found) > _FACTS:
        yield f"and {len(found) - _FACTS} more fields"


def _sent(text: str, screen: Screen) -> Iterator[str]:
    for line in visible(text).splitlines() or [""]:
        indent = " " * (len(line) - len(line.lstrip()))
        yield from _narrower(screen).wrap(line.strip(), first=indent, rest=f"{indent}    ", exact=True)


def _undo(step: PlannedStep) -> str:
    match step.undo:
        case "reverse":
            return step.undo_reason or "puts back what was there before"
        case "leave":
            return f"leaves it: {step.undo_reason or 'nothing to take back'}"
    return f"REFUSED, cannot be taken back: {step.undo_reason}"


def _question(step: PlannedStep, screen: Screen, *, given: bool) -> Iterator[str]:
    prompt: Plain = step.prompt
    yield from _wrapped(screen, shown(prompt.get("text", ""), limit=2000))
    names = tuple(prompt.get("names") or ())
    if names or prompt.get("kind") == "approve":
        yield from _wrapped(screen, f"answered by {approval(names, prompt.get('quorum', 1))}")
    for item in prompt.get("items") or ():
        yield from _narrower(screen).wrap(visible(shown(item)), first="[ ] ", rest="    ")
    choices = prompt.get("choices") or ()
    if isinstance(choices, dict):
        choices = ()
    yield from _choices(choices, _narrower(screen).width)
    if step.assumed and isinstance(step.outputs, dict):
        why = "given beforehand" if given else "assumed; asked in the run"
        yield from _wrapped(screen, f"planned on {_told(step.outputs.get('value'), choices)} ({why})")
    elif prompt.get("has_default"):
        yield from _wrapped(screen, f"default: {_told(prompt.get('default'), choices)}")


def _choices(choices: Sequence[Plain], width: int) -> Iterator[str]:
    # Asked for real, all are shown whole; here they would bury the changes under what was found above.
    most = _CHOICES if len(choices) > _CHOICES + 1 else len(choices)
    for number, choice in enumerate(choices[:most], 1):
        detail = f"  ({choice['detail']})" if choice.get("detail") else ""
        lead = f"{number:>{len(str(most))}}. "
        yield lead + one_line(visible(f"{choice['label']}{detail}"), width - len(lead))
    if most < len(choices):
        yield f"and {len(choices) - most} more of {len(choices)}; all are shown when it is asked"


def _told(value: Plain, choices: Sequence[Plain]) -> str:
    """Say an answer as its choice does, with the number that may be typed for it."""
    for number, choice in enumerate(choices, 1):
        if choice.get("value") == value:
            return f"{number}. {choice['label']}"
    return answer_shown(value)
