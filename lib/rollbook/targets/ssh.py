"""Hosts over ssh."""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from ..errors import TargetError, Unreachable
from ..ops import Command, Op
from .base import Finding, TargetSpec
from .hosts import HostProbe, HostTarget
from .process import MARK, Launch, Silent, Sink, never
from .settings import SshSettings
from .shell_files import ShellFiles
from .ssh_session import Lost, run_over
from .ssh_trust import changed_key, fingerprint, trust
from .sudo import SudoSink, sudo
from .surroundings import Surroundings, hush

if TYPE_CHECKING:
    from fabric import Connection
    from paramiko import Channel, Transport

_SSH: Final = 22
_KEEPALIVE: Final = 15
_SILENT_SECONDS: Final = 45
_SLOW: Final = 0.05
# grep finds few; whole lines tell a step from one whose name begins alike.
_BEARING: Final = """\
for rb_found in $(grep -lF -- "$1" /proc/[0-9]*/environ 2>/dev/null); do
  if tr '\\0' '\\n' <"$rb_found" 2>/dev/null | grep -qxF -- "$1"; then basename "${rb_found%/environ}"; fi
done
"""


class SshTarget(HostTarget[SshSettings]):
    """Runs programs and keeps files on a host over one kept connection."""

    kind_name: ClassVar[str] = "ssh"

    def __init__(self, spec: TargetSpec, settings: SshSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self.files = ShellFiles(self.launch, self.safe)
        self._connection: Connection | None = None

    @property
    def connection(self) -> "Connection":
        """The connection; made when first used, and again after it was lost. Raises `Unreachable`."""
        with self.guard:
            transport = None if self._connection is None else self._connection.client.get_transport()
            if transport is None or not transport.is_active():
                self.close()
                self._connection = self._open()
            return self._connection

    @property
    def transport(self) -> "Transport":
        """The connection's transport."""
        return self.connection.client.get_transport()

    def unopened(self) -> "Connection":
        """Give a connection that is set up and trusts only known host keys, not opened yet."""
        from fabric import Connection

        hush("paramiko")
        settings = self.settings
        options: dict[str, object] = {
            "banner_timeout": settings.connect_timeout,
            "auth_timeout": settings.connect_timeout,
            "transport_factory": _transport,
        }
        if settings.key is not None:
            options |= {"key_filename": settings.key, "look_for_keys": False, "allow_agent": False}
        if settings.passphrase is not None:
            options["passphrase"] = self.secrets.value(settings.passphrase)
        if settings.password is not None:
            options["password"] = self.secrets.value(settings.password)
        made = Connection(
            settings.host, user=settings.user, port=settings.port, gateway=self._gateway(), forward_agent=False,
            connect_timeout=max(1, round(settings.connect_timeout)), connect_kwargs=options,
        )  # fmt: skip
        self._secure(made)
        return made

    def _gateway(self) -> "Connection | None":
        if self.settings.jump is None:
            return None
        through = self.surroundings.others.target(self.settings.jump)
        if not isinstance(through, SshTarget) or through is self:
            raise TargetError(
                f"target {self.name!r} jumps over {self.settings.jump!r}, which is no other ssh target",
                advice="Name an ssh target in jump:.",
            )
        return through.unopened()

    def _secure(self, made: "Connection") -> None:
        from fabric import Connection

        settings = self.settings
        name = made.host if made.port == _SSH else f"[{made.host}]:{made.port}"
        trust(self.name, made.client, settings.known_hosts, settings.host_key, name)
        # A ProxyJump of ~/.ssh/config made a connection of its own, which would believe any key.
        if settings.jump is None and isinstance(made.gateway, Connection):
            name = f"[{made.gateway.host}]:{made.gateway.port}"
            trust(self.name, made.gateway.client, settings.known_hosts, None, name)

    def _open(self) -> "Connection":
        from paramiko import AuthenticationException, BadHostKeyException, SSHException

        made = self.unopened()
        place = f"{made.user}@{made.host}:{made.port}"
        try:
            made.open()
        except BadHostKeyException as error:
            raise changed_key(self.name, error.hostname, error.key, error.expected_key) from error
        except AuthenticationException as error:
            raise Unreachable(
                f"{self.name}: {place} refused the login: {self.safe(error)}",
                advice="Is the key in the agent (ssh-add -l) or named in key:, and is the user right?",
            ) from error
        except (SSHException, OSError, EOFError) as error:
            raise Unreachable(
                f"{self.name}: {place} does not answer: {self.safe(error) or type(error).__name__}",
                advice="Is the host up, and does `ssh` reach it from this machine?",
            ) from error
        transport = made.client.get_transport()
        transport.set_keepalive(_KEEPALIVE)
        _acknowledge_at_once(transport.sock)
        return made

    def identity(self) -> Mapping[str, str]:
        """Give the host key's fingerprint and type, for a host may have one of each type; raises `Unreachable`."""
        key = self.transport.get_remote_server_key()
        return {"host_key": fingerprint(key), "key_type": key.get_name()}

    def findings(self) -> tuple[Finding, ...]:
        """Look how long a command takes: login files that do much are paid for at every step."""
        probe = Launch(("true",), timeout=30.0)
        silent = Silent()
        try:
            self.launch(probe, silent)
        except TargetError as error:  # sudo refused
            return (self.finding("commands", "missing", error.message, error.advice),)
        started = time.monotonic()
        exited = self.launch(probe, silent)
        seconds = time.monotonic() - started
        if exited:
            return (self.finding("commands", "missing", f"`true` ended with exit code {exited}", "Log in by hand."),)
        if seconds > _SLOW:
            advice = (
                "Do ~/.bashrc or the like start programs? Let them return early where the shell is not interactive."
            )
            return (self.finding("commands", "warning", f"`true` takes {seconds * 1000:.0f} ms", advice),)
        return (self.finding("commands", "ok", f"`true` takes {seconds * 1000:.0f} ms"),)

    def shown(self, op: Op) -> tuple[str, ...]:
        """Give the command, the host that it runs on and, where the target has sudo, root."""
        root = "[as root] " if self.settings.sudo and not (isinstance(op, Command) and op.run_as) else ""
        return tuple(f"[{self.settings.host}] {root}{line}" for line in op.render())

    def launch(self, launch: Launch, sink: Sink, stopping: Callable[[], bool] = never) -> int:
        """
        Run a program.

        A connection that is lost while it runs raises `Unreachable`: the program may have ended, go on, or
        have been ended by its host.
        """
        from paramiko import SSHException

        directory, name = launch.directory or self.settings.directory, launch.name or launch.argv[0]
        placed = replace(launch, directory=directory, name=name)
        transport = self.transport
        try:
            if launch.run_as is None and not self.settings.sudo:
                return run_over(transport, placed, sink, stopping)
            return self._run_as(transport, placed, SudoSink(sink), stopping)
        except Unreachable as error:
            raise Unreachable(f"{self.name}: {self.safe(error.message)}", advice=error.advice) from error
        except (Lost, SSHException, OSError, EOFError) as error:
            raise Unreachable(
                f"{self.name}: the connection was lost while {launch.argv[0]} ran; it may have ended or still run",
                advice=f"Look on {self.settings.host} whether it still runs before you go on.",
            ) from error

    def _run_as(self, transport: "Transport", launch: Launch, sink: SudoSink, stopping: Callable[[], bool]) -> int:
        placed = replace(launch, argv=sudo(launch.run_as, launch.argv, tuple(launch.environment)))
        exited = run_over(transport, placed, sink, stopping, sudo(launch.run_as, ()))
        sink.check(self.name, launch.run_as or "root", exited)
        return exited

    def running(self, mark: str) -> tuple[int, ...]:
        """Name the processes on the host that bear *mark*, as far as this login may see them; none without /proc."""
        found = HostProbe(self).run(("sh", "-c", _BEARING, "sh", f"{MARK}={mark}"), timeout=30.0)
        return tuple(sorted(int(word) for word in found.stdout.split() if word.isdecimal()))

    def close(self) -> None:
        """Close the connection; may be called twice."""
        with self.guard:
            if self._connection is not None:
                self._connection.close()
                if self._connection.gateway is not None and hasattr(self._connection.gateway, "close"):
                    self._connection.gateway.close()
                self._connection = None


def _transport(sock: "socket.socket | Channel", **options: object) -> "Transport":
    """Make a transport that sends small packets at once, also those of the login, and notices when the host is gone."""
    from paramiko import Transport

    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_SECONDS * 1000)
    return Transport(sock, **options)


def _acknowledge_at_once(sock: "socket.socket | Channel") -> None:
    """Let the first command not wait for the host, which holds its answer back until what it said last has arrived."""
    if isinstance(sock, socket.socket) and hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
