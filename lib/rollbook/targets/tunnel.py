"""Ways to a server that this machine cannot reach itself: through an ssh target, or a port-forward command."""

import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import RollbookError, TargetError, Unreachable
from .process import end_group
from .settings import ForwardSettings
from .surroundings import Others

if TYPE_CHECKING:
    from paramiko import Channel, Transport

_LOOPBACK: Final = "127.0.0.1"
_OPEN_SECONDS: Final = 15.0
_START_SECONDS: Final = 20.0
_CHUNK: Final = 1 << 16


class Tunnels:
    """The ways that one target uses; a way is opened when first used and again when it broke."""

    def __init__(self, name: str, others: Others) -> None:
        self._name = name
        self._others = others
        self._ways: dict[tuple[object, str, int], _SshWay | _CommandWay] = {}
        self._lock = threading.Lock()

    def reach(self, via: str | ForwardSettings | None, host: str, port: int) -> tuple[str, int]:
        """
        Give the address under which *host* and *port* are reached; theirs, where there is no *via*.

        Raises `Unreachable` when the way cannot be opened.
        """
        if via is None:
            return host, port
        with self._lock:
            way = self._ways.get((via, host, port))
            if way is None:
                way = self._ways[via, host, port] = self._opened(via, host, port)
            way.ensure()
            return _LOOPBACK, way.port

    def _opened(self, via: str | ForwardSettings, host: str, port: int) -> "_SshWay | _CommandWay":
        from .ssh import SshTarget

        if isinstance(via, ForwardSettings):
            return _CommandWay(self._name, via.command)
        through = self._others.target(via)
        if not isinstance(through, SshTarget):
            raise TargetError(
                f"target {self._name!r} goes via {via!r}, which is no ssh target",
                advice="Name an ssh target in via:, or give it {command: [...]} that forwards a port.",
            )
        return _SshWay(lambda: through.transport, host, port)

    def close(self) -> None:
        """Close every way; may be called twice."""
        with self._lock:
            ways = tuple(self._ways.values())
            self._ways.clear()
        for way in ways:
            way.close()


class _SshWay:
    """Listens on loopback and carries each connection over ssh."""

    def __init__(self, transport: "Callable[[], Transport]", host: str, port: int) -> None:
        self._transport = transport
        self._place = (host, port)
        self._listener = socket.create_server((_LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True, name=f"way to {host}:{port}").start()

    def ensure(self) -> None:
        """Connect to the ssh host, so that what is wrong with it is told here and not as a refused connection."""
        self._transport()

    def _listen(self) -> None:
        while True:
            try:
                near, origin = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(near, origin), daemon=True).start()

    def _serve(self, near: socket.socket, origin: tuple[str, int]) -> None:
        from paramiko import SSHException

        with near:
            try:
                far = self._transport().open_channel("direct-tcpip", self._place, origin, timeout=_OPEN_SECONDS)
            except (SSHException, OSError, EOFError, RollbookError):
                return  # the driver sees a closed connection, and says so
            with far, suppress(OSError, EOFError):
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _carry(near, far)

    def close(self) -> None:
        # Wakes the thread that waits in accept; closing alone does not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _carry(near: socket.socket, far: "Channel") -> None:
    """Move bytes both ways until one side ends."""
    while True:
        ready, _, _ = select.select([near, far], [], [])
        for source, sink in ((near, far), (far, near)):
            if source in ready:
                chunk = source.recv(_CHUNK)
                if not chunk:
                    return
                sink.sendall(chunk)


class _CommandWay:
    """Runs a command that forwards a port, and starts it again when it ended."""

    def __init__(self, name: str, command: tuple[str, ...]) -> None:
        self._name = name
        with socket.create_server((_LOOPBACK, 0)) as free:
            self.port: int = free.getsockname()[1]
        self._argv = tuple(word.replace("{port}", str(self.port)) for word in command)
        self._process: subprocess.Popen[bytes] | None = None

    def ensure(self) -> None:
        """Start the command unless it runs, and wait until the port answers."""
        if self._process is not None and self._process.poll() is None:
            return
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise self._failed(f"cannot be started: {error.strerror}") from error
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                raise self._failed(f"ended with exit code {self._process.returncode}")
            with suppress(OSError), socket.create_connection((_LOOPBACK, self.port), timeout=1.0):
                return
            time.sleep(0.05)
        self.close()
        raise self._failed(f"did not open port {self.port} within {_START_SECONDS:g} s")

    def _failed(self, why: str) -> Unreachable:
        return Unreachable(
            f"{self._name}: the command that forwards its port {why}: {' '.join(self._argv)}",
            advice="Run it by hand and see what it says.",
        )

    def close(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None
