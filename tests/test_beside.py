"""Files that are replaced in folders where somebody else can write."""

import os
from pathlib import Path

import pytest

from rollbook.beside import write_beside, written_beside


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
