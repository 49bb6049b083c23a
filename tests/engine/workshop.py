"""A folder with runbooks, and everything needed to plan, run, resume and undo them in this process."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from rollbook.engine import Engine, Nobody, Silent
from rollbook.engine.ports import Asker, Decision, OnDoubt
from rollbook.errors import JournalError, RefusedError
from rollbook.inventory import Inventory
from rollbook.journal import Record, replay, utc_now
from rollbook.library import Library
from rollbook.plan import Plan, PlannedStep
from rollbook.planner import Planner, plan_undo
from rollbook.planner.environment import all_targets, environments
from rollbook.run import Run
from rollbook.runbook import convert_inputs
from rollbook.runs import RunFolder, Runs
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing.crash import CrashError, crashing

OPERATOR = "ada@example"


@dataclass(frozen=True, slots=True)
class Helpful(Nobody):
    """Somebody who also decides about failures."""

    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def after_failure(self, step: PlannedStep, error: str) -> Decision | None:
        """Decide as told beforehand."""
        return self.decisions.get(step.id)


def nobody(
    answers: Mapping[str, str] | None = None,
    doubts: Mapping[str, OnDoubt] | None = None,
    decisions: Mapping[str, Decision] | None = None,
    *,
    agrees: bool = True,
) -> Helpful:
    """Give an asker without a terminal."""
    return Helpful(answers or {}, OPERATOR, doubts or {}, agrees, decisions or {})


class Seen(Silent):
    """A watcher that keeps the records it saw."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def record(self, record: Record) -> None:
        """Keep it."""
        self.records.append(record)


@dataclass(slots=True)
class Workshop:
    """Runbooks and playbooks below *folder*, in an environment that has *targets* and the local machine."""

    folder: Path
    targets: Mapping[str, TargetSpec] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    protected: bool = False
    others: tuple[Inventory, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    clock: Callable[[], datetime] = utc_now
    watcher: Seen = field(default_factory=Seen)
    pools: list[TargetPool] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """Write a runbook; only its steps and what follows need be given."""
        head = (
            "" if text.startswith("runbook:") else f"runbook: {name}\ntitle: A test\nowner: tests\nsummary: A test.\n"
        )
        path = self.folder / "runbooks" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text)

    def write_playbook(self, name: str, text: str) -> None:
        """Write a playbook; only what it decides and its stages need be given."""
        path = self.folder / "playbooks" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"playbook: {name}\ntitle: A test\nowner: tests\nsummary: A test.\n{text}")

    def planner(
        self,
        name: str,
        inputs: Mapping[str, object] | None = None,
        answers: Mapping[str, str] | None = None,
        until: str = "",
    ) -> Planner:
        """Give a planner with targets of its own, as a fresh process would have."""
        runbook = Library(self.folder).book(name)
        specs = {"local": TargetSpec("local", "local"), **self.targets}
        inventory = Inventory("bench", specs, dict(self.groups), dict(self.variables), self.protected)
        redactor = Redactor()
        secrets = SecretStore(self.environ, redactor)
        pool = TargetPool(all_targets(environments(inventory, self.others)), secrets, redactor)
        self.pools.append(pool)
        return Planner(
            runbook,
            inventory,
            pool,
            inputs=convert_inputs(runbook, inputs or {}),
            answers=answers or {},
            operator=OPERATOR,
            until=until,
            others=self.others,
            clock=self.clock,
        )

    @property
    def runs(self) -> Runs:
        """The folder's runs."""
        return Runs(self.folder / ".rollbook")

    def new_folder(self) -> RunFolder:
        """Make a run's folder."""
        return self.runs.begin(utc_now())

    def run(self, name: str, asker: Asker | None = None, *, plan: Plan | None = None, **planning: object) -> Run:
        """Plan and run a runbook in a new run."""
        planner = self.planner(name, **planning)  # type: ignore[arg-type]  # passed on as they are
        plan = plan or planner.plan()
        return Engine(self.new_folder(), planner, asker=asker or nobody(), watcher=self.watcher).run(
            plan, reason="a test"
        )

    def engine(self, run: Run) -> Engine:
        """Give what carries *run* on, in fresh targets, with nobody to ask."""
        planner = self.planner(run.plan.runbook, run.plan.inputs)
        return Engine(self.runs.find(run.id), planner, asker=nobody(), watcher=self.watcher)

    def said(self, *, forget: bool = False) -> list[str]:
        """Give the words that steps wrote into the log."""
        log = self.folder / "log"
        words = log.read_text().split() if log.exists() else []
        if forget:
            log.unlink(missing_ok=True)
        return words

    def resume(self, asker: Asker | None = None, **given: Mapping[str, str]) -> Run:
        """Resume the newest run in fresh targets, with the answers of its plan."""
        folder = self.runs.all()[-1]
        plan = folder.read().plan
        planner = self.planner(plan.runbook, plan.inputs, plan.answers)
        asks = _with_answers(asker, plan)
        return Engine(folder, planner, asker=asks, watcher=self.watcher).resume(**given)

    def undo(self, run: Run, asker: Asker | None = None, to: str = "") -> Run:
        """Undo a run in a new run, with the answers that its plan was made with."""
        planner = self.planner(run.plan.runbook, run.plan.inputs)
        plan = plan_undo(run, planner, self.runs, to=to)
        return Engine(self.new_folder(), planner, asker=_with_answers(asker, plan), watcher=self.watcher).run(
            plan, reason="a test"
        )


def through_a_crash(workshop: Workshop, name: str, at: int, asker: Asker) -> Run:
    """Run *name*, crash at place *at*, and resume; where it crashed before anything was written down, run it anew."""
    with crashing(at) as points:
        try:
            workshop.run(name, asker)
        except CrashError:
            assert points.crashed
    if points.crashed and not workshop.runs.all():
        return workshop.run(name, asker)
    if points.crashed:
        try:
            return workshop.resume(asker)
        except JournalError as error:
            assert "before it began" in str(error)
            return workshop.run(name, asker)
        except RefusedError as error:
            assert "is over" in str(error)
    return workshop.runs.all()[-1].read()


def _with_answers(asker: Asker | None, plan: Plan) -> Asker:
    """Let somebody without a terminal give the answers that the plan was made with, as the command line does."""
    asks = asker or nobody()
    return replace(asks, answers={**plan.answers, **asks.answers}) if isinstance(asks, Helpful) else asks


HELD: Final = """\
steps:
  - id: s
    name: Wait.
    shell.run: {command: 'touch begun; until test -e go; do sleep 0.02; done'}
    undo: {leave: x}
"""
"""A step that is under way until `meanwhile` has done what it is to do."""


@contextmanager
def meanwhile(workshop: Workshop, act: Callable[[], object]) -> Iterator[None]:
    """Have *act* done while the step of `HELD` is under way, in a thread, which has ended after the block."""

    def work() -> None:
        until = time.monotonic() + 60
        while not (workshop.folder / "begun").exists() and time.monotonic() < until:
            time.sleep(0.01)
        try:
            act()
        finally:
            (workshop.folder / "go").touch()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def write_step(name: str, content: str, extra: str = "") -> str:
    """Give a step that writes a file."""
    return f'  - id: {name}\n    name: Write {name}.\n    file.present: {{path: {name}.txt, content: "{content}"}}\n{extra}'


def newest(workshop: Workshop) -> RunFolder:
    """Give the newest run's folder."""
    return workshop.runs.all()[-1]


def types(workshop: Workshop) -> list[str]:
    """Name the records of the newest run."""
    return [record.type for record in replay(workshop.runs.all()[-1].journal)]
