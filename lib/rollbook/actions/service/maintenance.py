"""`service.maintenance`: a site's maintenance or read-only mode, on or off."""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import Awaited, FileRemove, FileWrite, Op
from ...targets.base import HostReader
from ...values import Plain
from .commands import RUNNING, STOPPED


@dataclass(frozen=True, slots=True)
class ModeCommands:
    """Commands, as lists: `status` exits with 0 in the mode, and with 1, 2 or 3 out of it."""

    enter: tuple[str, ...]
    leave: tuple[str, ...]
    status: tuple[str, ...]

    def __post_init__(self) -> None:
        if not (self.enter and self.leave and self.status):
            raise ValueError("expected enter, leave and status, each a command as a list of words")


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Whether the flag is there and whether the service says so; None for what is not asked."""

    flag: bool | None
    service: bool | None
    sha256: str | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class ServiceMaintenance(Action[Maintenance]):
    """
    Turn a maintenance or read-only mode on (`active: true`) or off.

    By a `flag` file that the web server or the application looks for, by `commands:`, or by both: the flag goes up
    first and comes down last. An undo gives back what was found. Say with `site: down` or `site: read-only` how the
    site is after the step, and with `downtime: begins` and `ends` what the report is to measure; the step that turns
    it off belongs into `finally`, so that it comes off however the run ends.
    """

    kind: ClassVar[str] = "service.maintenance"
    example: ClassVar[Mapping[str, Plain]] = {"active": True, "flag": "/srv/app/maintenance.flag"}
    by_hand: ClassVar[str] = """
`touch <flag>` turns it on and `rm <flag>` off; then look at the site.
"""

    active: bool
    flag: str | None = field(default=None, metadata={"help": "a file that is there while the mode is on"})
    content: str = field(default="", metadata={"help": "what the flag holds"})
    commands: ModeCommands | None = None
    patience: timedelta = field(default=timedelta(minutes=1), metadata={"help": "how long to wait for a command"})
    target: Ref[HostReader] = Ref("local")
    run_as: str | None = None

    def __post_init__(self) -> None:
        if self.flag is None and self.commands is None:
            raise ValueError("expected a flag, commands, or both")
        if self.flag is not None and (not self.flag or self.flag.endswith("/")):
            raise ValueError("flag: expected the path of a file")

    def subjects(self) -> frozenset[Subject]:
        """Name the flag, and the mode."""
        flag = {Subject(self.target.name, "file", self.flag)} if self.flag else set()
        status = " ".join(self.commands.status) if self.commands else ""
        return frozenset(flag | ({Subject(self.target.name, self.kind, status)} if status else set()))

    def probe(self, read: Readers) -> Maintenance:
        """Look at the flag and ask the service."""
        host = read[self.target]
        digest = host.sha256(self.flag) if self.flag else None
        service = None
        if self.commands:
            result = host.run(self.commands.status, run_as=self.run_as)
            if result.exited not in (*RUNNING, *STOPPED):
                raise TargetError(
                    f"{' '.join(self.commands.status)} on {host.name} exits {result.exited}: {result.stderr[-300:]}",
                    advice="status: exits with 0 while the mode is on, and with 1, 2 or 3 while it is off.",
                )
            service = result.exited in RUNNING
        return Maintenance(None if self.flag is None else digest is not None, service, digest)

    def desired(self, before: Maintenance) -> Maintenance:
        """Want the mode."""
        flag, service = (None if part is None else self.active for part in (before.flag, before.service))
        return Maintenance(flag, service, (before.sha256 or self._digest()) if flag else None)

    def _digest(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    def ops(self, old: Maintenance, new: Maintenance) -> tuple[Op, ...]:
        """Raise the flag before the command, take it down after it."""
        ops: list[Op] = []
        if self.flag and new.flag and not old.flag:
            ops.append(FileWrite(self.target.name, self.flag, self.content))
        if self.commands and old.service != new.service:
            ops.append(self._turn(self.commands, on=bool(new.service)))
        if self.flag and old.flag and not new.flag:
            ops.append(FileRemove(self.target.name, self.flag))
        return tuple(ops)

    def _turn(self, commands: ModeCommands, *, on: bool) -> Awaited:
        return Awaited(
            self.target.name,
            commands.enter if on else commands.leave,
            run_as=self.run_as,
            look=commands.status,
            codes=RUNNING if on else STOPPED,
            patience=self.patience.total_seconds(),
        )

    def undo(self, change: Change[Maintenance]) -> Undo[Maintenance]:
        """Give back what was found."""
        lost = change.before.sha256 not in (None, self._digest()) and not change.after.flag
        return Reverse(change.before, "the flag then holds what `content` says, not what it held" if lost else "")

    def verdict(self, change: Change[Maintenance]) -> Verdict:
        """Sort it."""
        return "update" if change.ops else "noop"
