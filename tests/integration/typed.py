"""What is typed in an operator's folder, in processes of their own."""

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from rollbook.run import Run
from rollbook.runs import Runs

from .desk import COMMAND, CRASHING


class Typed(ABC):
    """A folder with an inventory, and the variables of the operator's shell."""

    folder: Path

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The variables of the operator's shell."""

    @property
    def runs(self) -> Runs:
        """The runs of this folder."""
        return Runs(self.folder / ".rollbook")

    def last(self) -> Run:
        """Read the newest run."""
        return self.runs.all()[-1].read()

    @property
    def said(self) -> str:
        """What the last command has said."""
        return (self.folder / "said").read_text()

    def start(self, *words: str, crash_at: int | None = None) -> subprocess.Popen[bytes]:
        """Type a command without a terminal, in a process group of its own; what it says goes into a file."""
        with (self.folder / "said").open("wb") as said:
            return subprocess.Popen(
                [sys.executable, *(COMMAND if crash_at is None else (*CRASHING, str(crash_at))), *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def type(self, *words: str, crash_at: int | None = None) -> tuple[int, str]:
        """Type a command and wait; gives its exit code and what it said."""
        code = self.start(*words, crash_at=crash_at).wait(timeout=180)
        return code, self.said
