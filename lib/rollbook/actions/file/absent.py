"""`file.absent`: no such file."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Subject, Undo
from ...dataclass import dataclass
from ...ops import Op
from ...targets.base import HostReader
from ...values import Plain
from .state import FileState, check_path, keeping, read_state, replacing, told, way_back


@dataclass(frozen=True, slots=True)
class FileAbsent(Action[FileState]):
    """
    Remove a file, if it is there.

    It is kept beside, hidden, for the undo, which needs its size once more on that disk;
    `keep: false` goes without, and without a way back. Links are not followed, folders are refused.
    """

    kind: ClassVar[str] = "file.absent"
    example: ClassVar[Mapping[str, Plain]] = {"path": "/var/www/maintenance.html"}

    path: str
    target: Ref[HostReader] = Ref("local")
    keep: bool = field(default=True, metadata={"help": "keep a copy of what is removed, for the undo"})

    def __post_init__(self) -> None:
        check_path(self.path)

    def subjects(self) -> frozenset[Subject]:
        """Name the file."""
        return frozenset({Subject(self.target.name, "file", self.path)})

    def probe(self, read: Readers) -> FileState:
        """Look at the file."""
        return read_state(read[self.target], self.path)

    def desired(self, before: FileState) -> FileState:
        """Want it gone."""
        return FileState(exists=False, kept=keeping(before, keep=self.keep))

    def ops(self, old: FileState, new: FileState) -> tuple[Op, ...]:
        """Keep it, then remove it."""
        return replacing(self.target.name, self.path, old, new, None)

    def undo(self, change: Change[FileState]) -> Undo[FileState]:
        """Bring it back."""
        return way_back(self.path, change, keep=self.keep)

    def details(self, change: Change[FileState]) -> tuple[str, ...]:
        """Say where a copy is kept."""
        return told(self.path, change)
