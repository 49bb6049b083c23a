"""The forum's history is the same each time, and such that going back has something to do and something to keep."""

from pathlib import Path

import pytest

from rollbook.demo.forum.history import BAD, DROPPED, GOOD, WITHOUT, check_out, git, write_history
from rollbook.library import stock_folder

EXAMPLE = stock_folder() / "examples" / "forum"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Check the good version out."""
    write_history(EXAMPLE, tmp_path / "origin.git")
    check_out(tmp_path / "origin.git", tmp_path / "site", GOOD)
    return tmp_path / "site"


def test_its_hashes_are_the_same_each_time(tmp_path: Path) -> None:
    """Two histories made of the same files have the same commits."""
    for name in ("one.git", "two.git"):
        write_history(EXAMPLE, tmp_path / name)

    one, two = (git(tmp_path / name, "rev-parse", "main", GOOD) for name in ("one.git", "two.git"))

    assert one == two


def test_comments_are_retired_in_two_deploys(site: Path) -> None:
    """The code goes first and holds no migration; what drops the rows comes by itself."""
    first = git(site, "diff", "--name-only", GOOD, WITHOUT).splitlines()
    second = git(site, "diff", "--name-only", WITHOUT, DROPPED).splitlines()

    assert not any("migrations" in name for name in first)
    assert second == ["channels/migrations/0002_no_comments.py"]


def test_a_clone_is_clean_and_behind(site: Path) -> None:
    """What is served first is the good version; the deploy is a fast-forward to the origin's main branch."""
    assert git(site, "status", "--porcelain") == ""
    assert git(site, "describe", "--tags") == GOOD
    assert git(site, "log", "--first-parent", "--format=%s", "HEAD..origin/main").splitlines() == [
        "Say how many episodes a podcast has",
        "Merge branch 'remove-channels'",
    ]


def test_reverting_the_merge_keeps_what_came_after(site: Path) -> None:
    """The merge reverts without a conflict, to the good version with the harmless commit on top."""
    git(site, "merge", "--quiet", "--ff-only", "origin/main")
    assert not (site / "channels").exists()

    git(site, "revert", "--no-edit", "-m", "1", f"{BAD}^")

    assert git(site, "diff", "--name-only", GOOD).splitlines() == ["podcasts/templates/podcasts/show_card.html"]
    assert git(site, "status", "--porcelain") == ""
