"""A site under test: the sample's stores behind real targets, and a step carried out on them as the engine does it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from rollbook.action import Action, Assertion, Change, Fact, Outcome, Reverse, compared_fields
from rollbook.demo.sample import Sample
from rollbook.ops import Clock, Op, OpResult
from rollbook.planner.readers import LiveReaders
from rollbook.planner.step import decode_op, encode_op, refuse
from rollbook.schema import build, encode
from rollbook.targets.base import TargetSpec
from rollbook.targets.pool import TargetPool
from rollbook.targets.redaction import Redactor
from rollbook.targets.secrets import SecretStore
from rollbook.values import Plain, bind

RUN = "20240501T120000Z-restore-course-7f3a"


class Silence:
    """Carries an op out with nobody watching."""

    timeout: float | None = None
    answers: tuple[Plain, ...] = ()

    def write_output(self, chunk: bytes) -> None:
        """Pass."""

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Pass."""

    def stopping(self) -> bool:
        """Say no."""
        return False


@dataclass(frozen=True, slots=True)
class Site:
    """The sample behind its targets."""

    sample: Sample
    pool: TargetPool
    read: LiveReaders

    def action(self, kind: type[Action[Any]], **arguments: object) -> Action[Any]:
        """Build an action as the planner does, from plain arguments."""
        return build(kind, {"course_id": self.sample.course_id, **arguments})

    def plan(self, action: Action[Any], goal: object = None) -> Change[Any]:
        """Probe, decide and give the writes; through JSON, as a saved plan goes."""
        before = action.probe(self.read) if goal is None else action.probe_for(self.read, goal)
        if isinstance(action, Fact):
            refuse(action, before)
        after = action.desired(before) if goal is None else goal
        ops = tuple(decode_op(encode_op(op)) for op in action.ops(before, after))
        assert [build(type(before), encode(state)) for state in (before, after)] == [before, after]
        assert all(type(line) is str for line in action.details(Change(before, after, ops)))
        return Change(before, after, ops)

    def known(self) -> Mapping[str, Any]:
        """Give what the run knows."""
        return Clock.at(RUN, datetime.now(UTC)).known()

    def carry_out(self, ops: Sequence[Op], known: Mapping[str, Any] | None = None) -> list[OpResult]:
        """Carry ops out with what the run knows filled in."""
        bound = [decode_op(bind(encode_op(op), known or self.known())) for op in ops]
        return [op.carry_out(self.pool, Silence()) for op in bound]

    def apply(self, action: Action[Any], goal: object = None) -> Change[Any]:
        """Plan and carry out, and see that a probe shows what was planned."""
        change = self.plan(action, goal)
        self.carry_out(change.ops)
        found = action.probe(self.read)
        for name in compared_fields(action.state):
            assert getattr(found, name) == getattr(change.after, name), name
        return change

    def undo(self, action: Action[Any], change: Change[Any]) -> Change[Any]:
        """Take a change back."""
        decision = action.undo(change)
        assert isinstance(decision, Reverse)
        return self.apply(action, decision.goal)

    def look(self, assertion: Assertion) -> Outcome:
        """Look once."""
        return assertion.probe(self.read)


@contextmanager
def open_site(sample: Sample) -> Iterator[Site]:
    """Open the sample's stores as targets."""
    redactor = Redactor()
    pool = TargetPool(
        {
            "local": TargetSpec("local", "local"),
            "ledger": TargetSpec("ledger", "sql", {"url": sample.sql_url}),
            "modulestore": TargetSpec("modulestore", "mongo", {"url": sample.mongo_url, "database": sample.database}),
        },
        SecretStore({}, redactor),
        redactor,
    )
    try:
        yield Site(sample, pool, LiveReaders(pool, lambda: datetime.now(UTC), threading.Event()))
    finally:
        pool.close()
