"""Files that are replaced in folders where somebody else can write."""

import ast
import os
import stat
from pathlib import Path

import pytest

import rollbook
from rollbook.beside import make_folder, write_beside, written_beside


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """While it is written the old one is there, afterwards the new one, for its owner only, and nothing else."""
    path = tmp_path / "p.json"
    path.write_text("old")
    with written_beside(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["p.json"]


def test_an_error_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    """What could not be written whole was never there."""
    path = tmp_path / "p.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_beside(path):
        raise RuntimeError

    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["p.json"]


def test_links_that_somebody_put_there_are_not_followed(tmp_path: Path) -> None:
    """Neither a link in place of the file nor one under the names used before leads to another file."""
    other = tmp_path / "precious"
    other.write_text("kept")
    for name in ("p.json", "p.json.part", ".p.json.part", f".p.json.{os.getpid()}.new"):
        (tmp_path / name).symlink_to(other)

    write_beside(tmp_path / "p.json", (b"new",))

    assert other.read_text() == "kept"
    assert not (tmp_path / "p.json").is_symlink()
    assert (tmp_path / "p.json").read_text() == "new"


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    """A name as long as the system allows leaves room for the one beside it."""
    path = tmp_path / ("ä" * 127)
    write_beside(path, (b"a", b"b"))

    assert path.read_bytes() == b"ab"


def test_every_folder_that_was_missing_is_for_its_owner_only(tmp_path: Path) -> None:
    """Those above the last one too; one that was there keeps the mode that it had."""
    (tmp_path / "there").mkdir(mode=0o755)

    for _ in range(2):
        make_folder(tmp_path / "there" / "a" / "b" / "c")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"there": 0o755, "a": 0o700, "b": 0o700, "c": 0o700}


def test_a_file_in_a_folders_place_is_an_error(tmp_path: Path) -> None:
    """Where something else has the name, at the end or above it, no folder is said to be there."""
    (tmp_path / "file").touch()

    for place in ("file", "file/below"):
        with pytest.raises(OSError, match="file"):
            make_folder(tmp_path / place)


def test_no_module_makes_private_folders_below_open_ones() -> None:
    """`mkdir` with a mode and parents gives the mode to the last folder alone: `make_folder` is for that."""
    sources = [path.read_text() for path in Path(rollbook.__file__).parent.rglob("*.py")]
    calls = [
        ast.unparse(node)
        for source in sources
        if "mkdir(" in source or "makedirs(" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("mkdir", "makedirs")
    ]

    assert len(calls) > 5
    assert [call for call in calls if "mode=" in call and "parents=" in call] == []
