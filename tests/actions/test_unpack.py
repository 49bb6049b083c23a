"""One member of an archive, put in place."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import CommandFailed, SchemaError, TargetError

from .conftest import Machine, use

NEW = b"new \xff\x00 content\n" * 1000
ENDINGS = ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"]


def archive(folder: Path, ending: str) -> Path:
    """Write an archive with a file twice named alike in its folders, one member twice, a link and a folder."""
    path = folder / f"backup.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in (("etc/app.conf", NEW), ("app.conf", b"other"), ("twice", b"1")):
                file.writestr(name, content)
            with pytest.warns(UserWarning, match="Duplicate"):
                file.writestr("twice", b"2")
            file.mkdir("etc/folder")
            link = zipfile.ZipInfo("link")
            link.external_attr = 0o120777 << 16
            file.writestr(link, "/etc/passwd")
        return path
    with tarfile.open(path, f"w:{ending.partition('.')[2]}") as tar:
        for name, content in (("etc/app.conf", NEW), ("app.conf", b"other"), ("twice", b"1"), ("twice", b"2")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("etc/folder", tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_member_takes_the_place_of_a_file_and_gives_it_back(machine: Machine, tmp_path: Path, ending: str) -> None:
    """The member arrives byte for byte with the file's mode; the undo brings back what was there, and leaves nothing."""
    path = tmp_path / "there" / "app.conf"
    path.parent.mkdir()
    path.write_bytes(b"old")
    path.chmod(0o640)
    action = use("archive.unpack", archive=str(archive(tmp_path, ending)), member="etc/app.conf", path=str(path))

    change = machine.apply(action)
    found = path.read_bytes(), path.stat().st_mode & 0o777
    again = machine.plan(action).ops
    machine.undo(action, change)

    assert found == (NEW, 0o640)
    assert again == ()
    assert (path.read_bytes(), [entry.name for entry in path.parent.iterdir()]) == (b"old", ["app.conf"])


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("nothing", "not in there"),
        ("twice", "more than once"),
        ("link", "no plain file"),
        ("etc/folder/", "no plain file"),
    ],
)
def test_only_a_plain_file_is_taken(machine: Machine, tmp_path: Path, ending: str, member: str, message: str) -> None:
    """What is absent, ambiguous, a link or a folder is refused while planning."""
    action = use("archive.unpack", archive=str(archive(tmp_path, ending)), member=member, path=str(tmp_path / "x"))

    with pytest.raises(TargetError, match=message):
        machine.plan(action)


def test_a_broken_archive_is_told(machine: Machine, tmp_path: Path) -> None:
    """An archive that is cut off, and one that is not there, are told as such."""
    path = archive(tmp_path, "tar.gz")
    path.write_bytes(path.read_bytes()[:-40])
    arguments = {"member": "etc/folder", "path": str(tmp_path / "x")}

    with pytest.raises(TargetError, match="cannot be taken") as cut:
        machine.plan(use("archive.unpack", archive=str(path), **arguments))
    with pytest.raises(TargetError, match="there is no"):
        machine.plan(use("archive.unpack", archive=str(tmp_path / "none.tar"), **arguments))

    assert "not in there" not in cut.value.message


def test_an_archive_that_changed_since_the_plan_is_refused(machine: Machine, tmp_path: Path) -> None:
    """What arrives must be what was planned; otherwise the file stays as it was."""
    path = archive(tmp_path, "tar")
    (tmp_path / "file").write_text("old")
    change = machine.plan(
        use("archive.unpack", archive=str(path), member="etc/app.conf", path=str(tmp_path / "file"), keep=False)
    )
    path.write_bytes(path.read_bytes().replace(b"new", b"NEW"))

    with pytest.raises(CommandFailed, match="not as planned"):
        machine.carry_out(*change.ops)

    assert (tmp_path / "file").read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["backup.tar", "file"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"member": "../etc/passwd"}, "leads nowhere else"),
        ({"member": "a/../../b"}, "leads nowhere else"),
        ({"member": "/etc/passwd"}, "leads nowhere else"),
        ({"member": "--to-command=x"}, "leads nowhere else"),
        ({"archive": "/x.backup"}, "tar or zip"),
        ({"path": "/x/"}, "path of a file"),
        ({"mode": "rw"}, "0644"),
    ],
)
def test_misuse_is_refused(arguments: dict[str, Any], message: str) -> None:
    """Names that lead out of the archive, and what makes no sense, are refused before anything runs."""
    with pytest.raises(SchemaError, match=message):
        use("archive.unpack", **{"archive": "/x.tar", "member": "m", "path": "/y", **arguments})
