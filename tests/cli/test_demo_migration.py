"""The demo of a destructive migration, on servers of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .demos import forum_place, start

pytestmark = pytest.mark.server


@pytest.fixture
def folder(forum_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """Make a folder for the demo, with the Python environment of the forum in it already."""
    with forum_place(tmp_path, forum_folder, "demo-migration") as place:
        yield place


def demo(folder: Path, *words: str) -> tuple[int, str]:
    """Run the demo in *folder*, without a terminal."""
    process = start(folder, "demo-migration", *words)
    shown = process.communicate(timeout=600)[0]
    return process.returncode, shown


@pytest.mark.timeout(1200)
def test_every_row_comes_back_and_can_be_taken_out_again(folder: Path) -> None:
    """Without a terminal both runs succeed, nothing is missing, and the undo leaves what was there before."""
    code, shown = demo(folder)
    assert code == 0, shown
    broken, _, after = shown.partition("The forum afterwards")
    assert "500            /api/v0/channels/" in broken
    assert "200            /api/v0/channels/" in after
    for thing in ("comments", "authors of comments", "owners of channels"):
        assert f"0              {thing}" in after
    assert "is NOT" not in after
    reports = sorted((folder / ".rollbook" / "runs").glob("*/report.md"))
    assert [("were destroyed" in report.read_text()) for report in reports] == [False, True]

    code, told = demo(folder, "--undo")

    assert code == 0, told
    assert "took back run" in " ".join(told.split())
    missing = re.search(r"(\d+) +owners of channels", told.partition("What is missing now")[2])
    assert missing  # an owner may have left meanwhile, and is no owner any more then
    assert 0 < int(missing[1]) <= 6
    assert not (folder / ".rollbook" / "demo-migration" / "servers.json").exists()


def test_there_must_be_a_forum_to_keep_up(folder: Path) -> None:
    """Where no demo ran, its servers cannot be kept up, and the command that helps is named."""
    code, shown = demo(folder, "--stay")

    assert code == 4
    assert "Run `demo-migration` first." in shown
