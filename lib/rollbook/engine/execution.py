"""What an op may use while it is carried out: its output file, progress, the time left, the wish to stop."""

import threading
import time
from collections.abc import Sequence
from typing import Final, Literal

from ..errors import JournalError
from ..ops import OutputRecord
from ..runs import RunFolder
from ..values import Plain
from .output import OutputFile
from .ports import Watcher

_TAIL: Final = 4096


def mark_of(folder: RunFolder, address: str) -> str:
    """Give the mark by which a step's processes are found again."""
    return f"{folder.id}/{address}"


class LiveExecution:
    """
    One attempt at one step. Output goes to the step's file.

    *deadline* is seconds on the monotonic clock, None for no limit. *kill* is set when running
    commands must end now. *answers* are those to what the step asked at work.
    """

    def __init__(
        self,
        folder: RunFolder,
        address: str,
        watcher: Watcher,
        kill: threading.Event,
        deadline: float | None,
        answers: Sequence[Plain] = (),
    ) -> None:
        self._folder = folder
        self._address = address
        self._watcher = watcher
        self._kill = kill
        self._deadline = deadline
        self._answers = tuple(answers)
        self._file: OutputFile | None = None  # most commands print nothing
        self._tail = b""

    @property
    def mark(self) -> str:
        """The run and step."""
        return mark_of(self._folder, self._address)

    @property
    def timeout(self) -> float | None:
        """Seconds that are left, never negative; None for no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def answers(self) -> Sequence[Plain]:
        """What people answered to what the step asked at work."""
        return self._answers

    def write_output(self, chunk: bytes) -> None:
        """Add redacted output; later attempts add to the same file, which keeps a beginning and an end."""
        if self._file is None:
            self._file = OutputFile(self._folder.output(self._address))
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _unwritable(self._file, error) from error
        self._tail = (self._tail + chunk[-_TAIL:])[-_TAIL:]
        self._watcher.output(self._address, chunk)

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Tell how far the op is."""
        self._watcher.progress(self._address, done, total, unit)

    def stopping(self) -> bool:
        """Tell whether running work must end now."""
        return self._kill.is_set()

    def output(self) -> OutputRecord | None:
        """Close the file and describe what it keeps of this attempt."""
        if self._file is None:
            return None
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(self._file, error) from error
        if not self._file.size:
            return None
        path = str(self._file.path.relative_to(self._folder.path))
        return OutputRecord(path, self._file.size, self._file.sha256, self._tail.decode(errors="replace"))


def _unwritable(file: OutputFile, error: OSError) -> JournalError:
    return JournalError(
        f"The output file {file.path} cannot be written: {error.strerror}. The run stops here.",
        advice="Make room or fix the rights, then resume: the step is in doubt, for it had begun.",
    )
