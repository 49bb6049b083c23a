"""Files on this machine: put, removed, copied, and brought back."""

import os
from pathlib import Path

import pytest

from rollbook.action import Leave, Refuse
from rollbook.errors import SchemaError, TargetError, UndoRefused
from rollbook.schema import encode

from .conftest import Machine, use

OLD = b"old \xff\x00 content\n"


def test_a_replaced_file_comes_back_byte_for_byte(machine: Machine, tmp_path: Path) -> None:
    """Undo restores content and mode exactly, also of what is no text, and leaves no copy behind."""
    path = tmp_path / "app.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    action = use("file.present", path=str(path), content="new\n", mode="0600")

    change = machine.apply(action)
    written = path.read_bytes(), path.stat().st_mode & 0o777
    machine.undo(action, change)

    assert written == (b"new\n", 0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (OLD, 0o640)
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.conf"]


def test_a_large_file_comes_back(machine: Machine, tmp_path: Path) -> None:
    """A file's size does not matter to its way back, for its content is kept on its own disk."""
    path = tmp_path / "large"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    action = use("file.present", path=str(path), content="small")

    change = machine.apply(action)
    machine.undo(action, change)

    assert path.read_bytes() == content
    assert len(str(encode(change))) < 3000


def test_a_new_file_goes_again(machine: Machine, tmp_path: Path) -> None:
    """Undoing a file that was not there removes it."""
    path = tmp_path / "page.html"
    action = use("file.present", path=str(path), content="<h1>Back soon</h1>")

    change = machine.apply(action)
    machine.undo(action, change)

    assert not path.exists()


def test_a_removed_file_comes_back(machine: Machine, tmp_path: Path) -> None:
    """Undoing a removal brings back content and mode."""
    path = tmp_path / "page.html"
    path.write_bytes(OLD)
    path.chmod(0o600)
    action = use("file.absent", path=str(path))

    change = machine.apply(action)
    gone = not path.exists()
    machine.undo(action, change)

    assert gone
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (OLD, 0o600)


def test_a_second_time_changes_nothing(machine: Machine, tmp_path: Path) -> None:
    """What is as wanted is left alone."""
    action = use("file.present", path=str(tmp_path / "a" / "b"), content="x")
    machine.apply(action)

    again = machine.plan(action)

    assert again.ops == ()
    assert action.verdict(again) == "noop"
    assert isinstance(action.undo(again), Leave)


def test_a_copy_over_a_file_is_undone(machine: Machine, tmp_path: Path) -> None:
    """Undoing a copy brings back what was there."""
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(OLD)
    action = use("file.copy", source=str(tmp_path / "new"), path=str(tmp_path / "old"))

    change = machine.apply(action)
    copied = (tmp_path / "old").read_bytes()
    machine.undo(action, change)

    assert copied == b"new"
    assert (tmp_path / "old").read_bytes() == OLD


@pytest.mark.parametrize("kind", ["file.present", "file.absent"])
def test_links_and_folders_are_refused(machine: Machine, tmp_path: Path, kind: str) -> None:
    """A link is not followed and a folder not touched: both are told."""
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    extra = {"content": "y"} if kind == "file.present" else {}

    with pytest.raises(TargetError, match="a symbolic link"):
        machine.plan(use(kind, path=str(tmp_path / "link"), **extra))
    with pytest.raises(TargetError, match="a folder"):
        machine.plan(use(kind, path=str(tmp_path / "folder"), **extra))


def test_a_copy_that_somebody_removed_refuses_the_undo(machine: Machine, tmp_path: Path) -> None:
    """Without the kept copy there is no way back, and the message says which content is missing."""
    path = tmp_path / "a"
    path.write_bytes(OLD)
    action = use("file.present", path=str(path), content="new")
    change = machine.apply(action)
    next(tmp_path.glob(".a.*.kept")).unlink()

    with pytest.raises(UndoRefused, match="is gone"):
        machine.undo(action, change)

    assert path.read_text() == "new"


def test_what_is_not_kept_refuses_its_undo(machine: Machine, tmp_path: Path) -> None:
    """`keep: false` costs the way back, and says so."""
    path = tmp_path / "a"
    path.write_bytes(OLD)
    action = use("file.absent", path=str(path), keep=False)

    change = machine.apply(action)

    assert list(tmp_path.iterdir()) == []
    assert isinstance(action.undo(change), Refuse)


def test_a_content_that_names_the_run_is_known_in_the_run_only(machine: Machine, tmp_path: Path) -> None:
    """A plan does not claim to know the hash of a content in which the run's id will stand."""
    action = use("file.present", path=str(tmp_path / "a"), content="run ‹run id›")

    change = machine.plan(action)

    assert encode(change.after)["sha256"] == {"$unknown": "run.content"}


@pytest.mark.parametrize("mode", ["rw-r--r--", "99", "77777", ""])
def test_a_mode_is_octal_text(mode: str) -> None:
    """What is no mode is refused."""
    with pytest.raises(SchemaError, match="0644"):
        use("file.present", path="/x", content="", mode=mode)
