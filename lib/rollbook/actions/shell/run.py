"""`shell.run`: a command on a host."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Action, Change, Effect, Family, Readers, Ref, Subject, Undo, Verdict
from ...command import (
    OUTPUTS,
    STDERR_LIMIT,
    STDOUT_LIMIT,
    CommandState,
    command_outputs,
    look_whether_done,
    undo_of_command,
)
from ...dataclass import dataclass
from ...errors import CommandFailed
from ...ops import Command, Op, OpResult
from ...targets.base import CommandResult, HostReader
from ...values import Plain, Secret


@dataclass(frozen=True, slots=True)
class ShellRun(Action[CommandState]):
    """
    Run a command.

    As a list it is started as it is; as a text it goes to `sh -c`, with every `{{ }}` in it
    shell-quoted unless it ends in `| raw`. `creates` (a path) and `unless` (a command that only
    looks, exit code 0) say that the work is done already. `effect: read` with `plan: true` also runs
    while planning, so that later steps see its output.
    """

    kind: ClassVar[str] = "shell.run"
    family: ClassVar[Family] = "command"
    example: ClassVar[Mapping[str, Plain]] = {
        "command": ["systemctl", "restart", "nginx"],
        "unless": ["systemctl", "is-active", "--quiet", "nginx"],
        "effect": "idempotent",
    }
    output_names: ClassVar[tuple[str, ...] | None] = OUTPUTS

    command: str | tuple[str, ...]
    target: Ref[HostReader] = Ref("local")
    directory: str | None = field(default=None, metadata={"help": "the folder to start it in"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    stdin: str | None = field(default=None, metadata={"help": "a text given to its standard input"})
    creates: str | None = field(default=None, metadata={"help": "a path that is there when the work is done"})
    unless: tuple[str, ...] = field(default=(), metadata={"help": "a looking command: 0 means the work is done"})
    effect_: Effect = field(default="once", metadata={"help": "what a resume may do: read, idempotent or once"})
    plan: bool = field(default=False, metadata={"help": "with effect read: run it while planning too"})
    ok_codes: tuple[int, ...] = field(default=(0,), metadata={"help": "exit codes that mean success"})
    run_as: str | None = None
    detach: bool = field(default=False, metadata={"help": "leave it running when its connection ends"})
    no_log: bool = field(default=False, metadata={"help": "keep its output out of journal and files"})

    def __post_init__(self) -> None:
        if not self.command or (isinstance(self.command, tuple) and not self.command[0]):
            raise ValueError("expected a command, as a list of words or as one line for the shell")
        if not self.ok_codes:
            raise ValueError("ok_codes: expected at least one exit code")
        if self.plan:
            self._check_plannable()

    def _check_plannable(self) -> None:
        if self.effect_ != "read":
            raise ValueError("plan: true runs the command while planning, so it needs effect: read")
        secret = any(isinstance(value, Secret) for value in self.environment.values())
        used = {
            "stdin": self.stdin is not None,
            "run_as": bool(self.run_as),
            "detach": self.detach,
            "no_log": self.no_log,
        }
        unfit = [name for name, given in used.items() if given] + ["a secret in environment"] * secret
        if unfit:
            raise ValueError(
                f"plan: true does not go with {', '.join(unfit)}: planning runs plain, looking commands only"
            )

    def subjects(self) -> frozenset[Subject]:
        """Name the command line itself, which no other step projects."""
        return frozenset({Subject(self.target.name, self.kind, "\0".join(self._argv()))})

    def probe(self, read: Readers) -> CommandState:
        """Look whether it is done; run it, where it only reads and may run while planning."""
        host = read[self.target]
        if self.plan:
            return self._read(host)
        done = host.run(self.unless).exited == 0 if self.unless else None
        return look_whether_done(host, self.creates, done)

    def _read(self, host: HostReader) -> CommandState:
        result = host.run(self._reading_argv(), directory=self.directory)
        if result.exited not in self.ok_codes:
            raise CommandFailed(
                f"{self._shown()} on {host.name} ended with exit code {result.exited}.",
                exited=result.exited,
                tail=_tail(result),
                advice="Run it there by hand; list further codes that mean success in ok_codes.",
            )
        return CommandState(
            done=True, exited=result.exited, stdout=result.stdout[:STDOUT_LIMIT], stderr=result.stderr[-STDERR_LIMIT:]
        )

    def _argv(self) -> tuple[str, ...]:
        return (self.command,) if isinstance(self.command, str) else self.command

    def _reading_argv(self) -> tuple[str, ...]:
        argv = ("sh", "-c", self.command) if isinstance(self.command, str) else self.command
        settings = tuple(f"{name}={value}" for name, value in self.environment.items())
        return ("env", *settings, *argv) if settings else argv

    def _shown(self) -> str:
        return " ".join(self._argv())

    def desired(self, before: CommandState) -> CommandState:
        """Want it done."""
        return before if before.done else CommandState(done=True)

    def ops(self, old: CommandState, new: CommandState) -> tuple[Op, ...]:
        """Run it, unless it is done."""
        if old.done or not new.done:
            return ()
        command = Command(
            self.target.name,
            self._argv(),
            shell=isinstance(self.command, str),
            directory=self.directory,
            environment=dict(self.environment),
            stdin=self.stdin,
            ok=self.ok_codes,
            run_as=self.run_as,
            detach=self.detach,
            no_log=self.no_log,
        )
        return (command,)

    def undo(self, change: Change[CommandState]) -> Undo[CommandState]:
        """Leave what only read; refuse the rest, for nobody but its author knows what a command did."""
        return undo_of_command(change, self.effect_)

    def outputs(self, after: CommandState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give exit code and output; no exit code when it did not have to run."""
        return command_outputs(after, results)

    def verdict(self, change: Change[CommandState]) -> Verdict:
        """Sort it: run, done already, or only read."""
        if change.ops:
            return "run"
        return "read" if self.plan else "noop"

    def effect(self) -> Effect:
        """Give what the runbook says."""
        return self.effect_


def _tail(result: CommandResult) -> str:
    return (result.stdout + result.stderr)[-STDERR_LIMIT:]
