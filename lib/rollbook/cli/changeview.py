"""A change as lines: before -> after, field by field."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..plan import PlannedStep, completes, shown, shown_apart
from ..report.wording import visible
from ..values import UNKNOWN_KEY, Plain
from .screen import Screen

_NAME_WIDTH: Final = 28
_MOST: Final = 24
_NOTHING: Final[tuple[Plain, ...]] = (None, "", [], {})


def change_lines(step: PlannedStep, screen: Screen) -> Iterator[str]:
    """Yield the lines that show what the step changes; nothing for one that changes no state."""
    match step.verdict:
        case "create":
            pairs = tuple(
                (name, None, new) for name, new in fields(step.after) if name != "exists" and new not in _NOTHING
            )
        case "delete":
            there = fields(step.before)
            pairs = tuple((name, old, None) for name, old in there if name != "exists" and old not in _NOTHING)
        case "update":
            # Evidence changes all the time and takes no part; what matters of it stands in the details.
            pairs = tuple(pair for pair in changed(step.before, step.after) if _binds(step, pair[0]))
        case "run":
            # What a command without a probe leaves is not known, so there is nothing to compare.
            pairs = tuple(pair for pair in changed(step.before, step.after) if pair[1] is not None)
        case _:
            return
    width = min(max((len(name) for name, _, _ in pairs), default=0), _NAME_WIDTH)
    for name, old, new in pairs[:_MOST]:
        yield from _pair(old, new, screen, visible(f"{name:<{width}}  "))
    if len(pairs) > _MOST:
        yield f"and {len(pairs) - _MOST} more fields"


def _pair(old: Plain, new: Plain, screen: Screen, lead: str) -> Iterator[str]:
    indent = " " * len(lead)
    if old is None or new is None:
        yield from screen.wrap(visible(shown(new if old is None else old)), first=lead, rest=indent)
        return
    before, after = map(visible, shown_apart(old, new))
    if len(lead) + len(before) + len(after) + 4 <= screen.width:
        yield f"{lead}{before} -> {after}"
        return
    yield from screen.wrap(before, first=lead, rest=indent)
    yield from screen.wrap(after, first=f"{indent[:-3]}-> ", rest=indent)


def _binds(step: PlannedStep, path: str) -> bool:
    return not step.compared or path.partition(".")[0] in step.compared


def changed(before: Plain, after: Plain) -> Iterator[tuple[str, Plain, Plain]]:
    """Yield the fields in which two states differ, at any depth, with both values."""
    old, new = dict(fields(before)), dict(fields(after))
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new or not completes(new[name], old[name]) or old[name] != new[name]:
            yield name, old.get(name), new.get(name)


def fields(state: Plain, prefix: str = "") -> Iterator[tuple[str, Plain]]:
    """Yield the fields of a state at any depth, as `outer.inner` and value."""
    if not isinstance(state, Mapping):
        if state is not None:
            yield prefix or "value", state
        return
    for name, value in state.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping) and value and UNKNOWN_KEY not in value and "secret" not in value:
            yield from fields(value, path)
        else:
            yield path, value
