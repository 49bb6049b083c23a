"""Things that commands run on: what this machine, a host over ssh and a command prefix do alike."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Final, Protocol, TypeVar

from ..errors import CommandFailed, TargetError
from ..ops import Awaited, Command, Execution, FileCopy, FileEdit, FileRemove, FileWrite, Op, OpResult
from ..values import Secret
from .awaiting import awaited
from .base import CommandResult, FileStat, HostReader, Owner
from .lines import stream_lines
from .output import CommandOutput
from .probe import BaseProbe
from .process import Launch, Sink, never
from .surroundings import BaseTarget

KEPT: Final = 1 << 16
JUDGED: Final = 1 << 25
"""Bytes of each stream of a command that its step may be judged by; its outputs keep less."""
LARGEST: Final = 1_000_000  # bytes of a file that is edited
PROBED: Final = 1 << 23
_NOT_FOUND: Final = 127
_SHOWN: Final = 300  # of a line
_LABELLED: Final = 6  # lines of a script's end: its reason seldom is the very last

C = TypeVar("C")


class Files(Protocol):
    """The files of a host."""

    def stat(self, path: str) -> FileStat | None:
        """Look at a path without following a link; None when nothing is there."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Read a file; None when it is not there. Raises `TargetError` above *limit* bytes."""

    def sha256(self, path: str) -> str | None:
        """Hash a file; None when it is not there."""

    def names(self, path: str) -> tuple[str, ...]:
        """Name what a folder holds, sorted; nothing when it is not there."""

    def write(self, path: str, content: bytes, mode: str, owner: Owner | None = None) -> bool:
        """
        Put a file in place: written beside, fsynced, renamed; parents are made. None leaves it to its writer.

        Tells whether the owner has it. Raises `TargetError` where one that is required cannot.
        """

    def copy(self, source: str, path: str, mode: str | None, owner: Owner | None = None) -> bool:
        """Copy a file in the same way; no *mode* keeps the source's."""

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is fine. Never a folder."""


class HostTarget(BaseTarget[C]):
    """A target on which commands run and files lie; subclasses start programs and name the host."""

    files: Files
    _reader: "HostProbe | None" = None

    @abstractmethod
    def launch(self, launch: Launch, sink: Sink, stopping: Callable[[], bool] = never) -> int:
        """
        Run a program to its end and return its exit code; 127 when there is no such program.

        Raises `CommandTimeout`, `Interrupted` (both after ending its process group) or `Unreachable`.
        """

    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """Read which system this is."""

    def reader(self) -> "HostProbe":
        """Give the side that only reads."""
        if self._reader is None:
            self._reader = HostProbe(self)
        return self._reader

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Run a command, or write, copy or remove a file."""
        match op:
            case Awaited():
                return awaited(self, op, execution, self._command)
            case Command():
                return self._command(op, execution)
            case FileWrite():
                given = self.files.write(op.path, op.content.encode(), op.mode, Owner.of(None, op.whose))
                return self._owned(op.path, op.whose, execution, given=given)
            case FileCopy():
                given = self.files.copy(op.source, op.path, op.mode, Owner.of(op.owner, op.whose))
                return self._owned(op.path, op.whose, execution, given=given)
            case FileEdit():
                self._edit(op)
                return OpResult()
            case FileRemove():
                self.files.remove(op.path)
                return OpResult()
        raise self.misplaced(op)

    def _owned(self, path: str, whose: str | None, execution: Execution, *, given: bool) -> OpResult:
        """Warn where a file could not be given to whose it was."""
        if not given:
            warning = f"{path} belonged to {whose}, and belongs to this account now: only root may give a file away"
            execution.write_output(f"warning: {warning}\n".encode())
        return OpResult()

    def _edit(self, op: FileEdit) -> None:
        from ..configuration.editing import put

        content, found = self.files.read(op.path, LARGEST), self.files.stat(op.path)
        if content is None or found is None or found.kind != "file":
            raise TargetError(f"{op.path} on {self.name} is no file, so no value can be put into it.")
        try:
            edited = put(content.decode(), op.format, op.key, op.value)
        except ValueError as error:
            raise TargetError(f"{op.key} of {op.path} on {self.name} cannot be set: {error}.") from error
        self.files.write(op.path, edited.encode(), found.mode, Owner(found.owner, required=True))

    def _command(self, op: Command, execution: Execution) -> OpResult:
        launch = self._prepared(op, execution.timeout, execution.mark)
        output = CommandOutput(self.redactor, execution.write_output, keep=JUDGED, hidden=op.no_log)
        started = time.monotonic()
        exited = self.launch(launch, output, execution.stopping)
        output.end()
        if exited not in op.ok:
            raise self._failed(op, exited, output)
        outputs: dict[str, object] = {"exited": exited, "seconds": round(time.monotonic() - started, 3)}
        if not op.no_log:
            outputs["stdout"] = output.kept.decode(errors="replace")
            outputs["stderr"] = output.errors.decode(errors="replace")
            if output.cut:
                outputs |= {"truncated": "stdout" in output.cut, "cut": sorted(output.cut)}
        return OpResult(outputs=outputs, output=output.record())

    def running(self, mark: str) -> tuple[int, ...]:  # noqa: ARG002  # kinds that can look say so
        """Name the processes, still alive, of the step with this *mark*; none where they cannot be seen."""
        return ()

    def _prepared(self, op: Command, left: float | None, mark: str) -> Launch:
        limits = [limit for limit in (op.timeout, left) if limit is not None]
        argv = ("sh", "-c", op.argv[0]) if op.shell else op.argv
        if op.detach:
            from .detached import detached

            argv = detached(op, argv)
        return Launch(
            argv=argv,
            directory=op.directory,
            environment={name: self.secrets.resolve(value) for name, value in op.environment.items()},
            confidential=any(isinstance(value, Secret) for value in op.environment.values()),
            stdin=None if op.stdin is None else op.stdin.encode(),
            timeout=min(limits) if limits else None,
            run_as=op.run_as,
            # A service that was started would bear the mark for as long as it runs; its state is looked at instead.
            mark="" if isinstance(op, Awaited) else mark,
        )

    def _failed(self, op: Command, exited: int, output: CommandOutput) -> CommandFailed:
        line = op.label or op.render()[0]
        wanted = " or ".join(str(code) for code in op.ok)
        ended = f"was ended by signal {-exited}" if exited < 0 else f"ended with exit code {exited}, not {wanted}"
        missing = exited == _NOT_FOUND
        tail = "" if op.no_log else output.tail
        return CommandFailed(
            f"{self.safe(line)} on {self.name} {ended}",
            exited=exited,
            tail=tail,
            advice=f"Is the program installed on {self.name} and on its PATH?" if missing else _said(op, tail),
        )


def _said(op: Command, tail: str) -> str:
    most = _LABELLED if op.label else 1
    lines = [line.strip()[:_SHOWN] for line in tail.splitlines() if line.strip()]
    return f"It said last: {' / '.join(lines[-most:])}" if lines else "It printed nothing."


class HostProbe(BaseProbe, HostReader):
    """The reading side of a host."""

    kinds: ClassVar[tuple[str, ...]] = ("local", "ssh", "command")

    def __init__(self, host: "HostTarget[C]") -> None:
        self._launch = host.launch
        self._files = host.files
        self._redactor = host.redactor
        self._identity = host.identity
        self._secrets = host.secrets
        super().__init__(host)

    def identity(self) -> Mapping[str, str]:
        """Read which system this is; raises `Unreachable` when it does not answer."""
        return self._identity()

    def run(
        self,
        argv: tuple[str, ...],
        *,
        timeout: float = 60.0,
        directory: str | None = None,
        environment: Mapping[str, str | Secret] | None = None,
        run_as: str | None = None,
    ) -> CommandResult:
        """Run a command that only reads, never raising for an exit code; 8 MB of each stream are kept."""
        output = CommandOutput(self._redactor, keep=PROBED)
        given = environment or {}
        launch = Launch(
            argv,
            directory=directory,
            environment={name: self._secrets.resolve(value) for name, value in given.items()},
            confidential=any(isinstance(value, Secret) for value in given.values()),
            timeout=timeout,
            run_as=run_as,
        )
        exited = self._launch(launch, output)
        output.end()
        return CommandResult(exited, output.kept.decode(errors="replace"), output.errors.decode(errors="replace"))

    def lines(self, argv: tuple[str, ...]) -> Iterator[bytes]:
        """Stream the output of a command that only reads; closing the iterator ends the command."""
        return stream_lines(self._launch, Launch(argv), self.name, self._redactor.text)

    def stat(self, path: str) -> FileStat | None:
        """Look at a path without following a link; None when nothing is there."""
        return self._files.stat(path)

    def read_file(self, path: str, *, limit: int = 1_000_000) -> bytes | None:
        """Read a file of at most *limit* bytes; None when it is not there. Raises `TargetError` when it is larger."""
        return self._files.read(path, limit)

    def sha256(self, path: str) -> str | None:
        """Hash a file where it is; None when it is not there."""
        return self._files.sha256(path)

    def list_folder(self, path: str) -> tuple[str, ...]:
        """Name the files of a folder, sorted; empty when it is not there."""
        return self._files.names(path)


def too_large(path: str, limit: int) -> TargetError:
    """Make the error of a file that is larger than what may be read of it."""
    return TargetError(f"{path} is larger than {limit} bytes", advice="Is this the file that was meant?")
