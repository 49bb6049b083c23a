"""`file.copy`: one file's content at another path of the same host."""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import FileCopy, Op
from ...targets.base import HostReader
from ...values import Plain, Unknown
from .state import FileState, check_path, keeping, octal_mode, read_state, replacing, told, way_back

_OWNER: Final = re.compile(r"[A-Za-z0-9_][\w.-]*:[A-Za-z0-9_][\w.-]*")


@dataclass(frozen=True, slots=True)
class CopyState(FileState):
    """The file at `path`, and what stands at `source`."""

    source_sha256: str | Unknown | None = evidence(default=None)
    source_mode: str | None = evidence(default=None)
    source_size: int | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class FileCopied(Action[CopyState]):
    """
    Copy a file on its host; nothing is written where the content is the same already.

    A file that is replaced is kept beside, hidden, for the undo; `keep: false` goes without, and
    without a way back. Links are not followed, folders are refused.
    """

    kind: ClassVar[str] = "file.copy"
    example: ClassVar[Mapping[str, Plain]] = {"source": "/etc/app/app.conf", "path": "/var/backups/app.conf"}

    source: str
    path: str
    mode: str | None = field(default=None, metadata={"help": 'octal text such as "0600"; else the source\'s'})
    target: Ref[HostReader] = Ref("local")
    keep: bool = field(default=True, metadata={"help": "keep a copy of what is replaced, for the undo"})
    owner: str | None = field(
        default=None, metadata={"help": 'such as "www-data:www-data"; else as it is, or who writes it'}
    )

    def __post_init__(self) -> None:
        check_path(self.source)
        check_path(self.path)
        if self.source == self.path:
            raise ValueError("source and path are the same file")
        if self.mode is not None:
            octal_mode(self.mode)
        if self.owner is not None and not _OWNER.fullmatch(self.owner):
            raise ValueError('owner: expected user:group, such as "www-data:www-data"')

    def subjects(self) -> frozenset[Subject]:
        """Name both files."""
        return frozenset(Subject(self.target.name, "file", path) for path in (self.source, self.path))

    def probe(self, read: Readers) -> CopyState:
        """Look at both files."""
        host = read[self.target]
        source = read_state(host, self.source)
        if not source.exists:
            raise TargetError(
                f"{self.source} on {host.name} is not there, so it cannot be copied.",
                advice="A file that an earlier step makes is copied by that step, or by shell.run.",
            )
        found = read_state(host, self.path, owned=self.owner is not None)
        return CopyState(
            exists=found.exists,
            sha256=found.sha256,
            mode=found.mode,
            size=found.size,
            kept=found.kept,
            owner=found.owner,
            whose=found.whose,
            source_sha256=source.sha256,
            source_mode=source.mode,
            source_size=source.size,
        )

    def desired(self, before: CopyState) -> CopyState:
        """Want the source's content."""
        mode = octal_mode(self.mode) if self.mode else before.source_mode
        digest = before.source_sha256
        kept = before.kept if digest == before.sha256 else keeping(before, keep=self.keep)
        return replace(
            before, exists=True, sha256=digest, mode=mode, size=before.source_size, kept=kept, owner=self.owner
        )

    def ops(self, old: CopyState, new: CopyState) -> tuple[Op, ...]:
        """Keep what is there, then copy."""
        own = new.exists and new.sha256 == old.source_sha256
        copy = FileCopy(self.target.name, self.source, self.path, new.mode, new.owner, new.whose)
        return replacing(self.target.name, self.path, old, new, copy if own else None)

    def undo(self, change: Change[CopyState]) -> Undo[CopyState]:
        """Bring back what was there."""
        return way_back(self.path, change, keep=self.keep)

    def details(self, change: Change[CopyState]) -> tuple[str, ...]:
        """Say where a copy is kept."""
        return told(self.path, change)
