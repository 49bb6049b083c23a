"""Seals files for a recipient, and opens them again, by the programs age and gpg: streamed, never on disk in clear."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

from ...errors import RefusedError, TargetError
from ...snapshots.manifest import Sealed
from ...snapshots.sealing import opened_by, sealed_by

_SAID: Final = 600


class NotOpened(TargetError):
    """What was sealed could not be opened with the key that was given, or with any that gpg has."""


@contextmanager
def sealing(recipient: str, to: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give a stream whose content is written to *to*, sealed for *recipient*. Raises `TargetError`."""
    with _program(sealed_by(recipient), stdin=subprocess.PIPE, stdout=to) as process:
        stream = process.stdin
        if stream is None:
            raise TargetError("the program that seals has no input")
        try:
            yield stream
            stream.close()
        except BrokenPipeError as error:
            raise TargetError(
                f"it could not be sealed for {recipient}: {_ended(process)}",
                advice="Look at the recipient in encrypt_to:.",
            ) from error
        _require(process, f"it could not be sealed for {recipient}")


@contextmanager
def opening(sealed: Sealed, content: IO[bytes], identity: str) -> Iterator[IO[bytes]]:
    """
    Give what was sealed; *identity* is age's secret key, or the passphrase of gpg's where it has one.

    Raises `NotOpened` at the end where it was not the right one, or the file is not whole.
    """
    reading, handed = _handed(identity)
    argv = opened_by(sealed, reading)
    kept = () if reading is None else (reading,)
    try:
        with _program(argv, stdin=content, stdout=subprocess.PIPE, pass_fds=kept) as process:
            if process.stdout is None:
                raise TargetError("the program that opens has no output")
            try:
                yield process.stdout
                process.stdout.read()
            except TargetError:
                # What came was no whole file: where that is the program's doing, it says why.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                    _require(process, "it could not be opened", NotOpened)
                raise
            _require(process, "it could not be opened", NotOpened)
    finally:
        if handed:
            os.close(handed)


def _handed(identity: str) -> tuple[int | None, int]:
    """Give a descriptor from which a child reads *identity*, so that it is in no argument and in no file."""
    if not identity:
        return None, 0
    descriptor = os.memfd_create("identity", 0)
    os.write(descriptor, identity.encode() + b"\n")
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor, descriptor


@contextmanager
def _program(
    argv: tuple[str, ...],
    *,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    pass_fds: tuple[int, ...] = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, pass_fds=pass_fds)
    except FileNotFoundError as error:
        raise RefusedError(
            f"there is no {argv[0]} on this machine.",
            advice=f"Install it (Debian: apt-get install {_PACKAGES[argv[0]]}).",
        ) from error
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not stream.closed:
                _close(stream)
        process.wait()


_PACKAGES: Final = {"age": "age", "gpg": "gnupg"}


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return  # the program went first; what it said tells why


def _ended(process: "subprocess.Popen[bytes]") -> str:
    said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
    code = process.wait()
    return said[-_SAID:] or f"exit code {code}"


def _require(process: "subprocess.Popen[bytes]", failed: str, error: type[TargetError] = TargetError) -> None:
    said = _ended(process)
    if process.returncode:
        raise error(f"{failed}: {said}", advice="Name the right key; see what its program says.")
