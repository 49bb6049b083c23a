"""Runs one program on this machine in a process group of its own, which a time limit or a stop ends whole."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import IO, Final, Protocol, Self, TypeVar

from ..dataclass import dataclass
from ..errors import CommandTimeout, Interrupted, RollbookError, TargetError
from .sudo import as_user

GRACE: Final = 5.0
_LOOK: Final = 0.2
_CHUNK: Final = 1 << 16
_PIPE: Final = 1 << 20  # bytes, the most that a pipe holds

MARK: Final = "ROLLBOOK_STEP"

E = TypeVar("E", bound=RollbookError)


@dataclass(frozen=True, slots=True)
class Launch:
    """
    A program to run: *argv* as it is, never through a shell of ours; *timeout* in seconds.

    *environment* is added to what is there. *confidential* says that it holds secrets, which must not
    show in a list of processes. *name* is what errors call the program, where *argv* begins with another.
    Raises `TargetError` for a NUL byte, which no program can be given.
    """

    argv: tuple[str, ...]
    directory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    confidential: bool = False
    stdin: bytes | None = None
    timeout: float | None = None
    run_as: str | None = None
    mark: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if "\0" in "".join((*self.argv, *self.environment.values())):
            shown = (self.name or self.argv[0]).partition("\0")[0]
            raise TargetError(
                f"{shown} was not started: what it is given holds a NUL byte, which no argument and no variable of a "
                "program can hold.",
                advice="Look at the output or the input that it comes from; give it through `stdin:`, or without it.",
            )


class Sink(Protocol):
    """Where the output of a program goes."""

    def stdout(self, chunk: bytes) -> None:
        """Take a chunk of stdout."""

    def stderr(self, chunk: bytes) -> None:
        """Take a chunk of stderr."""


class Silent:
    """Drops output."""

    def stdout(self, chunk: bytes) -> None:
        """Drop it."""

    def stderr(self, chunk: bytes) -> None:
        """Drop it."""


def never() -> bool:
    """Say that nobody asked to stop."""
    return False


def run_process(
    launch: Launch,
    sink: Sink,
    stopping: Callable[[], bool] = never,
    inherited: Mapping[bytes, bytes] | None = None,
) -> int:
    """
    Run a program to its end and return its exit code, minus the signal's number when one ended it.

    *inherited* is the environment to which the launch's own is added, as bytes; None for this process's.

    Returns when the program itself ends, also when a child of it still holds its output.
    Raises `CommandTimeout` or `Interrupted` after the process group was ended (TERM, 5 s, KILL) or, as the
    error then says, could not be; and OSError when it cannot be started.
    """
    limit = None if launch.timeout is None else time.monotonic() + launch.timeout
    marked = {MARK: launch.mark} if launch.mark else {}
    added = {os.fsencode(name): os.fsencode(value) for name, value in {**launch.environment, **marked}.items()}
    environment = {**(os.environb if inherited is None else inherited), **added} if added else inherited
    with _Group(launch, environment) as group:
        while not group.read(sink, _LOOK if limit is None else min(_LOOK, max(limit - time.monotonic(), 0.0))):
            if limit is not None and time.monotonic() >= limit:
                raise timed_out(launch) if group.end(sink) else left_alive(timed_out(launch))
            if stopping():
                raise stopped(launch) if group.end(sink) else left_alive(stopped(launch))
        return group.exited


def processes_with(mark: str) -> tuple[int, ...]:
    """Find the processes on this machine that carry *mark*, as far as this account may see them."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # ended meanwhile, or another account's
    return tuple(sorted(found))


def timed_out(launch: Launch) -> CommandTimeout:
    """Make the error of a program that ran past its time limit."""
    return CommandTimeout(
        f"{launch.name or launch.argv[0]} ran past its time limit of {round(launch.timeout or 0.0, 2):g} s",
        advice="Its process group was ended; what it did until then stands. Look at its output, then give it more "
        "time or find what it waits for.",
    )


def stopped(launch: Launch) -> Interrupted:
    """Make the error of a program that was ended because the run is to stop."""
    return Interrupted(f"{launch.name or launch.argv[0]} was stopped: the run was asked to stop")


def left_alive(error: E) -> E:
    """Make the error for a program that could not be ended: another account's, for which no signal is allowed."""
    return type(error)(
        f"{error.message}; IT COULD NOT BE ENDED, and may still run",
        advice="Look for it on its host and end it there before you go on. To have it ended here, let sudo also run "
        "sh for this account.",
    )


class _Group:
    """A started program with its process group, output pipes and, where the system has them, a pidfd."""

    def __init__(self, launch: Launch, environment: Mapping[bytes, bytes] | None) -> None:
        self._launch = launch
        self._environment = environment
        self._left_alive = False
        self._pipes: dict[int, bool] = {}  # those that are open, and whether it is stdout

    def __enter__(self) -> Self:
        stdin = _file_with(self._launch.stdin) if self._launch.stdin is not None else None
        # Pipes of our own, and one /dev/null for all: those that Popen makes take a third of its time.
        (stdout, its_stdout), (stderr, its_stderr) = os.pipe(), os.pipe()
        self._pipes = {stdout: True, stderr: False}
        try:
            self._process = subprocess.Popen(
                self._launch.argv,
                stdin=stdin if stdin is not None else _nowhere(),
                stdout=its_stdout,
                stderr=its_stderr,
                cwd=self._launch.directory,
                env=self._environment,
                start_new_session=True,
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            os.close(its_stdout)
            os.close(its_stderr)
            if stdin is not None:
                stdin.close()
        self._poll = select.poll()
        for descriptor in self._pipes:
            self._poll.register(descriptor, select.POLLIN)
        self._pid_descriptor = _pid_descriptor(self._process.pid)
        if self._pid_descriptor is not None:
            self._poll.register(self._pid_descriptor, select.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None and not self._left_alive:
            self._signal(signal.SIGKILL)
            self._gone()
        self._close_pipes()
        if self._pid_descriptor is not None:
            os.close(self._pid_descriptor)

    def _close_pipes(self) -> None:
        while self._pipes:
            os.close(self._pipes.popitem()[0])

    @property
    def exited(self) -> int:
        """The exit code."""
        return self._process.wait()

    @property
    def _waitable(self) -> bool:
        return bool(self._pipes) or self._pid_descriptor is not None

    def read(self, sink: Sink, seconds: float) -> bool:
        """Wait for output or the end for at most *seconds*; tell whether the program ended."""
        if not self._pipes and self._pid_descriptor is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        for descriptor, _ in self._poll.poll(seconds * 1000) if self._waitable else ():
            if descriptor != self._pid_descriptor:
                self._read_one(descriptor, sink)
        # The leader is reaped only here, so its number stays the group's until then.
        if self._process.poll() is None:
            return False
        for descriptor in tuple(self._pipes):
            os.set_blocking(descriptor, False)
            # What the program left in its pipe, and no more: a child of it may go on writing for ever.
            for _ in range(_PIPE // _CHUNK):
                if not self._read_one(descriptor, sink):
                    break
        return True

    def _read_one(self, descriptor: int, sink: Sink) -> bool:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._poll.unregister(descriptor)
            del self._pipes[descriptor]
            os.close(descriptor)
            return False
        (sink.stdout if self._pipes[descriptor] else sink.stderr)(chunk)
        return True

    def end(self, sink: Sink) -> bool:
        """End the whole group: TERM, and KILL for what is left of it after the grace time; tell whether it ended."""
        self._signal(signal.SIGTERM)
        limit = time.monotonic() + GRACE
        while time.monotonic() < limit and not (self._ended(sink) and not self._signal(0)):
            pass
        self._signal(signal.SIGKILL)
        self._left_alive = not self._gone()
        return not self._left_alive

    def _gone(self) -> bool:
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:  # somebody else's, and we may not signal it
            return False
        return True

    def _ended(self, sink: Sink) -> bool:
        if self._process.returncode is None:
            return self.read(sink, _LOOK)
        time.sleep(_LOOK / 4)
        return True

    def _signal(self, number: int) -> bool:
        """Signal the group; tell whether anything of it is left."""
        if number == signal.SIGKILL and self._launch.argv[0] == "sudo":
            return self._signal_as_user(number)  # sudo hands TERM on to what it runs; KILL would end it alone
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return self._signal_as_user(number)
        return True

    def _signal_as_user(self, number: int) -> bool:
        # The group runs as somebody else: only they, or root, may signal it.
        if self._launch.run_as is None:
            return False
        argv = as_user(self._launch.run_as, ("kill", f"-{number}", "--", f"-{self._process.pid}"))
        return subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process that leads a group of its own: TERM, and KILL after the grace time."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


@cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _pid_descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or an old kernel: the end is looked for at intervals
        return None


def _file_with(content: bytes) -> IO[bytes]:
    import tempfile  # few commands have a stdin

    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the caller once the program has it
    file.write(content)
    file.seek(0)
    return file
