"""
Crashes at every place that matters: before, within and after each journal append, before and after each op.

`crashing` does it in this process; `python -m rollbook.testing.crash AT COMMAND…` runs a command of
Rollbook's and kills its own process with SIGKILL there.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points

from ..dataclass import dataclass
from ..journal import Journal, Record, RecordType
from ..ops import Execution, Op, OpResult
from ..targets import TargetPool
from ..values import Plain


class CrashError(BaseException):
    """Stands for a killed process: no handler of the engine's catches it."""


def raise_crash() -> None:
    """Crash in this process only."""
    raise CrashError


def kill_self() -> None:
    """Crash as `kill -9` does."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class Points:
    """Counts the places passed; crashes at number *at*, from 1."""

    at: int
    crash: Callable[[], None]
    passed: int = 0

    @property
    def crashed(self) -> bool:
        """Tell whether the place was reached."""
        return self.passed >= self.at

    def reach(self) -> bool:
        """Pass a place; tell whether it is the one."""
        self.passed += 1
        return self.passed == self.at

    def pass_by(self) -> None:
        """Pass a place, and crash if it is the one."""
        if self.reach():
            self.crash()


@contextmanager
def crashing(at: int, crash: Callable[[], None] = raise_crash) -> Iterator[Points]:
    """Crash at the *at*th place until the block ends; places after the last are never reached."""
    points = Points(at, crash)
    append, write, execute = Journal.append, Journal._write, TargetPool.execute  # noqa: SLF001  # the place to tear a line

    def torn_write(journal: Journal, pieces: Iterable[bytes], *, forced: bool) -> str:
        line = b"".join(pieces)
        if points.reach():
            with journal.path.open("ab") as file:
                file.write(line[: len(line) // 2])
            points.crash()
        return write(journal, (line,), forced=forced)

    def crashing_append(
        journal: Journal,
        type: RecordType,  # noqa: A002  # as Journal's
        *,
        forced: bool = True,
        **content: Plain,
    ) -> Record:
        points.pass_by()
        record = append(journal, type, forced=forced, **content)
        points.pass_by()
        return record

    def crashing_execute(pool: TargetPool, op: Op, execution: Execution) -> OpResult:
        points.pass_by()
        result = execute(pool, op, execution)
        points.pass_by()
        return result

    patches = (
        (Journal, "append", crashing_append),
        (Journal, "_write", torn_write),
        (TargetPool, "execute", crashing_execute),
    )
    with _patched(patches):
        yield points


@contextmanager
def _patched(patches: Iterable[tuple[type, str, Callable[..., object]]]) -> Iterator[None]:
    """Put replacements into classes until the block ends."""
    originals = [(owner, name, getattr(owner, name), replacement) for owner, name, replacement in patches]
    for owner, name, _, replacement in originals:
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for owner, name, original, _ in originals:
            setattr(owner, name, original)


def main(arguments: list[str]) -> None:
    """Run a command and kill this process at the place named first."""
    # By its entry point, as a shell would find it: this package is below the command line.
    (entry,) = entry_points(group="console_scripts", name="rollbook")
    command = entry.load()
    sys.argv = ["rollbook", *arguments[1:]]
    with crashing(int(arguments[0]), kill_self):
        command()


if __name__ == "__main__":
    main(sys.argv[1:])
