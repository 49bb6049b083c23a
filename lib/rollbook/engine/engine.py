"""The engine: executes a Plan against targets, journalling; nothing else writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from .. import __version__
from ..errors import Interrupted, LockHeld, NotFoundError, RollbookError, UsageError
from ..folding import fold
from ..journal import Journal, Record, utc_now
from ..plan import Plan
from ..planner.planner import Planner
from ..planner.secrecy import hide_secrets, hide_used
from ..planner.systems import require_its_systems
from ..planner.wayback import names_of_undone
from ..run import Run
from ..runs import RunFolder
from ..undos import Undone
from .locks import Locks, run_locks
from .ports import Asker, Watcher
from .preflight import preflight, require, warnings
from .questions import Waiting
from .session import Session
from .signals import stopping_on_signals
from .undoing import beginning, mark_undone, require_open
from .walk import Walk


class Engine:
    """
    Carries out one run, from its start or from where its journal ends.

    *undo_wanted* tells afterwards that a step's failure asks for an undo of the run.
    """

    def __init__(
        self,
        folder: RunFolder,
        planner: Planner,
        *,
        asker: Asker,
        watcher: Watcher,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.folder = folder
        self.planner = planner
        self.asker = asker
        self.watcher = watcher
        self.clock = clock
        self.undo_wanted = False

    def run(self, plan: Plan, *, reason: str = "", undone: Undone | None = None) -> Run:
        """
        Carry out *plan* from its first step; *undone* is the run that it takes back, as it was planned on.

        Raises `RefusedError` before anything is journalled when a lock is held, the preflight finds something
        missing or *undone* goes on; afterwards everything ends in the journal and in the Run's status.
        """
        self._name_run(plan, reason)
        with run_locks(self.planner.pool, self._holder) as locks:
            taken = locks.take(self.planner.locks(plan))
            findings = preflight(plan, self.planner, self.folder.path)
            require(findings)
            first = self._carry(plan, locks, (taken, warnings(findings)), reason, undone)
        return self._ended(self.folder.read(first))

    def _carry(
        self,
        plan: Plan,
        locks: Locks,
        found: tuple[Iterable[tuple[str, str]], Iterable[str]],
        reason: str,
        undone: Undone | None,
    ) -> Record | None:
        """
        Carry *plan* out; give the journal's first record where it tells just this plan.

        *found* are the locks that were taken, and what the preflight warns of.
        """
        taken, warned = found
        known: Record | None = None
        with Journal(self.folder.journal, clock=self.clock) as journal, self._session(journal, plan) as session:
            session.locks = locks
            content = {"run": self.folder.id, "plan": plan, "digest": plan.digest, "reason": reason}
            with beginning(self.folder, plan, self.planner.pool, undone) as back:
                content |= {"undone_at": back.records} if back else {}
                first = session.record("run_started", operator=session.operator, version=__version__, **content)
            # A secret may have been taken out of what the journal tells.
            known = first if isinstance(first["plan"], Plan) else None
            del first, content
            for name, place in taken:
                session.record("lock_taken", name=name, place=place)
            for text in warned:
                session.record("warning", text=text)
            self._walk(session, plan, None).go()
        return known

    def resume(self, *, skip: Mapping[str, str] | None = None, done: Mapping[str, str] | None = None) -> Run:
        """
        Go on where the journal ends. *skip* and *done* map addresses or ids of steps to reasons.

        Raises `RefusedError` when the run is over, held by another process, or its targets are not those it began on.
        """
        with Journal(self.folder.journal, clock=self.clock) as journal:
            run = fold(journal.records)
            require_open(self.folder, run, giving_up=bool(run.abandoning))
            self._name_run(run.plan, run.reason)
            giving_up = bool(run.abandoning)
            with self._locked(run.plan, giving_up=giving_up) as locks, self._session(journal, run.plan) as session:
                if giving_up:
                    self._may_end(run.plan)
                else:
                    require(preflight(run.plan, self.planner, self.folder.path))
                session.locks = locks
                given = {"abandoning": run.abandoning} if giving_up else {}
                session.record("run_resumed", operator=session.operator, places=list(locks.places), **given)
                self._tell(session, locks)
                walk = self._walk(session, run.plan, run)
                for name, why in (skip or {}).items():
                    walk.skip(self._pending(run, name), why)
                for name, why in (done or {}).items():
                    walk.adopt(self._pending(run, name), why)
                if run.abandoning:
                    walk.end("abandoned", run.abandoning)
                else:
                    walk.take_up(run)
                    walk.go()
        return self._ended(self.folder.read(run.first))

    def abandon(self, reason: str) -> Run:
        """End a run for good where it is: its `finally` steps run, what it changed stays. Raises `RefusedError`."""
        if not reason:
            raise UsageError("Abandoning a run needs a reason.", advice='Give --reason "…"; the report shows it.')
        with Journal(self.folder.journal, clock=self.clock) as journal:
            run = fold(journal.records)
            require_open(self.folder, run, giving_up=True)
            self._name_run(run.plan, run.reason)
            with self._locked(run.plan, giving_up=True) as locks, self._session(journal, run.plan) as session:
                session.locks = locks
                self._may_end(run.plan)
                text = f"given up: {reason}"
                session.record("run_resumed", operator=session.operator, text=text, abandoning=reason)
                self._tell(session, locks)
                self._walk(session, run.plan, run).end("abandoned", reason)
        return self.folder.read()

    def adopt(self, address: str, reason: str) -> Run:
        """Record that a step was done by hand. Raises `RefusedError` when a probe shows that it was not."""
        if not reason:
            raise UsageError("Adopting a step needs a reason.", advice='Give --reason "…"; the report shows it.')
        with Journal(self.folder.journal, clock=self.clock) as journal:
            run = fold(journal.records)
            require_open(self.folder, run)
            self._name_run(run.plan, run.reason)
            with self._locked(run.plan), self._session(journal, run.plan) as session:
                require(preflight(run.plan, self.planner, self.folder.path))
                self._walk(session, run.plan, run).adopt(self._pending(run, address), reason)
        return self.folder.read()

    def _ended(self, run: Run) -> Run:
        mark_undone(self.folder, run)
        return run

    def _name_run(self, plan: Plan, reason: str) -> None:
        root = self.folder.path.parent.resolve()
        self.planner.run_names |= {"id": self.folder.id, "folder": str(root / self.folder.id), "reason": reason}
        self.planner.run_names["now"] = self.planner.read.now()
        if plan.undo_of:
            self.planner.run_names |= names_of_undone(self.folder.beside(plan.undo_of))

    @contextmanager
    def _locked(self, plan: Plan, *, giving_up: bool = False) -> Iterator[Locks]:
        """Hold the locks of *plan*; who gives a run up goes without those of servers that do not answer any more."""
        with run_locks(self.planner.pool, self._holder) as locks:
            for lock in self.planner.locks(plan):
                try:
                    locks.take((lock,))
                except LockHeld:
                    raise
                except RollbookError as error:
                    if not giving_up:
                        raise
                    locks.missed.append(f"the lock {lock.name!r} is not held: {error.message}")
            yield locks

    def _may_end(self, plan: Plan) -> None:
        """
        Hide the run's secrets, and look whether what its end acts on is what it was, as far as it answers.

        For a run that is given up, which has no preflight. Raises `RefusedError` where a target leads elsewhere.
        """
        hide_used(plan, self.planner.pool)
        ends = {name for step in plan.steps if step.section != "steps" for name in step.targets}
        require_its_systems(plan, ends, self.planner, "Nothing was done")

    @staticmethod
    def _tell(session: Session, locks: Locks) -> None:
        for text in locks.missed:
            session.record("warning", text=text)

    @property
    def _holder(self) -> str:
        return f"{self.planner.operator}, run {self.folder.id}"

    @contextmanager
    def _session(self, journal: Journal, plan: Plan) -> Iterator[Session]:
        session = Session(
            plan=plan,
            folder=self.folder,
            planner=self.planner,
            journal=journal,
            asker=self.asker,
            watcher=self.watcher,
            clock=self.clock,
            operator=self.planner.operator,
            operators=(plan.made_by, self.planner.operator),
            protects=plan.protects,
        )
        hide_secrets(plan, self.planner.pool)
        past = plan  # an undo tells of its run, and may have fewer steps; that run may be gone
        while past.undo_of and (folder := self.folder.beside(past.undo_of)).journal.exists():
            past = folder.read().plan
            hide_used(past, self.planner.pool)
        with stopping_on_signals(session):
            try:
                yield session
            except Interrupted as stop:
                session.record("interrupted", text=session.stopped_by or stop.message, by=session.operator)
            except Waiting:
                return

    def _walk(self, session: Session, plan: Plan, run: Run | None) -> Walk:
        if run is not None:
            session.operators = (*session.operators, *run.operators)
            for answer in run.answers:
                if not answer.asked and (answer.value is True or answer.value == "yes"):
                    session.approvals.setdefault(answer.address, set()).add(answer.by)
        walk = Walk(session, plan, {step.address: step for step in run.steps} if run else {})
        walk.on_undo = self._want_undo
        return walk

    def _want_undo(self) -> None:
        self.undo_wanted = True

    @staticmethod
    def _pending(run: Run, name: str) -> str:
        found = run.named(name)
        left = [step.address for step in found if not step.done]
        if not left:
            state = f"over already ({found[0].status})" if found else "not part of the run"
            raise NotFoundError(f"Step {name!r} is {state}.", advice=f"`status {run.id}` lists the steps.")
        if len(left) > 1:
            raise UsageError(f"{name!r} is the id of {', '.join(left)}.", advice="Name the one that you mean.")
        return left[0]
