"""The locks of a run: each on this machine, and on the SQL server that it names for all machines."""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from ..dataclass import dataclass
from ..errors import LockHeld, RefusedError
from ..plan import PlannedLock
from ..planner.locking import lock_subject, lock_target
from ..planner.readers import Pool

FOLDER: Final = Path("/tmp/rollbook-locks")  # noqa: S108  # shared by all accounts and folders, as locks must be


@runtime_checkable
class Held(Protocol):
    """A lock that can tell whether it is still held."""

    def held(self) -> bool:
        """Ask the server."""


@dataclass(slots=True)
class Locks:
    """
    The locks that a run holds until *stack* ends: where, by name.

    *remote* are those that a lost connection takes away, *missed* says which were gone without, and why.
    """

    pool: Pool
    holder: str
    stack: ExitStack
    held: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    remote: list[tuple[str, Held]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def take(self, wanted: Iterable[PlannedLock]) -> tuple[tuple[str, str], ...]:
        """
        Take those of *wanted* that are not held already, and give the name and place of each that was taken.

        Raises `LockHeld` at once when somebody else holds one.
        """
        taken: list[tuple[str, str]] = []
        for lock in wanted:
            key = (lock.name, lock_subject(lock, self.pool))
            if key not in self.held:
                self.held[key] = self._take(*key, lock_target(lock, self.pool))
                taken += [(lock.name, place) for place in self.held[key]]
        return tuple(taken)

    def _take(self, name: str, subject: str, target: str) -> tuple[str, ...]:
        self.stack.enter_context(_local_lock(name, subject, self.holder))
        lock = self.pool.target(target).lock(name) if target else None
        if lock is None:
            return ("this machine",)
        self.stack.enter_context(lock)
        if isinstance(lock, Held):
            self.remote.append((target, lock))
        return ("this machine", target)

    @property
    def places(self) -> tuple[str, ...]:
        """Where something is held."""
        return tuple(dict.fromkeys(place for places in self.held.values() for place in places))

    def lost(self) -> tuple[str, ...]:
        """Name the places where a lock is not held any more."""
        return tuple(place for place, lock in self.remote if not lock.held())


@contextmanager
def run_locks(pool: Pool, holder: str) -> Iterator[Locks]:
    """Hold whatever is taken in the block until it ends; others are told that *holder* has it."""
    with ExitStack() as stack:
        yield Locks(pool, holder, stack)


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
