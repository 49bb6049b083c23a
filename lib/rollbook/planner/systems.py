"""Whether targets lead to the systems that a run was begun on, whatever the inventory says by now."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ..errors import RefusedError, RollbookError
from ..plan import Plan
from ..targets.base import Finding
from .planner import Planner

_LASTING: Final = ("system_identifier", "server_uuid", "server_uid", "set_name", "database", "path", "host_key")
"""What stays while a system is the same. Names of hosts do not: a container that starts anew has another."""


def other_systems(plan: Plan, names: Iterable[str], planner: Planner) -> Iterator[Finding]:
    """
    Tell which of the targets *names* lead elsewhere than *plan* knew them.

    One that `expect:` in the inventory names as it is now was replaced on purpose. Raises as the targets do.
    """
    for name in sorted(names):
        known = plan.identities.get(name, {})
        if not any(key.removeprefix("on_") in _LASTING for key in known) or name not in planner.pool:
            continue
        found, expected = planner.pool.reader(name).identity(), planner.specs[name].expect
        for key, then in known.items():
            now = found.get(key, then)
            if _comparable(key, known, found) and now != then and expected.get(key) != now:
                yield Finding(
                    name,
                    "identity",
                    "missing",
                    f"it leads to another system than the run was begun on: its {key} is {now}, and was {then}",
                    "Let the inventory name the system of the run. Where that one was replaced on purpose, say so "
                    f"there: expect: {{{key}: {now}}}",
                )


def _comparable(key: str, known: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Tell whether what is told of *key* must be the same; keys of two types may be those of one host."""
    name = key.removeprefix("on_")
    kind = key.replace("host_key", "key_type")
    return name in _LASTING and (name != "host_key" or known.get(kind) == found.get(kind))


def require_its_systems(plan: Plan, names: Iterable[str], planner: Planner, nothing: str) -> None:
    """
    Raise `RefusedError`, saying that *nothing* was done, where one of *names* leads elsewhere than *plan* knew it.

    One that gives no answer is none.
    """
    found: list[Finding] = []
    for name in sorted(names):
        with suppress(RollbookError):
            found += other_systems(plan, (name,), planner)
    if found:
        lines = "\n".join(f"  - {one.target}: {one.message}\n      {one.advice}" for one in found)
        raise RefusedError(f"{nothing}:\n{lines}")


def on_its_systems(plan: Plan, planner: Planner) -> Plan:
    """
    Give *plan* with its systems as the inventory expects them where they were replaced on purpose.

    Raises `RefusedError` where a target leads elsewhere; one that gives no answer is left to the preflight.
    """
    require_its_systems(plan, {name for step in plan.steps for name in step.targets}, planner, "Nothing was taken back")
    expected = {name: planner.specs[name].expect for name in plan.identities if name in planner.specs}
    told = {
        name: {key: expected.get(name, {}).get(key, value) for key, value in known.items()}
        for name, known in plan.identities.items()
    }
    return replace(plan, identities=told)
