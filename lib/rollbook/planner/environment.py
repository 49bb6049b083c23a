"""
The environments of a run, as its steps see them.

Where a playbook has stages in several, each target is known in the run by its environment too (`stage:db`):
one pool, one plan and one journal then hold them all, and nothing that is told of a target is told of its namesake.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..dataclass import dataclass
from ..errors import RefusedError, UsageError
from ..expressions import render
from ..inventory import Inventory
from ..runbook import Runbook, Step
from ..targets.base import TargetSpec
from ..values import Plain

NEIGHBOURS: Final = ("via", "jump", "on")
"""The settings of a target that name another, which it is reached through."""
_HERE: Final = TargetSpec("local", "local")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a run; *mark* stands before the names of its targets, *names* are its `vars` and `env`."""

    inventory: Inventory
    mark: str
    names: Mapping[str, Plain]

    @property
    def name(self) -> str:
        """The environment's name, where the run has several; else empty."""
        return self.inventory.environment if self.mark else ""

    def qualified(self, target: str) -> str:
        """Give the name by which the run knows this environment's *target*; this machine is the same to all."""
        if target == "local" and self.inventory.targets.get("local", _HERE) == _HERE:
            return target
        return f"{self.mark}{target}"

    def specs(self) -> Iterator[TargetSpec]:
        """Yield the targets under the names by which the run knows them."""
        for spec in self.inventory.targets.values():
            yield replace(
                spec,
                name=self.qualified(spec.name),
                settings=self._settings(spec.settings),
                reader=None if spec.reader is None else self._settings(spec.reader),
            )

    def _settings(self, settings: Mapping[str, Plain]) -> Mapping[str, Plain]:
        named = {key: self.qualified(name) for key in NEIGHBOURS if isinstance(name := settings.get(key), str)}
        return {**settings, **named}


def environments(inventory: Inventory, others: Sequence[Inventory] = ()) -> Mapping[str, Environment]:
    """Give the environments of a run by name: the one that it is for, first, and those that its stages name."""
    several = any(other.environment != inventory.environment for other in others)
    return {
        one.environment: Environment(one, f"{one.environment}:" if several else "", _names(one))
        for one in (inventory, *others)
    }


def _names(inventory: Inventory) -> Mapping[str, Plain]:
    own = {
        "name": inventory.environment,
        "protected": inventory.protected,
        "targets": sorted(inventory.targets),
    }
    return {"vars": inventory.variables, "env": own}


def all_targets(found: Mapping[str, Environment]) -> Mapping[str, TargetSpec]:
    """Give the targets of every environment by the names by which the run knows them, for its one pool."""
    return {spec.name: spec for environment in found.values() for spec in environment.specs()}


def step_environments(step: Step, inputs: Mapping[str, Plain]) -> tuple[str, ...]:
    """Name the environments of a stage, or of a step that decides; none: the one that the run is for. `UsageError`."""
    wanted = step.environments if step.stage is None else step.stage.environments
    found = render(wanted, {"inputs": inputs})
    flat = [found] if isinstance(found, str) else list(found or ())
    names = [name for part in flat for name in (part if isinstance(part, list | tuple) else [part])]
    for name in names:
        if not isinstance(name, str) or not name or names.count(name) > 1:
            raise UsageError(
                f"{wanted} gives {names}: expected different names of environments.",
                advice="Look at the inputs that it is made of.",
            )
    return tuple(names)


def named_environments(playbook: Runbook, inputs: Mapping[str, Plain]) -> tuple[str, ...]:
    """Name every environment that a step or a stage is carried out in, beside the one that the run is for."""
    return tuple(dict.fromkeys(name for step in playbook.steps for name in step_environments(step, inputs)))


def require_targets(runbook: Runbook, inventory: Inventory) -> None:
    """Raise `RefusedError` naming each target that *runbook* needs and *inventory* does not have."""
    problems = []
    for name, need in runbook.targets.items():
        for member in inventory.groups.get(name, (name,)):
            spec = inventory.targets.get(member)
            if spec is None and not need.optional:
                problems.append(f"target {member!r}{f' ({need.help})' if need.help else ''} is not there")
            elif spec is not None and need.kind and spec.kind != need.kind:
                problems.append(f"target {member!r} is of kind {spec.kind}, the runbook needs {need.kind}")
    if problems:
        raise RefusedError(
            f"{inventory.environment} does not fit {runbook.name}: {'; '.join(problems)}.",
            advice=f"Add the targets to {inventory.file or 'the inventory'}.",
        )
