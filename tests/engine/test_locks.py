"""The folder of locks, which every account of the machine can write."""

import os
import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.engine import locks
from rollbook.errors import LockHeld, RefusedError
from rollbook.targets.base import TargetSpec

from .workshop import Workshop


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of locks of the test's own, which is not there yet."""
    place = tmp_path / "locks"
    monkeypatch.setattr(locks, "FOLDER", place)
    return place


def held() -> AbstractContextManager[None]:
    """Give the lock."""
    return locks._local_lock("l", "subject", "ada")


def test_a_lock_is_held_once_and_its_folder_is_for_all(folder: Path) -> None:
    """The second is told who holds it; the folder is made as /tmp is, also where its maker was killed halfway."""
    folder.mkdir(mode=0o700)
    with held(), pytest.raises(LockHeld, match="held by ada"), held():
        pass

    assert folder.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("sort", ["link", "pipe", "hard link"])
def test_what_somebody_put_in_place_of_a_lock_is_refused(folder: Path, tmp_path: Path, sort: str) -> None:
    """It is told, nothing behind it is written to, and nothing waits for it."""
    with held():
        (path,) = folder.iterdir()
    path.unlink()
    other = tmp_path / "precious"
    other.write_text("kept")
    match sort:
        case "link":
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.hardlink_to(other)

    with pytest.raises(RefusedError, match="The lock 'l' cannot be taken"), held():
        pass
    assert other.read_text() == "kept"


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """Locks are not put where somebody else wants them."""
    folder.symlink_to(tmp_path)

    with pytest.raises(RefusedError, match="is not a folder"), held():
        pass


def test_a_lock_holds_over_all_folders_of_the_machine(workshop: Workshop, tmp_path: Path) -> None:
    """Two working folders on one database exclude each other."""
    steps = "lock: shared\ntargets: {ledger: {kind: sql}}\nsteps:\n  - id: s\n    name: Sleep.\n    shell.run: {command: [sleep, '0.8']}\n    undo: {leave: x}\n"
    targets = {"ledger": TargetSpec("ledger", "sql", {"url": f"sqlite:///{tmp_path}/ledger.sqlite"})}
    (tmp_path / "ledger.sqlite").touch()
    workshop.targets = targets
    workshop.write("one", steps)
    other = replace(workshop, folder=tmp_path / "other")
    other.write("one", steps)
    errors: list[LockHeld] = []

    def second() -> None:
        try:
            other.run("one")
        except LockHeld as error:
            errors.append(error)

    timer = threading.Timer(0.3, second)
    timer.start()
    assert workshop.run("one").status == "succeeded"
    timer.join()

    assert "ada@example" in str(errors[0])
