"""From a runbook's steps to each use of one, at its address: includes, stages, loops and groups laid out in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

from ..dataclass import dataclass
from ..errors import NotFoundError, RollbookError
from ..expressions import render
from ..plan import PlannedLock, Section
from ..registry import action_type
from ..runbook import Runbook, Stage, Step, convert_inputs
from ..values import Plain, Unknown
from .environment import Environment, require_targets, step_environments
from .locking import planned_lock
from .scope import Known, Scope, Use, item_places, unknown_status
from .step import loop_items, takes_part


@dataclass(slots=True)
class Expansion:
    """
    One walk over a runbook's steps; *known* are over, and *reading* tells that the plan is made, not followed.

    Afterwards *locks* are those that its stages and includes need, as far as they are known, each with what the
    addresses of the steps begin with that it is for. *urgent* is the stage that
    must be over before later ones are planned.
    """

    environments: Mapping[str, Environment]
    common: Mapping[str, Plain]
    known: Mapping[str, Known]
    reading: bool
    locks: list[tuple[str, PlannedLock]] = field(default_factory=list)
    urgent: str = ""

    def uses(self, steps: Sequence[Step], scope: Scope, section: Section, phase: str = "") -> Iterator[Use]:
        """Yield each use, after those before it were planned: what a step takes part in may hang on them."""
        for step in steps:
            held = "" if scope.prefix else self._held(step)
            use = Use(step, scope, f"{scope.prefix}{step.id}", section, step.phase or phase, held=held)
            if step.stage is not None:
                yield from self._staged(use, step.stage)
            elif held:
                yield use
            elif step.environments:
                yield from self._looking(use)
            elif step.include:
                yield from self._included(use)
            elif step.loop is not None:
                yield from self._looped(use)
            else:
                yield from self._members(use)

    def _held(self, step: Step) -> str:
        """Say why a step after an urgent stage must wait; a question reads nothing, so it is shown as it is."""
        if not self.urgent or (step.kind and action_type(step.kind).family == "question"):
            return ""
        return f"it is planned when the urgent stage {self.urgent} is over"

    def _looking(self, use: Use) -> Iterator[Use]:
        """Yield a step that decides once for each environment that it looks into; members are named for them."""
        use.scope.collect(use.step.id)
        for name in step_environments(use.step, use.scope.inputs):
            scope, place = replace(use.scope, environment=self._environment(name, use)), f"@{name}"
            yield replace(use, scope=scope, address=f"{use.address}{place}", where=name, place=place)

    def _staged(self, use: Use, stage: Stage) -> Iterator[Use]:
        """
        Yield a stage once for each of its environments, its gate before each.

        Its own status is how it went in those before, ok for the first of them.
        """
        addresses: list[str] = []
        absent = True
        for name in step_environments(use.step, use.scope.inputs) or ("",):
            before = self._status(addresses, use.step.id) if addresses else "ok"
            use.scope.steps[use.step.id] = {"outputs": {}, "status": before}
            there = self._environment(name, use)
            scope = replace(use.scope, environment=there, heading=use.step.name)
            mark = f"@{name}" if name else ""
            here = replace(use, scope=scope, address=f"{use.address}{mark}")
            waits = "" if self._begun(here) else use.held
            here = replace(here, held="")
            absent = absent and not waits and self._absent(here)
            if stage.gate is not None:
                gate = f"{scope.prefix}{stage.gate.id}{mark}"
                yield replace(here, step=stage.gate, address=gate, held=waits)
            for inner in [replace(here, held=waits)] if waits else self._included(here):
                addresses.append(inner.address)
                yield inner
        status = "skipped" if absent else self._status(addresses, use.step.id)
        use.scope.steps[use.step.id] = {"outputs": {}, "status": status}
        if stage.urgent and isinstance(status, Unknown):
            self.urgent = self.urgent or use.step.id

    def _environment(self, name: str, use: Use) -> Environment:
        if not name:
            return use.scope.environment
        if name not in self.environments:
            raise NotFoundError(f"{use.address}: the environment {name!r} was not opened for this run.")
        return self.environments[name]

    def _absent(self, use: Use) -> bool:
        """Tell whether a stage takes no part for sure."""
        taking_part = takes_part(use, use.names(self.common))
        return isinstance(taking_part, str) and bool(taking_part) and not self._begun(use)

    def _begun(self, use: Use) -> bool:
        """Tell whether a step of an include is over: then it goes on, whatever its `when:` says by now."""
        return any(address.startswith(f"{use.address}/") for address in self.known)

    def _status(self, addresses: Sequence[str], name: str) -> Plain:
        """Say how steps that are over ended, as one: failed where one was passed over that should have been done."""
        over = [self.known.get(address) for address in addresses]
        if any(one is None for one in over):
            return unknown_status(name)
        if all(one and one.planned.verdict == "skip" and one.told == "skipped" for one in over):
            return "skipped"
        passed = any(one and one.status == "skipped" and one.planned.verdict != "skip" for one in over)
        return "failed" if passed or any(one and one.told == "failed" for one in over) else "ok"

    def _ahead(self, use: Use) -> Plain:
        """Tell how far a step is that has not ended: nobody knows while the plan is made; it is planned by then."""
        return unknown_status(use.step.id) if self.reading else "planned"

    def _included(self, use: Use) -> Iterator[Use]:
        names = use.names(self.common)
        if takes_part(use, names) and not self._begun(use):
            yield use
            return
        runbook = use.scope.runbook.includes[use.step.include]
        try:
            inner = self._inner(use, runbook, names)
        except RollbookError:
            if self.reading:
                raise
            # What the plan says of it stands; it is told when it is planned.
            yield use
            return
        use.scope.steps[use.step.id] = {"outputs": {}, "status": self._ahead(use)}
        phase = "" if use.step.stage is not None else use.phase or use.step.name or runbook.title
        addresses = []
        for one in self.uses(runbook.steps, inner, use.section, phase):
            addresses.append(one.address)
            yield one
        status = self._status(addresses, use.step.id)
        inner.status = status if status == "failed" or isinstance(status, Unknown) else "succeeded"
        if use.step.stage is None:
            use.scope.steps[use.step.id]["status"] = self._ahead(use) if isinstance(status, Unknown) else status
        last: Section = "closing" if use.section == "steps" else use.section
        yield from self.uses(runbook.finally_, inner, last, phase or ("At its end" if use.step.stage else ""))

    def _inner(self, use: Use, runbook: Runbook, names: Mapping[str, Plain]) -> Scope:
        inputs = convert_inputs(runbook, render(dict(use.step.inputs), names))
        scope = replace(use.scope, runbook=runbook, prefix=f"{use.address}/", inputs=inputs, steps={})
        if use.step.stage is not None:
            scope = replace(scope, stage=scope.prefix, on_failure=use.step.on_failure)
            if self.reading:
                require_targets(runbook, scope.environment.inventory)
        names = {**scope.environment.names, **self.common, "inputs": scope.inputs, "steps": {}}
        lock = render(runbook.lock, names)
        if isinstance(lock, Unknown):
            return replace(scope, unlocked=f"the lock of {runbook.name} is {lock}" if self.reading else "")
        if lock:
            self.locks.append((scope.prefix, planned_lock(str(lock), runbook, scope.environment)))
        return scope

    def _looped(self, use: Use) -> Iterator[Use]:
        items = loop_items(use.step.loop, use.names(self.common))
        if isinstance(items, Unknown):
            yield replace(use, item=items)
            return
        use.scope.collect(use.step.id)
        for item, place in zip(items, item_places(items), strict=True):
            yield from self._members(replace(use, address=use.address + place, item=item, place=place))

    @staticmethod
    def _members(use: Use) -> Iterator[Use]:
        groups = use.scope.environment.inventory.groups
        members = groups.get(use.step.target, ()) if use.step.target else ()
        if not members:
            yield use
        for member in members:
            place = f"{use.place}@{member}"
            yield replace(use, address=f"{use.address}@{member}", member=member, group=use.address, place=place)
