"""`django.manage`: a command of a site's manage.py."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Change, Effect, Family, Readers, Subject, Undo, Verdict
from ...command import OUTPUTS, CommandState, command_outputs, look_whether_done, undo_of_command
from ...dataclass import dataclass
from ...ops import Op, OpResult
from ...values import Plain
from .site import DjangoSite


@dataclass(frozen=True, slots=True)
class DjangoManage(DjangoSite[CommandState]):
    """
    Run a command of the site's manage.py.

    As with `shell.run`, `creates` (a path) and `unless` (another command of manage.py that only looks, exit code 0)
    say that the work is done already, and `effect:` what a resume may do where neither is given.
    """

    kind: ClassVar[str] = "django.manage"
    family: ClassVar[Family] = "command"
    example: ClassVar[Mapping[str, Plain]] = {
        "run": ["recreate_index", "--all"],
        "directory": "/srv/forum",
        "python": "/srv/forum/.venv/bin/python",
        "effect": "idempotent",
    }
    by_hand: ClassVar[str] = "`cd <directory> && <python> manage.py <run>`"
    output_names: ClassVar[tuple[str, ...] | None] = OUTPUTS

    run: tuple[str, ...] = field(metadata={"help": "the command and its arguments, as a list"})
    creates: str | None = field(default=None, metadata={"help": "a path that is there when the work is done"})
    unless: tuple[str, ...] = field(default=(), metadata={"help": "a looking command: 0 means the work is done"})
    effect_: Effect = field(default="once", metadata={"help": "what a resume may do: read, idempotent or once"})
    ok_codes: tuple[int, ...] = field(default=(0,), metadata={"help": "exit codes that mean success"})
    no_log: bool = field(default=False, metadata={"help": "keep its output out of journal and files"})

    def __post_init__(self) -> None:
        if not self.run or not self.run[0] or self.run[0].startswith("-"):
            raise ValueError("run: expected a command of manage.py and its arguments, as a list")
        if not self.ok_codes:
            raise ValueError("ok_codes: expected at least one exit code")

    def subjects(self) -> frozenset[Subject]:
        """Name the command line itself, which no other step projects."""
        return frozenset({Subject(self.target.name, self.kind, "\0".join((self.directory or "", *self.run)))})

    def probe(self, read: Readers) -> CommandState:
        """Look whether it is done."""
        done = self.look(read, *self.unless).exited == 0 if self.unless else None
        return look_whether_done(read[self.target], self.creates, done)

    def desired(self, before: CommandState) -> CommandState:
        """Want it done."""
        return before if before.done else CommandState(done=True)

    def ops(self, old: CommandState, new: CommandState) -> tuple[Op, ...]:
        """Run it, unless it is done."""
        if old.done or not new.done:
            return ()
        return (self.command(*self.run, ok=self.ok_codes, no_log=self.no_log),)

    def undo(self, change: Change[CommandState]) -> Undo[CommandState]:
        """Leave what only read; refuse the rest."""
        return undo_of_command(change, self.effect_)

    def outputs(self, after: CommandState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give exit code and output; no exit code when it did not have to run."""
        return command_outputs(after, results)

    def verdict(self, change: Change[CommandState]) -> Verdict:
        """Sort it: run, or done already."""
        return "run" if change.ops else "noop"

    def effect(self) -> Effect:
        """Give what the runbook says."""
        return self.effect_
