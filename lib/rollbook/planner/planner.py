"""The planner: walks a runbook in order, reads the real systems, and says what a run will do."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from ..action import Question
from ..errors import NotFoundError, RefusedError, RollbookError, StepFailed, TargetError, UsageError
from ..expressions import render
from ..inventory import Inventory
from ..journal import utc_now
from ..plan import DECIDE, Plan, PlannedLock, PlannedStep, Section
from ..runbook import Runbook, Step
from ..schema import encode
from ..targets.pool import redact
from ..values import NOW, RUN_ID, Plain, Unknown, alike
from .answers import check_answers, own_ids, planned_answer
from .environment import all_targets, environments, require_targets
from .expansion import Expansion
from .locking import lock_scope, locks_of, once, planned_lock
from .names import names_of
from .projection import Projection
from .readers import LiveReaders, Pool
from .scope import Known, Scope, Use, unknown_outputs, unknown_status, with_unknowns
from .secrecy import hide_secrets, require_unexposed
from .step import Desk, outline, plan_use, takes_part, unknown

OUTWARD: Final = ("http", "smtp", "apprise")
"""Kinds of target that may be down when a run begins: a site that is to be repaired, a channel that is only told."""
MOST_STEPS: Final = 10_000
"""Steps that a plan may have, each item of a loop and each member of a group counted: nobody could read more."""
_PARTS: Final = ("arguments", "before", "after", "ops", "shown", "details")


Instead: TypeAlias = Callable[[Use, Projection], PlannedStep | None]
"""Plans a use of a step in another way; None: as it stands in the runbook."""


class Planner:
    """
    Plans one runbook in one environment, and afterwards answers what its steps' expressions say.

    *others* are the environments that the stages of a playbook name. *inputs* are converted values. *answers* map
    an address or step id to the text of an answer. *estimates* are seconds by address. `plan` may be called again:
    with what a run knows by then, it plans the rest anew and leaves what is over as it was.
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
        others: Sequence[Inventory] = (),
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
        self.environments = environments(inventory, others)
        self.environment = self.environments[inventory.environment]
        self.specs = all_targets(self.environments)
        pool.redactor.leave((*self.environments, *names_of(runbook)))
        self._inner_locks: tuple[PlannedLock, ...] = ()
        self._locks_at: tuple[tuple[str, PlannedLock], ...] = ()
        self._last: dict[str, PlannedStep] = {}
        self._strict: str | None = None
        self._renewed: Mapping[str, Known] = {}
        self.run_names: dict[str, Plain] = {
            "id": str(RUN_ID),
            "now": str(NOW),
            "status": Unknown("run.status"),
            "folder": str(Path(".rollbook/runs").resolve() / str(RUN_ID)),
            "operator": operator,
            "reason": "",
            "runbook": runbook.name,
            "undo_of": "",
            "undone_folder": "",
        }

    def plan(
        self,
        known: Mapping[str, Known] | None = None,
        *,
        base: Plan | None = None,
        at: str = "",
        renewed: Mapping[str, Known] | None = None,
        instead: Instead | None = None,
    ) -> Plan:
        """
        Plan every step, for real, writing nothing.

        *known* steps are over and stay as they are; *base* is the plan they belong to, of a run that stands before the
        step *at*: what cannot be read there (a site may be down, a database behind a fence) is not known before it is
        reached, or stays as it is known where it is one of the steps to be *renewed*. *instead* gives other steps their
        plan. Raises `RefusedError` when a fact, an answer or the environment forbids the run.
        """
        require_targets(self.runbook, self.inventory)
        self._strict, self._renewed = None if base is None else at, renewed or {}
        check_answers(self.runbook, self.answers)
        steps = self._planned(known or {}, instead)
        self._check(steps)
        made = self._whole(steps, base)
        hide_secrets(made, self.pool)
        if base is None:
            require_unexposed(made, self.pool.redactor)
        return made

    def _planned(self, known: Mapping[str, Known], instead: Instead | None) -> tuple[PlannedStep, ...]:
        before = self.uses
        try:
            return tuple(self._walk(known, {}, instead=instead))
        except RollbookError:
            self.uses = before  # the plan that there was is still the one to go by
            raise

    def _check(self, steps: tuple[PlannedStep, ...]) -> None:
        twice = sorted(address for address, count in Counter(step.address for step in steps).items() if count > 1)
        if twice:
            raise RefusedError(f"Two steps would have one address: {', '.join(twice)}.", advice="Give each its own id.")
        if self.until:
            _check_until(self.until, steps)

    def _whole(self, steps: tuple[PlannedStep, ...], base: Plan | None) -> Plan:
        names = {**self.environment.names, **self.common(), "inputs": self.inputs, "steps": {}, "item": None}
        lock = str(render(self.runbook.lock, names))
        own = planned_lock(lock, self.runbook, self.environment)
        # Of a playbook each stage's is told, of others those that they do not have themselves.
        more = self._inner_locks if self.runbook.playbook else once((own, *self._inner_locks))[1:]
        return Plan(
            runbook=self.runbook.name,
            title=self.runbook.title,
            owner=self.runbook.owner,
            environment=self.inventory.environment,
            protected=self.inventory.protected,
            inputs=encode(dict(self.inputs)),
            answers=dict(self.answers),
            sources=dict(self.runbook.sources),
            identities=self._identities(steps, base),
            steps=steps,
            lock=lock,
            lock_scope=lock_scope(own, self.pool) if lock else "",
            made_at=self.read.now(),
            made_by=self.operator,
            until=self.until,
            playbook=self.runbook.playbook,
            environments={one.name: one.inventory.protected for one in self.environments.values() if one.name},
            locks=tuple(replace(one, scope=lock_scope(one, self.pool)) for one in more),
        )

    def follow(self, plan: Plan, known: Mapping[str, Known]) -> None:
        """Take *plan* as it is, without reading anything, so that its steps' expressions can be evaluated."""
        for _ in self._walk(known, {step.address: step for step in plan.steps}, reading=False):
            pass
        for step in plan.steps:
            self.uses |= self._way_back(step)

    def _way_back(self, step: PlannedStep) -> dict[str, Use]:
        """Give the use of a planned step that is one of another's own undo steps."""
        undone = self.uses.get(step.undo_of)
        if undone is None or undone.step.undo is None:
            return {}
        uses = (undone.way_back(own) for own in undone.step.undo.steps)
        return {use.address: use for use in uses if use.address == step.address}

    def plan_at(self, address: str) -> PlannedStep:
        """Plan one step on what is there now, whatever was planned before it."""
        self._strict = None
        return self._plan_use(self.uses[address], Projection())

    def locks_at(self, address: str) -> tuple[PlannedLock, ...]:
        """Give the locks of the runbooks that the step at *address* is included with, as far as they are known now."""
        return tuple(lock for beginning, lock in self._locks_at if address.startswith(beginning))

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
        """Give the names that every expression sees, in whatever environment."""
        return {"run": self.run_names}

    def _walk(
        self,
        known: Mapping[str, Known],
        fixed: Mapping[str, PlannedStep],
        *,
        reading: bool = True,
        instead: Instead | None = None,
    ) -> Iterator[PlannedStep]:
        self.uses, self._last = {}, {}
        projection = Projection()
        scope = Scope(self.runbook, "", self.inputs, self.environment, heading=DECIDE if self.runbook.playbook else "")
        expansion = Expansion(self.environments, self.common(), known, reading)
        sections: tuple[tuple[Section, tuple[Step, ...]], ...] = (
            ("steps", self.runbook.steps),
            ("finally", self.runbook.finally_),
        )
        for section, steps in sections:
            for use in expansion.uses(steps, scope, section):
                if reading and len(self.uses) >= MOST_STEPS:
                    raise self._too_many(use)
                other = instead(use, projection) if instead and use.address not in known else None
                there = fixed if other is None else {use.address: other}
                yield self._one(use, known, there, projection if reading else None)
        self._locks_at = tuple(expansion.locks)
        if reading:
            self._inner_locks = tuple(lock for _, lock in expansion.locks)

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
            use.learn(with_unknowns(over.outputs), over.told)
            return over.planned
        planned = fixed.get(use.address)
        if planned is None:
            planned = self._alike(self._plan_use(use, projection)) if projection is not None else outline(use)
        outputs = unknown_outputs(use.step.id) if planned.verdict == "unknown" else with_unknowns(planned.outputs)
        use.learn(outputs, self._ahead(planned) if projection is not None else "planned")
        return planned

    @staticmethod
    def _ahead(planned: PlannedStep) -> Plain:
        """Tell how a step will end, for those after it: only of one that takes no part is that known while planning."""
        return planned.stands or "skipped" if planned.verdict == "skip" else unknown_status(planned.id)

    def _alike(self, planned: PlannedStep) -> PlannedStep:
        """Let a step share what is equal to that of the last one of its kind: of thousands most look alike."""
        last, self._last[planned.kind] = self._last.get(planned.kind), planned
        if last is None:
            return planned
        same = {name: part for name in _PARTS if alike(part := getattr(last, name), getattr(planned, name))}
        found = self._last[planned.kind] = replace(planned, **same)
        return found

    def _plan_use(self, use: Use, projection: Projection) -> PlannedStep:
        if use.held:
            return _possible(unknown(outline(use), use, use.held), use)
        if use.step.include or isinstance(use.item, Unknown):
            return self._unexpanded(use)
        try:
            planned = plan_use(use, self.common(), projection, self.desk, estimate=self.estimates.get(use.address))
            held = use.scope.unlocked if planned.writes and planned.verdict not in ("skip", "unknown") else ""
            return unknown(outline(use), use, held) if held else planned
        except RollbookError as error:
            redact(error, self.pool.redactor)
            if use.address in self._renewed and isinstance(error, TargetError):
                return self._renewed[use.address].planned
            later = self._strict is not None and use.address != self._strict
            if later and isinstance(error, TargetError | StepFailed | RefusedError):
                return unknown(outline(use), use, error.message)
            raise

    def _unexpanded(self, use: Use) -> PlannedStep:
        """Plan an include or a loop whose steps do not take part, or cannot be told yet."""
        taking_part = takes_part(use, use.names(self.common()))
        if isinstance(taking_part, str) and taking_part:
            return replace(outline(use), verdict="skip", reason=taking_part)
        reason = f"what it holds is {taking_part if isinstance(taking_part, Unknown) else use.item}"
        if use.step.stage is not None:
            reason = f"whether it takes part is {taking_part}"
        return _possible(unknown(outline(use), use, reason), use)

    def answer(self, use: Use, question: Question) -> Plain | None:
        """Give the value that a question is planned on, of the answers that there are by now. None: not known."""
        return planned_answer(use, question, self.answers, own_ids(self.runbook))

    def _identities(self, steps: tuple[PlannedStep, ...], base: Plan | None) -> dict[str, Mapping[str, str]]:
        """Ask the targets who they are; those that *base* tells of have told it when the run began."""
        told = dict(base.identities) if base else {}
        over = {name for step in base.steps for name in step.targets} if base else set()
        named = {name for step in steps for name in step.targets if name in self.pool} - over
        used = sorted(name for name in named if self.specs[name].kind not in OUTWARD and name != "local")
        return {**told, **{name: dict(self.pool.reader(name).identity()) for name in used}}

    def own_lock(self, plan: Plan) -> PlannedLock:
        """Give the lock that the runbook itself asks for."""
        return planned_lock(plan.lock, self.runbook, self.environment)

    def locks(self, plan: Plan) -> tuple[PlannedLock, ...]:
        """Give every lock that *plan* needs."""
        return locks_of(plan, self.own_lock(plan))


def _check_until(name: str, steps: tuple[PlannedStep, ...]) -> None:
    """Raise where no step, or more than one that a reader could mean, is the one after which a run is to stop."""
    found = [step for step in steps if step.goes_by(name)]
    if not found:
        there = ", ".join(step.address for step in steps)
        raise NotFoundError(f"There is no step {name!r} to stop after.", advice=f"Steps: {there}.")
    if all(step.section == "finally" for step in found):
        last = next((step.address for step in reversed(steps) if step.section != "finally"), "")
        raise UsageError(
            f"--until {name}: that is done whenever the run ends, so no run can stop after it.",
            advice=f"The last step before it is {last}." if last else "",
        )
    by_id = [step.address for step in found if step.id == name != step.address]
    if len({address.rpartition("/")[0] for address in by_id}) > 1:
        raise UsageError(f"--until {name}: that is the id of {', '.join(by_id)}.", advice="Name the one that you mean.")


def _possible(planned: PlannedStep, use: Use) -> PlannedStep:
    """Say of a stage that may come what it would run, and what would be in its way."""
    if use.step.stage is None:
        return planned
    runbook = use.scope.runbook.includes[use.step.include]
    details = [f"possible: {runbook.title} ({runbook.name}); it is planned, and agreed to, when it is reached"]
    try:
        require_targets(runbook, use.scope.environment.inventory)
    except RefusedError as error:
        details.append(f"it could not be carried out: {error.message}")
    return replace(planned, details=tuple(details))
