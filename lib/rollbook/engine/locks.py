"""The locks of a run: one on this machine, and one on the runbook's SQL server for all machines."""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from ..dataclass import dataclass
from ..errors import LockHeld, RefusedError
from ..planner.planner import Planner

FOLDER: Final = Path("/tmp/rollbook-locks")  # noqa: S108  # shared by all accounts and folders, as locks must be


@runtime_checkable
class Held(Protocol):
    """A lock that can tell whether it is still held."""

    def held(self) -> bool:
        """Ask the server."""


@dataclass(frozen=True, slots=True)
class Locks:
    """Where a run's lock is held; *remote* are those that a lost connection takes away."""

    places: tuple[str, ...] = ()
    remote: tuple[tuple[str, Held], ...] = ()

    def lost(self) -> tuple[str, ...]:
        """Name the places where the lock is not held any more."""
        return tuple(place for place, lock in self.remote if not lock.held())


@contextmanager
def run_locks(name: str, planner: Planner, run_id: str, operator: str) -> Iterator[Locks]:
    """
    Hold what `lock:` names until the block ends. Nothing is held for an empty *name*.

    Raises `LockHeld` at once when somebody else holds it.
    """
    if not name:
        yield Locks()
        return
    with ExitStack() as held:
        held.enter_context(_local_lock(name, planner.lock_subject(), f"{operator}, run {run_id}"))
        remote: list[tuple[str, Held]] = []
        target = planner.lock_target()
        lock = planner.pool.target(target).lock(name) if target else None
        if lock is not None:
            held.enter_context(lock)
            if isinstance(lock, Held):
                remote.append((target, lock))
        yield Locks(("this machine", *([target] if lock is not None else [])), tuple(remote))


@contextmanager
def _local_lock(name: str, subject: str, holder: str) -> Iterator[None]:
    path = FOLDER / f"{hashlib.sha256(f'{subject} {name}'.encode()).hexdigest()[:32]}.lock"
    try:
        file = _open_shared(path)
    except OSError as error:
        raise RefusedError(f"The lock {name!r} cannot be taken: {path}: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = os.read(file, 400).decode(errors="replace").strip() or "another process"
        os.close(file)
        raise LockHeld(
            f"The lock {name!r} is held by {who}.",
            holder=who,
            advice="Two runs on the same thing would undo each other: wait for that one, or stop it.",
        ) from error
    try:
        _sign(file, path, holder)
        yield
    finally:
        os.close(file)


def _open_shared(path: Path) -> int:
    """
    Open a lock file that every account and every folder of this machine shares.

    Its folder is like /tmp: anybody may add files, nobody may remove those of others. A file of
    another account is opened for reading, which is enough to lock it.
    """
    try:
        FOLDER.mkdir(mode=0o700)
        FOLDER.chmod(0o1777)
    except FileExistsError:
        _require_shared(os.lstat(FOLDER))
    file = _open(path)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(file)
        raise OSError(errno.EINVAL, "it is no file of its own; somebody put it there", str(path))
    return file


def _require_shared(found: os.stat_result) -> None:
    """Refuse a folder in which somebody could take away the lock that another account holds."""
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{FOLDER} is not a folder; remove it", str(FOLDER))
    if found.st_uid == os.geteuid():
        FOLDER.chmod(0o1777)  # whoever made it may have been killed before
    elif found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, f"anybody can remove files of {FOLDER}; chmod 1777 it", str(FOLDER))


def _open(path: Path) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe that somebody put there must not hold us up
    try:
        return os.open(path, os.O_RDWR | flags)
    except FileNotFoundError:
        file = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        os.fchmod(file, 0o644)
        return file
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)


def _sign(file: int, path: Path, holder: str) -> None:
    """Say in the lock's file who holds it."""
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        return  # another account's file: locked all the same
    try:
        os.ftruncate(file, 0)
        os.write(file, holder.encode())
    except OSError as error:
        raise RefusedError(
            f"The lock's file {path} cannot be written: {error.strerror}.",
            advice="Nothing was started. Make room on that disk, or correct the folder's rights.",
        ) from error
