"""What happens elsewhere at one moment of a run that is carried out in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rollbook.journal import Journal, Record, RecordType
from rollbook.ops import Execution, Op, OpResult
from rollbook.targets import TargetPool
from rollbook.values import Plain


@contextmanager
def before_write(kind: type[Op], happens: Callable[[], object]) -> Iterator[None]:
    """Have something happen just before the first write of a kind is sent, once."""
    execute, left = TargetPool.execute, [happens]

    def interrupted(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
        if left and isinstance(op, kind):
            left.pop()()
        return execute(pool, op, execution)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TargetPool, "execute", interrupted)
        yield
    assert not left, f"no {kind.__name__} was written"


@contextmanager
def before_record(wanted: RecordType, step: str, index: int | None, happens: Callable[[], object]) -> Iterator[None]:
    """Have something happen just before a record of a step is journalled, once."""
    append, left = Journal.append, [happens]

    def interrupted(journal: Journal, type: RecordType, **content: Plain) -> Record:  # noqa: A002  # as Journal's
        if left and (type, content.get("step"), content.get("index")) == (wanted, step, index):
            left.pop()()
        return append(journal, type, **content)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Journal, "append", interrupted)
        yield
    assert not left, f"there was no {wanted} of {step}"
