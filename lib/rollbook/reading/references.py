"""What the expressions of a runbook refer to: inputs that are declared, steps that come before."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from typing import Final

from ..dataclass import dataclass
from ..errors import ExpressionError
from ..expressions import dotted, paths_used
from ..schema import Problems
from ..source.document import Path
from ..values import Plain
from .names import nearest_of

NAMES: Final = ("inputs", "vars", "env", "steps", "run", "item")

_BARE: Final = frozenset(("when", "until", "fail_when"))
_NOT_RENDERED: Final = frozenset(("id", "name", "tags", "verify", "undo", "requires", "include", "environments"))


@dataclass(slots=True)
class Scope:
    """
    What expressions may refer to at one place of a runbook.

    *before* maps the steps that came before to the outputs they are known to have (None: not known);
    *places* maps every step of the file to its line, *includes* the steps that are includes to what they include.
    """

    inputs: Collection[str]
    places: Mapping[str, int]
    before: dict[str, frozenset[str] | None] = field(default_factory=dict)
    looped: bool = False
    ended: bool = False
    includes: dict[str, str] = field(default_factory=dict)
    own: str = ""

    def inside(self, own: str = "", *, looped: bool = False, ended: bool = False) -> "Scope":
        """Give the scope of the expressions of the step *own*; *ended* when an attempt is over: they see `outputs`."""
        looped, ended, own = looped or self.looped, ended or self.ended, own or self.own
        return Scope(self.inputs, self.places, self.before, looped, ended, self.includes, own)


def check_step(content: Mapping[str, Plain], path: Path, scope: Scope, after: Scope, problems: Problems) -> None:
    """Check the expressions of one step; *after* is the scope of those that are evaluated when it is done."""
    for key, value in content.items():
        if key in _NOT_RENDERED:
            continue
        check_value(value, (*path, key), after if key in ("until", "fail_when") else scope, problems, bare=key in _BARE)
    required = content.get("requires")
    for number, part in enumerate(required if isinstance(required, list) else ()):
        place: Path = (*path, "requires", number)
        if isinstance(part, dict):
            check_value(part.get("that"), (*place, "that"), scope, problems, bare=True)
            check_value(part.get("message"), (*place, "message"), scope, problems)
        else:
            check_value(part, place, scope, problems, bare=True)


def check_value(value: Plain, path: Path, scope: Scope, problems: Problems, *, bare: bool = False) -> None:
    """Check every expression inside *value*; with *bare*, a text is itself one."""
    for place, text in texts(value, path):
        if not bare and "{{" not in text:
            continue
        try:
            paths = paths_used(text, bare=bare)
        except ExpressionError as error:
            problems.add(place, error.message + (f" {error.advice}" if error.advice else ""))
            continue
        for used in sorted(paths):
            if message := _misfit(used, scope, text):
                problems.add(place, message)


def texts(value: Plain, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text inside *value* with its path; keys are not rendered, so they do not count."""
    match value:
        case str():
            yield path, value
        case dict():
            for key, part in value.items():
                yield from texts(part, (*path, key))
        case list() | tuple():
            for number, part in enumerate(value):
                yield from texts(part, (*path, number))


def _misfit(used: tuple[str, ...], scope: Scope, text: str) -> str:
    """Say what is wrong with the path *used*; empty when nothing is."""
    match used:
        case ("inputs", name, *_):
            return "" if name in scope.inputs else f"there is no input {name!r}{nearest_of(name, scope.inputs)}"
        case ("steps", step_id, *rest):
            return _step_misfit(step_id, rest, scope, text)
        case ("item", *_) if not scope.looped:
            return "item is defined only in a step with loop:"
        case ("outputs", *_):
            return (
                "" if scope.ended else "outputs is defined only in until, fail_when and verify; write steps.ID.outputs"
            )
        case (head, *_) if head not in NAMES:
            return f"{head} is not defined{nearest_of(head, NAMES)}"
    return ""


def _step_misfit(step_id: str, rest: list[str], scope: Scope, text: str) -> str:
    if step_id not in scope.before:
        if step_id == scope.own:
            own = dotted(tuple(rest)) if scope.ended and rest[:1] == ["outputs"] else ""
            seen = f": write {own}" if own else ": only until, fail_when and verify see its outputs"
            return f"the step {step_id!r} is this one{seen}"
        if step_id in scope.places:
            return f"the step {step_id!r} comes later, in line {scope.places[step_id]}: its outputs are not known here"
        for known in scope.places:
            if known.startswith(f"{step_id}-") and f".{known}" in text.replace(" ", ""):
                return f"a step id with a dash is written {dotted(('steps', known))}, since - subtracts"
        return f"there is no step {step_id!r}{nearest_of(step_id, scope.places)}"
    if rest and rest[0] not in ("outputs", "status"):
        more = rest[1:] if rest[0] == "output" else rest
        return f"a step has outputs and status, not {rest[0]!r}: write {dotted(('steps', step_id, 'outputs', *more))}"
    if rest and rest[0] == "outputs" and step_id in scope.includes:
        return (
            f"an include gives no outputs, and the steps inside {scope.includes[step_id]!r} cannot be seen from here: "
            f"read what you need in a step of this runbook, after {step_id!r}"
        )
    outputs = scope.before[step_id]
    if len(rest) < 2 or rest[0] != "outputs" or outputs is None or rest[1] in outputs:  # outputs.NAME
        return ""
    return f"the step {step_id!r} has no output {rest[1]!r}{nearest_of(rest[1], outputs)}"
