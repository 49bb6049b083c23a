"""Runs programs as another account through sudo, which must not ask for a password, and tells when sudo refused."""

import os
from typing import Final, Protocol

from ..dataclass import dataclass
from ..errors import TargetError

_REFUSALS: Final = (b"sudo: ", b"Sorry, user ")
_KEPT: Final = 2000
_REFUSED: Final = 1  # the exit code


def sudo(user: str | None, argv: tuple[str, ...], keep: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Put sudo before *argv*; root where no *user* is named. *keep* names variables to hand on."""
    kept = (f"--preserve-env={','.join(keep)}",) if keep else ()
    account = ("-u", user) if user is not None else ()
    return ("sudo", "-n", *kept, *account, "--", *argv)


def as_user(user: str, argv: tuple[str, ...], keep: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Put before *argv* what runs it on this machine as another account without a password."""
    if os.geteuid() == 0:
        return ("runuser", "-u", user, "--", *argv)
    return sudo(user, argv, keep)


class _Sink(Protocol):
    def stdout(self, chunk: bytes) -> None: ...

    def stderr(self, chunk: bytes) -> None: ...


@dataclass(slots=True)
class SudoSink:
    """Hands output on, and keeps the beginning of it to see whether sudo or the program spoke."""

    sink: _Sink
    printed: bool = False
    said: bytes = b""

    def stdout(self, chunk: bytes) -> None:
        """Take a chunk of stdout."""
        self.printed = True
        self.sink.stdout(chunk)

    def stderr(self, chunk: bytes) -> None:
        """Take a chunk of stderr."""
        self.said = (self.said + chunk)[:_KEPT]
        self.sink.stderr(chunk)

    def check(self, name: str, account: str, exited: int) -> None:
        """Raise `TargetError` where sudo refused, so that the program was not started."""
        if exited != _REFUSED or self.printed or not self.said.startswith(_REFUSALS):
            return
        said = self.said.decode(errors="replace").strip().splitlines()[0]
        raise TargetError(
            f"{name}: sudo refused to run the command as {account}, and nothing was run: {said}",
            advice="It must not need a password: have sudoers say NOPASSWD for this account and command; variables "
            "of a step need SETENV too.",
        )
