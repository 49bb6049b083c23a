"""Files of this machine that go into a store, or come out of one."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from ..beside import sync_folder
from ..errors import Interrupted, TargetError
from ..ops import Execution
from ..postgres.manifest import FileEntry


def entry_of(folder: Path, name: str) -> FileEntry:
    """Hash a file below *folder*. Raises `TargetError` where it cannot be read."""
    path = folder / name
    try:
        with path.open("rb") as file:
            return FileEntry(name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}", advice="Is the backup whole?") from error


def teller(total: int, execution: Execution) -> Callable[[int], None]:
    """Give what tells how far it is, of *total* bytes, and stops where the run is to stop."""
    done = [0]

    def tell(count: int) -> None:
        done[0] += count
        execution.progress(done[0], total, "B")
        if execution.stopping():
            raise Interrupted("it was stopped; what was moved already need not be moved again")

    return tell


def give_up(partial: Path, message: str, advice: str) -> NoReturn:
    """
    Refuse what the store has, and clear away what was fetched of it: nobody goes on with that.

    What was killed or stopped, or found no store, is left to a resume.
    """
    shutil.rmtree(partial, ignore_errors=True)
    raise TargetError(message, advice=advice)


def settle(partial: Path, place: Path) -> None:
    """Give a downloaded backup its name, private and on disk."""
    for path in (partial, *partial.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
            continue
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    partial.rename(place)
    sync_folder(place.parent)


def sweep(partial: Path, names: Iterable[str]) -> None:
    """Remove what a killed download left beside the files that are wanted: boto3 writes under another name first."""
    wanted = {partial / name for name in names}
    for path in partial.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
