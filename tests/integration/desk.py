"""An operator's working folder with an inventory that leads to a sample's stores, and what may be typed there."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollbook.cli.workspace import Wanted, Workplace, open_workplace, reopen_workplace
from rollbook.demo.sample import Sample
from rollbook.engine import Engine, Nobody, Silent
from rollbook.engine.ports import OnDoubt
from rollbook.journal import utc_now
from rollbook.library import Library
from rollbook.plan import Plan
from rollbook.planner import plan_undo
from rollbook.planner.answers import own_ids
from rollbook.run import Run
from rollbook.runs import RunFolder, Runs, operator

from .platform import write_manage

RESTORE = "restore-course"
ENVIRONMENT = "site"
_LEDGER = "ROLLBOOK_TEST_LEDGER_URL"
_MONGO = "ROLLBOOK_TEST_MONGO_URL"
_INVENTORY = """\
environment: {environment}
targets:
  ledger: {{kind: sql, url: {{secret: "env:{ledger}"}}}}
  modulestore:
    kind: mongo
    url: {{secret: "env:{mongo}"}}
    database: {database}
    selection_timeout: 1
  cms: {{kind: command, on: local, prefix: [env, -C, {platform}]}}
"""
USUAL = {
    "stop_editing": "all",
    "choice": "default",
    "pause_pruning_by_hand": "done",
    "prune_running_by_hand": "yes",
    "approval": "yes",
    "look": "yes",
    "resume_pruning_by_hand": "done",
    "tell_by_hand": "all",
    "undo/written/undo_ready": "all",
    "undo/kept/undo_told": "all",
}
"""The answers that let the restore go on."""

COMMAND = ("-c", "from rollbook.cli.program import main; main()")
CRASHING = ("-m", "rollbook.testing.crash")


@dataclass(frozen=True, slots=True)
class Desk:
    """
    A working folder of somebody who restores courses of *sample*.

    *ledger_url* is the account that the inventory names for the ledger; the platform has its own.
    """

    folder: Path
    sample: Sample
    ledger_url: str = ""
    answers: Mapping[str, str] = field(default_factory=lambda: dict(USUAL))

    def __post_init__(self) -> None:
        platform = self.folder / "edx-platform"
        names = {"ledger": _LEDGER, "mongo": _MONGO, "database": self.sample.database}
        (self.folder / "inventory").mkdir(parents=True, exist_ok=True)
        inventory = _INVENTORY.format(environment=ENVIRONMENT, platform=platform, **names)
        (self.folder / "inventory" / f"{ENVIRONMENT}.yml").write_text(inventory)
        write_manage(platform, **names | {"ledger": f"{_LEDGER}_OF_PLATFORM"})

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the operator's shell."""
        urls = {
            _LEDGER: self.ledger_url or self.sample.sql_url,
            f"{_LEDGER}_OF_PLATFORM": self.sample.sql_url,
            _MONGO: self.sample.mongo_url,
        }
        return {**os.environ, **urls, "NO_COLOR": "1", "COLUMNS": "120"}

    @property
    def runs(self) -> Runs:
        """The runs of this folder."""
        return Runs(self.folder / ".rollbook")

    def last(self) -> Run:
        """Read the newest run."""
        return self.runs.all()[-1].read()

    def answering(self, **answers: str) -> "Desk":
        """Give the same desk with other answers prepared."""
        return replace(self, answers=answers)

    def without(self, *steps: str) -> "Desk":
        """Give the same desk with no answer to some questions."""
        return replace(self, answers={step: text for step, text in self.answers.items() if step not in steps})

    def add_target(self, text: str) -> None:
        """Add a line of targets to the inventory."""
        with (self.folder / "inventory" / f"{ENVIRONMENT}.yml").open("a") as file:
            file.write(f"  {text}\n")

    # In this process: quick, and errors arrive as they are.

    def plan(self, runbook: str = RESTORE, **inputs: object) -> Plan:
        """Plan with the answers prepared."""
        with self._open(runbook, inputs) as place:
            return place.planner.plan()

    def run(self, runbook: str = RESTORE, *, plan: Plan | None = None, **inputs: object) -> Run:
        """Plan, or take *plan*, and carry it out as a new run."""
        with self._open(runbook, inputs) as place:
            made = place.planner.plan()
            folder = self.runs.begin(utc_now())
            return self._engine(folder, place).run(plan or made, reason="a test")

    @contextmanager
    def opened(self) -> Iterator[Callable[[], Run]]:
        """Plan a restore; gives what carries the plan out, later."""
        with self._open(RESTORE, {}) as place:
            made = place.planner.plan()
            yield lambda: self._engine(self.runs.begin(utc_now()), place).run(made, reason="a test")

    def resume(self, run: Run | None = None, *, doubts: Mapping[str, OnDoubt] | None = None) -> Run:
        """Go on with a run, the newest unless one is given."""
        folder = self.runs.find(run.id) if run else self.runs.all()[-1]
        with self._reopen(folder.read().plan) as place:
            return self._engine(folder, place, doubts or {}).resume()

    def plan_undo(self, run: Run) -> Plan:
        """Plan how to take a run back."""
        with self._reopen(run.plan) as place:
            return plan_undo(run, place.planner, self.runs)

    def undo(self, run: Run) -> Run:
        """Take a run back."""
        with self._reopen(run.plan) as place:
            plan = plan_undo(run, place.planner, self.runs)
            folder = self.runs.begin(utc_now())
            return self._engine(folder, place).run(plan, reason="a test")

    def _engine(self, folder: RunFolder, place: Workplace, doubts: Mapping[str, OnDoubt] | None = None) -> Engine:
        given, own = {**place.planner.answers, **self.answers}, own_ids(place.planner.runbook)
        asker = Nobody(given, operator(), doubts or {}, agrees=True, own=own)
        return Engine(folder, place.planner, asker=asker, watcher=Silent())

    @contextmanager
    def _open(self, runbook: str, inputs: Mapping[str, object]) -> Iterator[Workplace]:
        given = {"course_id": self.sample.course_id, **inputs} if runbook == RESTORE else dict(inputs)
        wanted = Wanted(runbook, ENVIRONMENT, inputs=given, answers=self.answers)
        with self._here(), open_workplace(wanted, Library(self.folder)) as place:
            yield place

    @contextmanager
    def _reopen(self, plan: Plan) -> Iterator[Workplace]:
        with self._here(), reopen_workplace(plan, Library(self.folder), answers=self.answers) as place:
            yield place

    @contextmanager
    def _here(self) -> Iterator[None]:
        before = dict(os.environ)
        with contextlib.chdir(self.folder):
            os.environ.update(self.environment)
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)

    # In a process of its own, as an operator types it.

    def type(self, *words: str, crash_at: int | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Type a command without a terminal; *crash_at* has the process kill itself at that place."""
        return subprocess.run(
            self.argv(*words, crash_at=crash_at),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @staticmethod
    def argv(*words: str, crash_at: int | None = None) -> list[str]:
        """Give the command line of a command."""
        return [sys.executable, *(COMMAND if crash_at is None else (*CRASHING, str(crash_at))), *words]

    def restoring(self, **inputs: str) -> tuple[str, ...]:
        """Give the words that restore the sample's course with the answers prepared."""
        return ("run-runbook", *self.naming(**inputs), "--yes")

    def naming(self, **inputs: str) -> tuple[str, ...]:
        """Give the words that say what is to be restored where, with the answers prepared."""
        sets = {"course_id": self.sample.course_id, **inputs}
        options = [f"--set={name}={value}" for name, value in sets.items()]
        answers = [f"--answer={step}={value}" for step, value in self.answers.items()]
        return (RESTORE, "--env", ENVIRONMENT, *options, *answers)

    def answering_words(self) -> tuple[str, ...]:
        """Give the prepared answers as options of a resume, which knows no undo yet."""
        return tuple(f"--answer={step}={value}" for step, value in self.answers.items() if not step.startswith("undo/"))


def tell(done: subprocess.CompletedProcess[str]) -> str:
    """Give what a command ended with."""
    return f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def story(run: Run) -> str:
    """Tell what became of a run, for a failed assertion."""
    lines = [f"{step.address}: {step.status} {step.error}" for step in run.steps]
    return "\n".join([run.status, *lines, *map(str, run.events)])
