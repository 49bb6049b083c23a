"""The planner: walks a runbook in order, reads the real systems, and says what a run will do."""

import difflib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ..action import Question
from ..errors import NotFoundError, RefusedError, RollbookError, UsageError
from ..expressions import render
from ..inventory import Inventory
from ..journal import utc_now
from ..plan import Plan, PlannedStep, Section
from ..runbook import Runbook, Step, convert_inputs
from ..schema import encode
from ..targets.pool import redact
from ..values import NOW, RUN_ID, Plain, Unknown
from .projection import Projection
from .readers import LiveReaders, Pool
from .scope import Known, Scope, Use, item_places, unknown_outputs, with_unknowns
from .step import Desk, loop_items, outline, plan_use, takes_part, unknown

ONE_MACHINE: Final = "this machine only"
OUTWARD: Final = ("http", "smtp", "apprise")
"""Kinds of target that may be down when a run begins: a site that is to be repaired, a channel that is only told."""
MOST_STEPS: Final = 10_000
"""Steps that a plan may have, each item of a loop and each member of a group counted: nobody could read more."""
_SQL: Final = ("sql", "postgres")


class Planner:
    """
    Plans one runbook in one environment, and afterwards answers what its steps' expressions say.

    *inputs* are converted values. *answers* map an address or step id to the text of an answer.
    *estimates* are seconds by address. `plan` may be called again: with what a run knows by then,
    it plans the rest anew and leaves what is over as it was.
    """

    def __init__(  # everything that a plan depends on, named
        self,
        runbook: Runbook,
        inventory: Inventory,
        pool: Pool,
        *,
        inputs: Mapping[str, Plain],
        answers: Mapping[str, str],
        operator: str,
        clock: Callable[[], datetime] = utc_now,
        estimates: Mapping[str, float] | None = None,
        until: str = "",
    ) -> None:
        self.runbook = runbook
        self.inventory = inventory
        self.pool = pool
        self.inputs = inputs
        self.answers = answers
        self.operator = operator
        self.clock = clock
        self.estimates = estimates or {}
        self.until = until
        self.stop = threading.Event()
        self.read = LiveReaders(pool, clock, self.stop)
        self.desk = Desk(self.read, self.answer, pool.shown)
        self.uses: dict[str, Use] = {}
        self._environment = {
            "name": inventory.environment,
            "protected": inventory.protected,
            "targets": sorted(inventory.targets),
        }
        self.run_names: dict[str, Plain] = {
            "id": str(RUN_ID),
            "now": str(NOW),
            "status": Unknown("run.status"),
            "folder": str(Path(".rollbook/runs").resolve() / str(RUN_ID)),
            "operator": operator,
            "reason": "",
            "runbook": runbook.name,
        }

    def plan(self, known: Mapping[str, Known] | None = None, *, base: Plan | None = None) -> Plan:
        """
        Plan every step, for real, writing nothing.

        *known* steps are over and stay as they are; *base* is the plan they belong to. Raises
        `RefusedError` when a fact, an answer or the environment forbids the run.
        """
        self._check_targets()
        self._check_answers()
        steps = tuple(self._walk(known or {}, {}))
        twice = sorted(address for address, count in Counter(step.address for step in steps).items() if count > 1)
        if twice:
            raise RefusedError(f"Two steps would have one address: {', '.join(twice)}.", advice="Give each its own id.")
        if self.until and not any(self.until in (step.address, step.id) for step in steps):
            raise NotFoundError(f"There is no step {self.until!r} to stop after.", advice=f"Steps: {self._ids(steps)}.")
        lock = str(render(self.runbook.lock, self.common() | {"inputs": self.inputs, "steps": {}, "item": None}))
        identities = base.identities if base else self._identities(steps)
        return Plan(
            runbook=self.runbook.name,
            title=self.runbook.title,
            owner=self.runbook.owner,
            environment=self.inventory.environment,
            protected=self.inventory.protected,
            inputs=encode(dict(self.inputs)),
            answers=dict(self.answers),
            sources=dict(self.runbook.sources),
            identities=identities,
            steps=steps,
            lock=lock,
            lock_scope=self._lock_scope() if lock else "",
            made_at=self.read.now(),
            made_by=self.operator,
            until=self.until,
        )

    def follow(self, plan: Plan, known: Mapping[str, Known]) -> None:
        """Take *plan* as it is, without reading anything, so that its steps' expressions can be evaluated."""
        for _ in self._walk(known, {step.address: step for step in plan.steps}, reading=False):
            pass

    def plan_at(self, address: str) -> PlannedStep:
        """Plan one step on what is there now, whatever was planned before it."""
        return self._plan_use(self.uses[address], Projection())

    @staticmethod
    def _ids(steps: tuple[PlannedStep, ...]) -> str:
        return ", ".join(step.address for step in steps)

    def names(self, address: str) -> dict[str, Plain]:
        """Give what the expressions of the step at *address* see now."""
        return self.uses[address].names(self.common())

    def learn(self, address: str, outputs: Plain, status: str) -> None:
        """Let later steps see the outputs of the step at *address*."""
        if address in self.uses:
            self.uses[address].learn(with_unknowns(outputs), status)

    def mark(self, address: str, status: str) -> None:
        """Let later steps see how far the step at *address* came, though it is not over."""
        if address in self.uses:
            self.uses[address].mark(status)

    def common(self) -> dict[str, Plain]:
        """Give the names that every expression sees."""
        return {"vars": self.inventory.variables, "env": self._environment, "run": self.run_names}

    def _walk(
        self, known: Mapping[str, Known], fixed: Mapping[str, PlannedStep], *, reading: bool = True
    ) -> Iterator[PlannedStep]:
        self.uses = {}
        projection = Projection()
        scope = Scope(self.runbook, "", self.inputs)
        sections: tuple[tuple[Section, tuple[Step, ...]], ...] = (
            ("steps", self.runbook.steps),
            ("finally", self.runbook.finally_),
        )
        for section, steps in sections:
            for use in self._uses(steps, scope, section):
                if reading and len(self.uses) >= MOST_STEPS:
                    raise self._too_many(use)
                yield self._one(use, known, fixed, projection if reading else None)

    @staticmethod
    def _too_many(use: Use) -> RefusedError:
        return RefusedError(
            f"The plan would have more than {MOST_STEPS} steps; at {use.address} ({use.step.place}) it was given up.",
            advice="Loop over fewer items, or hand the list to one command; look for an include that holds itself "
            "many times over.",
        )

    def _one(
        self, use: Use, known: Mapping[str, Known], fixed: Mapping[str, PlannedStep], projection: Projection | None
    ) -> PlannedStep:
        self.uses[use.address] = use
        if use.address in known:
            over = known[use.address]
            use.learn(with_unknowns(over.outputs), over.status)
            return over.planned
        planned = fixed.get(use.address)
        if planned is None:
            planned = self._plan_use(use, projection) if projection is not None else outline(use)
        outputs = unknown_outputs(use.step.id) if planned.verdict == "unknown" else with_unknowns(planned.outputs)
        use.learn(outputs, "planned")
        return planned

    def _plan_use(self, use: Use, projection: Projection) -> PlannedStep:
        names = use.names(self.common())
        if use.step.include or isinstance(use.item, Unknown):
            taking_part = takes_part(use, names)
            if isinstance(taking_part, str) and taking_part:
                return replace(outline(use), verdict="skip", reason=taking_part)
            reason = f"what it holds is {taking_part if isinstance(taking_part, Unknown) else use.item}"
            return unknown(outline(use), use, reason)
        try:
            return plan_use(use, self.common(), projection, self.desk, estimate=self.estimates.get(use.address))
        except RollbookError as error:
            redact(error, self.pool.redactor)
            raise

    def _uses(self, steps: tuple[Step, ...], scope: Scope, section: Section, phase: str = "") -> Iterator[Use]:
        for step in steps:
            address = f"{scope.prefix}{step.id}"
            use = Use(step, scope, address, section, step.phase or phase)
            if step.include:
                yield from self._included(use)
            elif step.loop is not None:
                yield from self._looped(use)
            else:
                yield from self._members(use)

    def _included(self, use: Use) -> Iterator[Use]:
        names = use.names(self.common())
        if takes_part(use, names):
            yield use
            return
        runbook = use.scope.runbook.includes[use.step.include]
        given = render(dict(use.step.inputs), names)
        inputs = convert_inputs(runbook, given)
        inner = Scope(runbook, f"{use.address}/", inputs)
        use.scope.steps[use.step.id] = {"outputs": {}, "status": "planned"}
        phase = use.phase or use.step.name or runbook.title
        yield from self._uses((*runbook.steps, *runbook.finally_), inner, use.section, phase)

    def _looped(self, use: Use) -> Iterator[Use]:
        items = loop_items(use.step.loop, use.names(self.common()))
        if isinstance(items, Unknown):
            yield replace(use, item=items)
            return
        use.scope.steps[use.step.id] = {"outputs": {"items": [], "members": {}}, "status": "planned"}
        for item, place in zip(items, item_places(items), strict=True):
            yield from self._members(replace(use, address=use.address + place, item=item, place=place))

    def _members(self, use: Use) -> Iterator[Use]:
        members = self.inventory.groups.get(use.step.target, ()) if use.step.target else ()
        if not members:
            yield use
        for member in members:
            place = f"{use.place}@{member}"
            yield replace(use, address=f"{use.address}@{member}", member=member, group=use.address, place=place)

    def answer(self, use: Use, question: Question) -> Plain | None:
        """Give the value that a question is planned on: from the answers given, or its default. None: not known."""
        prompt = question.prompt()
        text = self.answers.get(use.address, self.answers.get(use.step.id))
        if text is None or (self.inventory.protected and prompt.kind == "approve"):
            return prompt.default if prompt.has_default else None
        if text == "default":
            if not prompt.has_default:
                raise RefusedError(f"--answer {use.address}=default: the question has no default.")
            return prompt.default
        try:
            value = question.accept(text)
        except ValueError as error:
            raise RefusedError(f"--answer {use.address}={text}: {error}") from error
        reason = question.refused(value)
        if reason:
            raise RefusedError(f"--answer {use.address}={text} stops the run: {reason}")
        return value

    def _check_answers(self) -> None:
        ids = set(_ids_of(self.runbook))
        for name in self.answers:
            last = name.rsplit("/", 1)[-1].split("[")[0].split("@")[0].removesuffix("-sure")
            if last not in ids and not name.startswith("undo/"):
                near = difflib.get_close_matches(name, sorted(ids), n=1)
                raise UsageError(
                    f"--answer {name}=…: {self.runbook.name} has no step {name!r}.",
                    advice=f"Did you mean {near[0]}?" if near else "`show` lists the steps.",
                )

    def _check_targets(self) -> None:
        problems = []
        for name, need in self.runbook.targets.items():
            for member in self.inventory.groups.get(name, (name,)):
                spec = self.inventory.targets.get(member)
                if spec is None and not need.optional:
                    problems.append(f"target {member!r}{f' ({need.help})' if need.help else ''} is not there")
                elif spec is not None and need.kind and spec.kind != need.kind:
                    problems.append(f"target {member!r} is of kind {spec.kind}, the runbook needs {need.kind}")
        if problems:
            raise RefusedError(
                f"{self.inventory.environment} does not fit {self.runbook.name}: {'; '.join(problems)}.",
                advice=f"Add the targets to {self.inventory.file or 'the inventory'}.",
            )

    def _identities(self, steps: tuple[PlannedStep, ...]) -> dict[str, Mapping[str, str]]:
        named = {name for step in steps for name in step.targets if name in self.pool}
        used = sorted(name for name in named if self.inventory.targets[name].kind not in OUTWARD and name != "local")
        return {name: dict(self.pool.reader(name).identity()) for name in used}

    def lock_subject(self) -> str:
        """
        Say what the lock's name is a name in: the runbook's SQL database, or else the environment.

        Two folders that work on one database exclude each other; two demos with one each do not.
        """
        keepers = self.lock_keepers()
        if not keepers:
            return self.inventory.environment
        identity = self.pool.reader(keepers[0]).identity()
        return " ".join(f"{key}={identity[key]}" for key in sorted(identity))

    def lock_keepers(self) -> tuple[str, ...]:
        """Name the runbook's SQL targets: the lock's name is one in the first, and the first server holds it."""
        bound = ((name, self.inventory.targets.get(name)) for name in self.runbook.targets)
        return tuple(name for name, spec in bound if spec is not None and spec.kind in _SQL)

    def lock_target(self) -> str:
        """Name the SQL target whose server holds the run's lock, for all machines; empty where there is none."""
        held = (name for name in self.lock_keepers() if self.pool.target(name).lock("rollbook") is not None)
        return next(held, "")

    def _lock_scope(self) -> str:
        name = self.lock_target()
        return f"all machines that use {name}" if name else ONE_MACHINE


def _ids_of(runbook: Runbook) -> Iterator[str]:
    """Yield the id of every step, of the included runbooks too."""
    yield from (step.id for step in (*runbook.steps, *runbook.finally_))
    for included in runbook.includes.values():
        yield from _ids_of(included)
