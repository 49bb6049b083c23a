"""Runs one program over an open ssh connection and carries its streams."""

import select
import shlex
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import Unreachable
from .process import Launch, Sink
from .wrapping import Ending, Started, wrap

if TYPE_CHECKING:
    from paramiko import Channel, Transport

OPEN_SECONDS: Final = 15.0
_CHUNK: Final = 1 << 16
_LATE: Final = 1.0
_ENDED_BY_SIGNAL: Final = 255


class Lost(Exception):  # never leaves the ssh target
    """The connection went away while a program ran."""


def run_over(
    transport: "Transport", launch: Launch, sink: Sink, stopping: Callable[[], bool], become: tuple[str, ...] = ()
) -> int:
    """
    Run a program and return its exit code; 255 when a signal ended it.

    *become* is put before the command that ends the program's group. Raises `CommandTimeout` or `Interrupted`
    after the group was ended over a second channel, `Unreachable` when the program was not started, `Lost` when
    the connection went away under it.
    """
    wrapped = wrap(launch)
    started = Started(sink, wrapped.marker)
    ending = Ending(launch, stopping, lambda number: _signalled(transport, started, number, become))
    with _opened(transport) as channel:
        channel.exec_command(_line(wrapped.argv))
        _Pump(channel, started, wrapped.stdin or b"").run(ending)
        started.end()
        if ending.error is not None:
            if started:
                ending.finish()
            if not transport.is_active():
                raise Lost
            raise ending.error
        exited = _exit_code(channel, transport, started)
    if not started:
        raise Unreachable(
            f"the remote shell started nothing (exit code {exited}): {started.complaint}",
            advice="Nothing was run. Log in by hand and try: is sh there, and the folder? The account that logs in "
            "must be able to enter it, also where sudo follows.",
        )
    return exited


def _signalled(transport: "Transport", started: Started, number: int, become: tuple[str, ...]) -> bool:
    if not started:
        return True  # there is nothing to end
    argv = started.ending(number)
    with suppress(Unreachable):  # then it is lost, and told as such by who waits
        # sudo hands TERM on to what it runs; KILL would end it alone.
        return _succeeds(transport, (*become, *argv)) or (
            bool(become) and number == signal.SIGTERM and _succeeds(transport, argv)
        )
    return False


def _succeeds(transport: "Transport", argv: tuple[str, ...]) -> bool:
    with _opened(transport) as channel:
        channel.exec_command(_line(argv))
        channel.status_event.wait(OPEN_SECONDS)
        return bool(channel.exit_status == 0)


def _line(argv: tuple[str, ...]) -> str:
    # exec: the session's own shell then is the program's, and a signal to its group reaches all of it.
    return f"exec {shlex.join(argv)}"


def _opened(transport: "Transport") -> "Channel":
    from paramiko import SSHException

    try:
        return transport.open_session(timeout=OPEN_SECONDS)
    except (SSHException, OSError, EOFError) as error:
        raise Unreachable(f"no new channel could be opened: {error}", advice="Nothing was run. Try again.") from error


def _exit_code(channel: "Channel", transport: "Transport", started: Started) -> int:
    # The exit code comes by itself, before or after the end of the output.
    channel.status_event.wait(OPEN_SECONDS)
    exited = int(channel.exit_status)
    if exited >= 0:
        return exited
    if not transport.is_active() or not started:
        raise Lost
    started.stderr(b"ended by a signal\n")
    return _ENDED_BY_SIGNAL


class _Pump:
    """Moves stdin to a channel and its output to a sink until it ends."""

    def __init__(self, channel: "Channel", sink: Started, stdin: bytes) -> None:
        self._channel = channel
        self._sink = sink
        self._left = memoryview(stdin)
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        # Without stdin no end of it is sent: one that crosses the end of a short program, which paramiko's own thread
        # acknowledges, is for a channel that is no more, and sshd ends the whole connection for it. With stdin, the
        # shell around the program takes all of it first.

    def run(self, ending: Ending) -> None:
        late: float | None = None
        while not self._ended():
            self._send()
            # While there is stdin to send, nothing wakes us when the window opens.
            self._poll.poll(5 if self._left else ending.wait * 1000)
            moved = self._move()
            if ending():
                return
            if self._channel.exit_status_ready() and not moved:
                # A child that lives on holds the output open; what the program itself wrote is here by now.
                late = late or time.monotonic() + _LATE
                if time.monotonic() > late:
                    return
        while self._move():
            pass

    def _ended(self) -> bool:
        return bool(self._channel.closed or (self._channel.eof_received and not self._ready()))

    def _ready(self) -> bool:
        return bool(self._channel.recv_ready() or self._channel.recv_stderr_ready())

    def _send(self) -> None:
        while self._left and self._channel.send_ready() and not self._channel.closed:
            try:
                sent = self._channel.send(self._left[:_CHUNK])
            except OSError:
                # It ended without reading all of its stdin, as `head` does.
                sent = len(self._left)
            self._left = self._left[sent:]
            if not self._left:
                self._channel.shutdown_write()

    def _move(self) -> bool:
        moved = False
        while self._channel.recv_ready():
            self._sink.stdout(self._channel.recv(_CHUNK))
            moved = True
        while self._channel.recv_stderr_ready():
            self._sink.stderr(self._channel.recv_stderr(_CHUNK))
            moved = True
        return moved
