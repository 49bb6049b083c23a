"""A step's action: whether there is such a kind, its arguments fit, and its targets are declared."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, get_args

from ..action import Action, Assertion, Fact, Question, Ref, reader_types
from ..errors import RollbookError
from ..registry import action_type
from ..runbook import TargetNeed
from ..schema import Problems, check
from ..source.document import Path
from ..targets.base import Reader
from ..values import Plain

# Keywords that become arguments of the kinds that have a field of that name.
ARGUMENT_KEYWORDS: Final = ("effect", "run_as", "become", "environment", "detach")

_EFFECTS: Final = ("read", "idempotent", "once")

ActionType = type[Action[Any]]


def find_action(kind: str, path: Path, problems: Problems) -> ActionType | None:
    """Give the class of *kind*; None, and a problem at its key, when there is none."""
    try:
        return action_type(kind)
    except RollbookError as error:
        problems.add(path, f"{error.message} {error.advice}".strip(), at_key=True)
        return None


def check_arguments(
    action: ActionType, content: Mapping[str, Plain], kind: str, path: Path, problems: Problems
) -> None:
    """Check what stands under the action key of a step, and the keywords beside it."""
    given = content[kind]
    if given is not None and not isinstance(given, dict):
        problems.add((*path, kind), f"expected the arguments of {kind} as a mapping")
        return
    arguments = dict(given or {})
    names = {part.name for part in fields(action)}
    references = reader_types(action)
    if content.get("target") and references:
        arguments.setdefault(next(iter(references)), "{{ target }}")
    elif content.get("target"):
        problems.add((*path, "target"), f"{kind} acts on no target", at_key=True)
    for keyword in ARGUMENT_KEYWORDS:
        field = "run_as" if keyword == "become" else keyword
        if content.get(keyword) and not {field, f"{field}_"} & names:
            problems.add((*path, keyword), f"{keyword} means nothing to {kind}", at_key=True)
    if "effect_" in names:
        _take_effect(content, arguments, kind, path, problems)
    if given or arguments or any(_is_required(part) for part in fields(action)):
        check(action, arguments, problems, (*path, kind))
    _check_retries(action, content, arguments, path, problems)


def _take_effect(
    content: Mapping[str, Plain], arguments: dict[str, Plain], kind: str, path: Path, problems: Problems
) -> None:
    """Take the effect that stands beside the arguments as one of them. It may stand in both places, if it is one."""
    beside, inside = content.get("effect"), arguments.get("effect")
    if beside not in _EFFECTS:
        return
    if inside in _EFFECTS and inside != beside:
        what = f"effect is {beside} here and {inside} under {kind}: keep the one that is meant"
        problems.add((*path, "effect"), what, at_key=True)
    arguments.setdefault("effect", beside)


def check_undo(action: ActionType, content: Mapping[str, Plain], kind: str, path: Path, problems: Problems) -> None:
    """Check that a step which changes nothing has no undo steps: an undo goes through changes, and passes it over."""
    undo = content.get("undo")
    word = next((word for word in ("steps", "refuse") if undo.get(word)), "") if isinstance(undo, dict) else "steps"
    if undo and word and issubclass(action, Fact | Assertion | Question):
        problems.add(
            (*path, "undo"),
            f"{kind} changes nothing, so an undo would pass over this: give it to the step that makes the change, or,"
            " for something that is to be done in the undo alone, to a shell.run of true with effect: read",
            at_key=True,
        )


def _is_required(part: Any) -> bool:  # noqa: ANN401  # a Field of any type
    return part.init and part.default is MISSING and part.default_factory is MISSING


def _check_retries(
    action: ActionType,
    content: Mapping[str, Plain],
    arguments: Mapping[str, Plain],
    path: Path,
    problems: Problems,
) -> None:
    """Refuse to repeat a command that nobody said may run twice."""
    default = next((part.default for part in fields(action) if part.name == "effect_"), None)
    effect = content.get("effect") or arguments.get("effect") or default
    tells = arguments.get("creates") or arguments.get("unless")
    if content.get("retries") and effect == "once" and not tells:
        message = (
            "this command may run only once: say effect: idempotent if it may run again, "
            "or how to see that it is done, with creates: or unless:"
        )
        problems.add((*path, "retries"), message, at_key=True)


def check_targets(
    action: ActionType,
    content: Mapping[str, Plain],
    kind: str,
    path: Path,
    needs: Mapping[str, TargetNeed],
    problems: Problems,
) -> None:
    """Check that each target of a step is declared, and is of a kind that the action can use."""
    for name, reader, place in target_uses(action, content, kind, path):
        if name == "local":
            found = "local"
        elif name in needs:
            found = needs[name].kind
        else:
            usable = f" ({' or '.join(reader_kinds(reader))})" if reader_kinds(reader) else ""
            declared = f"; there is {', '.join(needs)}" if needs else ""
            problems.add(place, f"the target {name!r}{usable} is not declared under targets:{declared}", at_key=True)
            continue
        kinds = reader_kinds(reader)
        if found and kinds and found not in kinds:
            message = f"{kind} needs a target of kind {' or '.join(kinds)}; {name!r} is of kind {found}"
            problems.add(place, message, at_key=True)


def target_uses(
    action: ActionType, content: Mapping[str, Plain], kind: str, path: Path
) -> Iterator[tuple[str, type[Reader], Path]]:
    """Yield each target that a step names, with the reader it must give and where it is named."""
    arguments = content.get(kind)
    arguments = arguments if isinstance(arguments, dict) else {}
    defaults = {part.name: part.default for part in fields(action)}
    for number, (name, reader) in enumerate(reader_types(action).items()):
        key = name.removesuffix("_")
        place: Path = (*path, kind, key) if key in arguments else (*path, kind)
        value = arguments.get(key, defaults[name])
        if number == 0 and content.get("target"):
            value, place = content["target"], (*path, "target")
        value = value.name if isinstance(value, Ref) else value
        if isinstance(value, str) and value and "{{" not in value:
            yield value, reader, place


def reader_kinds(reader: Any) -> tuple[str, ...]:  # noqa: ANN401  # a reader's type, or a union of such
    """Name the kinds of target that give such a reader; empty when any does."""
    kinds: list[str] = []
    for part in get_args(reader) or (reader,):
        own = getattr(part, "kinds", ())
        if not own:
            return ()
        kinds += [kind for kind in own if kind not in kinds]
    return tuple(kinds)


def outputs_of(action: ActionType, content: Mapping[str, Plain]) -> frozenset[str] | None:
    """Name the outputs of a step as far as they are known before it runs; None where they are not."""
    if content.get("loop") is not None or content.get("environments"):
        return frozenset(("items", "members"))
    if content.get("target"):
        return None  # a group's are collected under `members`, a target's are not
    if action.output_names is not None:
        return frozenset((*action.output_names, "value")) if content.get("parse") else frozenset(action.output_names)
    if issubclass(action, Fact | Assertion) and action.outputs is Action.outputs:
        return frozenset(part.name for part in fields(action.state))
    return None
