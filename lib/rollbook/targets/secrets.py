"""Looks up secrets at use, keeps them in this process only, and tells the redactor each value."""

import os
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import RLock
from typing import Final

from ..errors import CommandTimeout, Interrupted, SecretError, TargetError
from ..values import Secret
from .redaction import SHORTEST, Redactor

_LARGEST: Final = 1 << 16
_SECONDS: Final = 30.0
_STAY: Final = "starts the servers that this names, and prints what to export."
_FORUM: Final = f"`rollbook demo-rollback --stay`, or `rollbook demo-migration --stay`, {_STAY}"
_DEMO: Final = f"`rollbook demo --stay` {_STAY}"
_DEMOS: Final = {
    **dict.fromkeys(("ROLLBOOK_DEMO_LEDGER_URL", "ROLLBOOK_DEMO_MONGO_URL", "ROLLBOOK_DEMO_SITE_URL"), _DEMO),
    **dict.fromkeys(("ROLLBOOK_FORUM_DATABASE_URL", "ROLLBOOK_FORUM_SITE_URL"), _FORUM),
}


class SecretStore:
    """Gives the values of secrets; every value given was told to *redactor* before."""

    def __init__(self, environ: Mapping[str, str], redactor: Redactor, *, seconds: float = _SECONDS) -> None:
        self._environ = environ
        self._redactor = redactor
        self._seconds = seconds
        self._values: dict[str, str] = {}
        self._lock = RLock()

    def value(self, secret: Secret) -> str:
        """
        Look up *secret*; the second time from memory.

        Raises `SecretError` where nothing usable is there, or it is under six characters long.
        """
        with self._lock:
            found = self._values.get(secret.reference)
            if found is None:
                found = self._look_up(secret)
                self._redactor.add(secret, found)
                self._hide_within(secret, found)
                self._values[secret.reference] = found
            return found

    def resolve(self, text: str | Secret) -> str:
        """Give *text* itself, or the value of a secret."""
        return self.value(text) if isinstance(text, Secret) else text

    def prime(self, secrets: Iterable[Secret]) -> None:
        """
        Tell the redactor the values that are cheap to have (env, file), so that they are hidden before their first use.

        What cannot be looked up is left for its first use to complain about.
        """
        for secret in secrets:
            if secret.reference.startswith("command:"):
                continue
            try:
                self.value(secret)
            except SecretError:
                continue

    def _hide_within(self, secret: Secret, value: str) -> None:
        """Hide the passwords in a secret that is more than one, also where nobody connects by it."""
        if not any(sign in value for sign in ("://", "=", ":")):
            return
        from .passwords import passwords_in  # only for such secrets

        for password in passwords_in(value):
            self._redactor.add(f"password in {secret.reference}", password)

    def _look_up(self, secret: Secret) -> str:
        scheme, _, name = secret.reference.partition(":")
        readers: dict[str, Callable[[str], str]] = {"env": self._env, "file": self._file, "command": self._command}
        if scheme not in readers:
            raise SecretError(
                f"{secret.reference!r} is not a reference to a secret",
                advice='Write {secret: "env:NAME"}, "file:PATH" or "command:ARGV".',
            )
        found = readers[scheme](name.strip())
        if len(found) < SHORTEST:
            raise SecretError(
                f"secret {secret.reference} is {len(found)} characters long, and at least {SHORTEST} are needed",
                advice="A shorter one could not be kept out of output and reports. Set a longer secret.",
            )
        return found

    def _env(self, name: str) -> str:
        found = self._environ.get(name)
        if found is None:
            raise SecretError(
                f"secret env:{name}: the environment variable {name} is not set",
                advice=_DEMOS.get(name, f"Set it for this shell only: read -rs {name} && export {name}"),
            )
        return found

    def _file(self, name: str) -> str:
        path = Path(name).expanduser()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise SecretError(
                f"secret file:{name}: {error.strerror}", advice=f"Create {path} with mode 0600 and the value in it."
            ) from None
        try:
            _refuse_open_to_others(name, os.fstat(descriptor))
            content = os.read(descriptor, _LARGEST + 1)
        finally:
            os.close(descriptor)
        return _one_value(f"file:{name}", content)

    def _command(self, line: str) -> str:
        reference, printed = f"command:{line}", _Printed()
        exited = self._run(line, printed)
        if exited:
            self._redactor.add(Secret(reference), printed.value.decode(errors="replace").strip())
            said = self._redactor.text(printed.errors.decode(errors="replace").strip())
            ended = f"was ended by signal {-exited}" if exited < 0 else f"exit code {exited}"
            raise SecretError(
                f"secret {reference}: {ended}" + (f", it said: {said}" if said else ""),
                advice="Run the command by hand and see what it needs.",
            )
        return _one_value(reference, bytes(printed.value))

    def _run(self, line: str, printed: "_Printed") -> int:
        """Run a secret's command, and give its exit code; what it prints is left in *printed*."""
        from .process import Launch, run_process  # most runs have no such secret

        try:
            return run_process(Launch(tuple(shlex.split(line)), timeout=self._seconds), printed, printed.full)
        except CommandTimeout:
            raise SecretError(
                f"secret command:{line}: no answer within {self._seconds:g} s",
                advice="Does it wait for a passphrase or a login? Run it by hand first.",
            ) from None
        except (ValueError, IndexError, TargetError):  # quotes that do not close, no word at all, a NUL byte
            raise SecretError(
                f"secret command:{line}: this is no command line", advice="Give it a program; correct the quoting."
            ) from None
        except OSError as error:
            raise SecretError(
                f"secret command:{line}: cannot start it: {error.strerror}",
                advice="Is the program installed and on PATH?",
            ) from None
        except Interrupted:  # it printed too much, and was ended for that
            return 0


class _Printed:
    """What a secret's command prints: no more of it than shows that it is too large."""

    def __init__(self) -> None:
        self.value = bytearray()
        self.errors = bytearray()

    def stdout(self, chunk: bytes) -> None:
        self.value += chunk[: _LARGEST + 1 - len(self.value)]

    def stderr(self, chunk: bytes) -> None:
        self.errors = (self.errors + chunk)[-1000:]

    def full(self) -> bool:
        return len(self.value) > _LARGEST


def _refuse_open_to_others(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError(f"secret file:{name}: not a file", advice="Name a plain file that holds the value.")
    if found.st_uid not in (os.geteuid(), 0):
        raise SecretError(
            f"secret file:{name}: belongs to user id {found.st_uid}, not to you",
            advice=f"Copy it, or: chown {os.geteuid()} {shlex.quote(name)}",
        )
    if found.st_mode & 0o077:
        raise SecretError(
            f"secret file:{name}: mode {stat.S_IMODE(found.st_mode):04o} lets others read it",
            advice=f"chmod 600 {shlex.quote(name)}, and change the secret if others could have read it.",
        )


def _one_value(reference: str, content: bytes) -> str:
    if len(content) > _LARGEST:
        raise SecretError(f"secret {reference}: larger than {_LARGEST} bytes", advice="Is this the right one?")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SecretError(f"secret {reference}: not UTF-8 text", advice="Store it as text.") from None
    return text.removesuffix("\n").removesuffix("\r")
