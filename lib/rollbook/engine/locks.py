"""The locks of a run: one on this machine, and one on the runbook's SQL server for all machines."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import LockHeld, RefusedError
from ..planner.planner import Planner


@contextmanager
def run_locks(name: str, root: Path, planner: Planner, run_id: str, operator: str) -> Iterator[tuple[str, ...]]:
    """
    Hold what `lock:` names until the block ends; gives where it is held. Nothing is held for an empty *name*.

    Raises `LockHeld` at once when somebody else holds it.
    """
    if not name:
        yield ()
        return
    with ExitStack() as held:
        held.enter_context(_local_lock(name, root, f"{operator}, run {run_id}"))
        places = ["this machine"]
        target = planner.lock_target()
        lock = planner.pool.target(target).lock(name) if target else None
        if lock is not None:
            held.enter_context(lock)
            places.append(target)
        yield tuple(places)


@contextmanager
def _local_lock(name: str, root: Path, holder: str) -> Iterator[None]:
    folder = root / "locks"
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        os.ftruncate(file, 0)
        os.write(file, holder.encode())
        yield
    finally:
        os.close(file)
