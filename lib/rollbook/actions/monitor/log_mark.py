"""`log.mark`: where the logs end now."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...ops import OpResult
from ...targets.base import HostReader
from ...values import Plain
from .absent import foretold
from .journald import cursor_of
from .logs import LogFiles, told_marks


@dataclass(frozen=True, slots=True)
class LogMark(Assertion):
    """
    Note where log files and the journal end, so that `log.scan` looks at what came after.

    That is looked at in the step's turn, never while planning: what is logged in between is not the run's doing.
    The last part of a file's name may hold `*`; files that appear later are then looked at from their beginning. A file
    that is not there may be written later, so it stops nothing; the plan tells of it. One that may not be read fails.
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
        if any(not path or path.startswith("-") for path in self.files):
            raise ValueError("files: expected paths")
        if any(unit.startswith("-") or not unit for unit in self.units):
            raise ValueError("units: expected names of systemd units")

    def subjects(self) -> frozenset[Subject]:
        """Name the logs."""
        return frozenset(Subject(self.target.name, "log", name) for name in (*self.files, *self.units))

    def describe(self) -> str:
        """Say whose end is noted."""
        return f"note where they end: {', '.join((*self.files, *(f'journal of {unit}' for unit in self.units)))}"

    def foretell(self, read: Readers) -> tuple[str, ...]:
        """Tell which of the files are not there, while there is time to look for them."""
        return tuple(foretold(read[self.target], self.files))

    def probe(self, read: Readers) -> Outcome:
        """Look where they end."""
        host = read[self.target]
        files = LogFiles(host)
        marks = {path: files.mark(path) for path in files.named(self.files)}
        mark: dict[str, Plain] = {
            "patterns": list(self.files),
            "files": told_marks(marks),
            "units": list(self.units),
            "cursor": cursor_of(host) if self.units else "",
        }
        lines = [f"{path}: {f'{mark.offset} bytes' if mark.there else 'not there yet'}" for path, mark in marks.items()]
        return Outcome(True, "\n".join((*lines, *(f"journal of {unit}" for unit in self.units))), {"mark": mark})

    def outputs(self, after: Outcome, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # no ops
        """Give the places, for `log.scan`."""
        return {"mark": after.seen["mark"]}
