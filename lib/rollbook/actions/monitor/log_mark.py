"""`log.mark`: where the logs end now."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, evidence
from ...dataclass import dataclass
from ...targets.base import HostReader
from ...values import Plain
from .journald import cursor_of
from .logs import LogFiles, told_marks


@dataclass(frozen=True, slots=True)
class LogMarks:
    """The places, for `log.scan`; `mark` holds all it needs."""

    mark: Mapping[str, Plain] = evidence()


@dataclass(frozen=True, slots=True)
class LogMark(Fact[LogMarks]):
    """
    Note where log files and the journal end, so that `log.scan` looks at what came after.

    The last part of a file's name may hold `*`; files that appear later are then looked at from their beginning.
    """

    kind: ClassVar[str] = "log.mark"
    example: ClassVar[Mapping[str, Plain]] = {"files": ["/var/log/app/*.log"], "units": ["celery.service"]}
    by_hand: ClassVar[str] = "Note the time, and the size of each of `<files>`: `stat -c %s FILE`."

    files: tuple[str, ...] = field(default=(), metadata={"help": "log files on the target"})
    units: tuple[str, ...] = field(default=(), metadata={"help": "systemd units whose journal is looked at"})
    target: Ref[HostReader] = Ref("local")

    def __post_init__(self) -> None:
        if not self.files and not self.units:
            raise ValueError("expected files or units")
        if any(not path.startswith("/") for path in self.files):
            raise ValueError("files: expected paths from the root")
        if any(unit.startswith("-") or not unit for unit in self.units):
            raise ValueError("units: expected names of systemd units")

    def subjects(self) -> frozenset[Subject]:
        """Name the logs."""
        return frozenset(Subject(self.target.name, "log", name) for name in (*self.files, *self.units))

    def probe(self, read: Readers) -> LogMarks:
        """Look where they end."""
        host = read[self.target]
        files = LogFiles(host)
        marks = {path: files.mark(path) for path in files.named(self.files)}
        cursor = cursor_of(host) if self.units else ""
        return LogMarks(
            {
                "at": read.now(),
                "patterns": list(self.files),
                "files": told_marks(marks),
                "units": list(self.units),
                "cursor": cursor,
            }
        )

    def details(self, change: Change[LogMarks]) -> tuple[str, ...]:
        """Say where each ends."""
        marks = change.after.mark["files"]
        lines = [f"{path}: {_place(mark)}" for path, mark in marks.items()]
        return (*lines, *(f"journal of {unit}" for unit in self.units))


def _place(mark: Plain) -> str:
    return f"{mark['offset']} bytes" if mark else "not there yet"
