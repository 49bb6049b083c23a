"""Files that take their name only when they are whole, folders for their owner only: nobody slips something under."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from .errors import RefusedError

_LONGEST: Final = 50  # characters, so that the name fits with its ending


@contextmanager
def written_beside(path: Path, mode: int = 0o600, *, lasting: bool = True) -> Iterator[IO[bytes]]:
    """
    Give a file that takes the place of *path* once it is written and fsynced; on an error nothing is left.

    Until then it lies beside it under a name that nobody can guess, made anew (never through a link that
    somebody else put there) and readable for its owner only. Not *lasting*: without the fsync.
    """
    beside = path.with_name(f".{path.name[:_LONGEST]}.{os.urandom(6).hex()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(beside, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            if lasting:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


def write_beside(path: Path, parts: Iterable[bytes], *, lasting: bool = True) -> None:
    """Write *parts* to *path*, for its owner only; a half-written file never has the name."""
    with written_beside(path, lasting=lasting) as file:
        for part in parts:
            file.write(part)


def make_folder(folder: Path) -> None:
    """
    Make *folder* with every missing one above it, each for its owner only; one that is there stays as it is.

    `Path.mkdir` gives its mode to the last one alone.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def list_folder(folder: Path) -> list[Path]:
    """Give what lies in *folder*, nothing where there is none. Raises `RefusedError` where it may not be read."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RefusedError(
            f"The folder {folder} cannot be read: {error.strerror}.",
            advice="Nothing was started. See to whom it belongs, and its rights: ls -ld. Work as that account "
            "(sudo -u ACCOUNT …), or in a checkout of your own.",
        ) from error


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk, so that a new name in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
