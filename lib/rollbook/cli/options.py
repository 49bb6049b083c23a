"""Repeatable options of the form `name=value`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ..errors import UsageError

if TYPE_CHECKING:
    from ..engine.ports import OnDoubt
    from ..plan import PlannedStep

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


def known(option: str, names: Iterable[str], steps: Iterable["PlannedStep"]) -> None:
    """Raise `UsageError`, naming the nearest, when one of *names* is the address or id of none of *steps*."""
    addresses = {step.address: step.id for step in steps}
    for name in names:
        if name not in addresses and name not in addresses.values():
            import difflib  # only a mistake needs it

            # An id is shorter than its address, so it is compared too; the address is what is unambiguous.
            close = difflib.get_close_matches(name, {*addresses, *addresses.values()}, n=3, cutoff=0.5)
            near = [address for address, id_ in addresses.items() if address in close or id_ in close]
            advice = f"Did you mean {' or '.join(near[:3])}?" if near else f"The steps are: {', '.join(addresses)}."
            what = "STEP" if option == "step" else f"--{option}"  # the one is an argument, the others are options
            raise UsageError(f"{what} names {name!r}, which is no step of this run.", advice=advice)


def check_out(path: Path) -> None:
    """Raise `UsageError` when the file that --out names can be seen not to be writable, before any work is done."""
    if path.is_dir():
        raise unwritable(path, "it is a folder")
    if not path.parent.is_dir():
        raise unwritable(path, f"there is no folder {path.parent}")


def unwritable(path: Path, why: str) -> UsageError:
    """Say that the file that --out names cannot be written."""
    advice = "Name a file in a folder that exists and that you may write."
    return UsageError(f"--out {path} cannot be written: {why}.", advice=advice)


def reasons(option: str, steps: Iterable[str], reason: str) -> Mapping[str, str]:
    """Give each of *steps* the *reason*; raises `UsageError` when there is none."""
    steps = tuple(steps)
    if steps and not reason.strip():
        raise UsageError(f"--{option} needs a reason, for the report.", advice='Add --reason "why".')
    return dict.fromkeys(steps, reason)
