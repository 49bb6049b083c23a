"""The places at which a restore can be killed, named by counting them in an undisturbed one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

from rollbook.journal import Journal, Record, RecordType
from rollbook.ops import Execution, Op, OpResult
from rollbook.run import Run
from rollbook.targets import TargetPool
from rollbook.testing.crash import Points, crashing
from rollbook.values import Plain

from .desk import Desk

When = Literal["before", "torn", "after"]
_NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Place:
    """One place, by its number for `crashing`; *what* is a record's type or "op" for the write itself."""

    number: int
    when: When
    what: str
    step: str = ""
    index: int | None = None

    def __str__(self) -> str:
        name = f"{self.step} {self.what}" if self.index is None else f"{self.step} {self.what} {self.index}"
        return f"{self.number}: {self.when} {name.strip()}"


def count_places(desk: Desk) -> tuple[Run, tuple[Place, ...]]:
    """Restore undisturbed, and name every place that was passed."""
    found: list[Place] = []
    with crashing(_NEVER) as points, _listening(points, found):
        run = desk.run()
    assert [place.number for place in found] == list(range(1, points.passed + 1))
    return run, tuple(found)


@contextmanager
def _listening(points: Points, found: list[Place]) -> Iterator[None]:
    append, execute = Journal.append, TargetPool.execute
    now = {"step": "", "index": 0}

    def note(first: int, whens: tuple[When, ...], what: str, step: str, index: int | None) -> None:
        found.extend(Place(first + place, when, what, step, index) for place, when in enumerate(whens))

    def listening_append(journal: Journal, type: RecordType, **content: Plain) -> Record:  # noqa: A002  # as Journal's
        first, step, index = points.passed + 1, content.get("step", ""), content.get("index")
        if type == "step_started":
            now.update(step=step, index=0)
        if type == "op_started":
            now.update(index=index)
        record = append(journal, type, **content)
        note(first, ("before", "torn", "after"), type, step, index)
        return record

    def listening_execute(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
        first = points.passed + 1
        result = execute(pool, op, execution)
        note(first, ("before", "after"), "op", str(now["step"]), int(now["index"]))
        return result

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Journal, "append", listening_append)
        patched.setattr(TargetPool, "execute", listening_execute)
        yield
