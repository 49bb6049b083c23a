"""What an op may use while it is carried out: its output file, progress, the time left, the wish to stop."""

import hashlib
import os
import threading
import time
from typing import Literal

from ..errors import JournalError
from ..ops import OutputRecord
from ..runs import RunFolder
from .ports import Watcher


def mark_of(folder: RunFolder, address: str) -> str:
    """Give the mark by which a step's processes are found again."""
    return f"{folder.id}/{address}"


class LiveExecution:
    """
    One attempt at one step. Output goes to the step's file (0600), opened when the first byte comes.

    *deadline* is seconds on the monotonic clock, None for no limit. *kill* is set when running
    commands must end now.
    """

    def __init__(
        self, folder: RunFolder, address: str, watcher: Watcher, kill: threading.Event, deadline: float | None
    ) -> None:
        self._folder = folder
        self._address = address
        self._watcher = watcher
        self._kill = kill
        self._deadline = deadline
        self._file = -1
        self._digest = hashlib.sha256()
        self._size = 0
        self._tail = b""

    @property
    def mark(self) -> str:
        """The run and step."""
        return mark_of(self._folder, self._address)

    @property
    def timeout(self) -> float | None:
        """Seconds that are left, never negative; None for no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def write_output(self, chunk: bytes) -> None:
        """Add redacted output; later attempts add to the same file."""
        path = self._folder.output(self._address)
        try:
            if self._file < 0:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise JournalError(
                f"The output file {path} cannot be written: {error.strerror}. The run stops here.",
                advice="Make room or fix the rights, then resume: the step is in doubt, for it had begun.",
            ) from error
        self._digest.update(chunk)
        self._size += len(chunk)
        self._tail = (self._tail + chunk)[-4096:]
        self._watcher.output(self._address, chunk)

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Tell how far the op is."""
        self._watcher.progress(self._address, done, total, unit)

    def stopping(self) -> bool:
        """Tell whether running work must end now."""
        return self._kill.is_set()

    def output(self) -> OutputRecord | None:
        """Close the file and describe this attempt's part of it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if not self._size:
            return None
        path = str(self._folder.output(self._address).relative_to(self._folder.path))
        return OutputRecord(path, self._size, self._digest.hexdigest(), self._tail.decode(errors="replace"))
