"""`file.present`: a small text file with this content."""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Subject, Undo
from ...dataclass import dataclass
from ...ops import FileWrite, Op
from ...targets.base import HostReader
from ...values import Plain, Unknown
from .state import FileState, check_path, keeping, octal_mode, read_state, replacing, told, way_back


@dataclass(frozen=True, slots=True)
class FilePresent(Action[FileState]):
    """
    Put a small text file in place.

    It is written beside and renamed, so that readers see the old or the new content, never half.
    A file that is replaced is kept beside, hidden, for the undo; `keep: false` goes without, and
    without a way back. A file that is replaced stays whose it is where the account may give it away, as root may; else
    a warning says whose it was. Links are not followed, folders are refused.
    """

    kind: ClassVar[str] = "file.present"
    example: ClassVar[Mapping[str, Plain]] = {
        "path": "/var/www/maintenance.html",
        "content": "<h1>Back soon</h1>\n",
        "mode": "0644",
    }

    path: str
    content: str
    mode: str | None = field(default=None, metadata={"help": 'octal text such as "0644"; else as it is, or 0644'})
    target: Ref[HostReader] = Ref("local")
    keep: bool = field(default=True, metadata={"help": "keep a copy of what is replaced, for the undo"})

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.mode is not None:
            octal_mode(self.mode)

    def subjects(self) -> frozenset[Subject]:
        """Name the file."""
        return frozenset({Subject(self.target.name, "file", self.path)})

    def probe(self, read: Readers) -> FileState:
        """Look at the file."""
        return read_state(read[self.target], self.path)

    def desired(self, before: FileState) -> FileState:
        """Want this content and mode; of a content that names the run, the SHA-256 is known in the run only."""
        digest = self._digest()
        mode = octal_mode(self.mode) if self.mode else before.mode or "0644"
        kept = before.kept if digest == before.sha256 else keeping(before, keep=self.keep)
        size = len(self.content.encode())
        return FileState(exists=True, sha256=digest, mode=mode, size=size, kept=kept, whose=before.whose)

    def _digest(self) -> str | Unknown:
        if "‹run " in self.content:
            return Unknown("run.content")
        return hashlib.sha256(self.content.encode()).hexdigest()

    def ops(self, old: FileState, new: FileState) -> tuple[Op, ...]:
        """Keep what is there, then write."""
        own = new.sha256 == self._digest()
        write = FileWrite(self.target.name, self.path, self.content, new.mode or "0644", new.whose) if own else None
        return replacing(self.target.name, self.path, old, new, write)

    def undo(self, change: Change[FileState]) -> Undo[FileState]:
        """Bring back what was there."""
        return way_back(self.path, change, keep=self.keep)

    def details(self, change: Change[FileState]) -> tuple[str, ...]:
        """Say where a copy is kept."""
        return told(self.path, change)
