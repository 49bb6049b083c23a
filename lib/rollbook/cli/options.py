"""Repeatable options of the form `name=value`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from ..errors import UsageError

if TYPE_CHECKING:
    from ..engine.ports import OnDoubt

DOUBTS: Final = ("done", "redo", "abort")


def pairs(option: str, given: Iterable[str]) -> Mapping[str, str]:
    """Read `name=value` texts; the value may hold more `=`. Raises `UsageError` for a repeated name."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--{option} {text}: expected a name, an equals sign and a value.", advice=_shape(option))
        if name.strip() in found and found[name.strip()] != value:
            raise UsageError(f"--{option} gives {name.strip()} twice.", advice="Give it once.")
        found[name.strip()] = value
    return found


def _shape(option: str) -> str:
    example = {"set": "course_id=course-v1:Org+Course+Run", "answer": "approval=yes", "doubt": "pointers=redo"}
    return f"For example --{option} {example.get(option, 'name=value')}"


def doubts(given: Iterable[str]) -> Mapping[str, "OnDoubt"]:
    """Read `--doubt step=done|redo|abort`."""
    found = pairs("doubt", given)
    for step, word in found.items():
        if word not in DOUBTS:
            raise UsageError(f"--doubt {step}={word}: expected done, redo or abort.", advice=_meaning())
    return {step: cast("OnDoubt", word) for step, word in found.items()}


def _meaning() -> str:
    return "done: it took effect; redo: it did not, carry it out again; abort: stop here and leave it in doubt."


def known(option: str, names: Iterable[str], steps: Iterable[str]) -> None:
    """Raise `UsageError`, naming the nearest, when one of *names* is none of *steps* (addresses or ids)."""
    steps = tuple(steps)
    for name in names:
        if name not in steps:
            import difflib  # only a mistake needs it

            near = difflib.get_close_matches(name, steps, n=3, cutoff=0.5)
            advice = (
                f"Did you mean {' or '.join(near)}?" if near else f"The steps are: {', '.join(dict.fromkeys(steps))}."
            )
            raise UsageError(f"--{option} names {name!r}, which is no step of this run.", advice=advice)


def reasons(option: str, steps: Iterable[str], reason: str) -> Mapping[str, str]:
    """Give each of *steps* the *reason*; raises `UsageError` when there is none."""
    steps = tuple(steps)
    if steps and not reason.strip():
        raise UsageError(f"--{option} needs a reason, for the report.", advice='Add --reason "why".')
    return dict.fromkeys(steps, reason)
