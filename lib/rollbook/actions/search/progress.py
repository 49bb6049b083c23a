"""A command that says in its output how far it is."""

import time
from collections.abc import Sequence
from typing import ClassVar, Final, Literal

from ...dataclass import dataclass
from ...errors import StepFailed
from ...matching import search
from ...ops import Carriers, Command, Execution, OpResult
from ...values import Plain

_EVERY: Final = 0.5  # seconds
_KEPT: Final = 4096  # bytes


@dataclass(frozen=True, slots=True)
class ProgressCommand(Command):
    """A command whose output tells its progress: the groups `done` and `total` of the pattern *progress*."""

    op: ClassVar[str] = "command.progress"
    progress: str = ""

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        """Run it, and tell on the way how far it is."""
        return carriers.execute(self, _Listening(execution, self.progress) if self.progress else execution)


class _Listening:
    """The execution of a command, with an ear on its output; a pattern that takes too long is given up."""

    def __init__(self, execution: Execution, pattern: str) -> None:
        self._execution = execution
        self._pattern = pattern
        self._tail = b""
        self._looked = 0.0

    @property
    def mark(self) -> str:
        """The run and step."""
        return self._execution.mark

    @property
    def answers(self) -> Sequence[Plain]:
        """What people answered to what the step asked at work."""
        return self._execution.answers

    @property
    def timeout(self) -> float | None:
        """Seconds that are left."""
        return self._execution.timeout

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Pass it on."""
        self._execution.progress(done, total, unit)

    def stopping(self) -> bool:
        """Pass it on."""
        return self._execution.stopping()

    def write_output(self, chunk: bytes) -> None:
        """Pass it on, and look now and then what its newest lines say."""
        self._execution.write_output(chunk)
        self._tail = (self._tail + chunk)[-_KEPT:]
        if self._pattern and time.monotonic() - self._looked >= _EVERY:
            self._look()
            self._looked = time.monotonic()

    def _look(self) -> None:
        lines = self._tail.decode(errors="replace").replace("\r", "\n").split("\n")
        try:
            found = search(self._pattern, "\n".join(reversed(lines)))
        except StepFailed as error:
            self._pattern = ""
            self._execution.write_output(f"\nrollbook: no progress is told any more: {error.message}\n".encode())
            return
        done, total = (found.names.get("done"), found.names.get("total")) if found else (None, None)
        if done and done.isdecimal():
            self._execution.progress(int(done), int(total) if total and total.isdecimal() else None, "items")
