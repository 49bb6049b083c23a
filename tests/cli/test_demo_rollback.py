"""The demo of a bad deploy, on servers of its own."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .demos import commands, forum_place, start

pytestmark = pytest.mark.server


@pytest.fixture
def folder(forum_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """Make a folder for the demo, with the Python environment of the forum in it already."""
    with forum_place(tmp_path, forum_folder, "demo-forum") as place:
        yield place


def servers(folder: Path) -> list[str]:
    """Name the processes that were started for this folder's demo and are still there."""
    link = folder / ".rollbook" / "demo-forum" / "postgres"
    marks = [str(folder), str(link.resolve())] if link.is_symlink() else [str(folder)]
    return commands(*marks)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_the_demo_ends_its_servers(folder: Path, sign: signal.Signals) -> None:
    """In the middle of the visitors' traffic, Ctrl-C and SIGTERM leave nothing running."""
    process = start(folder, "demo-rollback")
    log = folder / ".rollbook" / "demo-forum" / "visitors.jsonl"
    until = time.monotonic() + 100
    while not (log.exists() and log.stat().st_size) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert servers(folder)

    process.send_signal(sign)

    shown = process.communicate(timeout=60)[0]
    assert process.returncode == 130, shown
    assert "demo-rollback --stay" in shown
    assert servers(folder) == []
    assert not (folder / ".rollbook" / "demo-forum" / "servers.json").exists()


@pytest.mark.timeout(900)
def test_the_forum_comes_back_and_can_be_taken_back(folder: Path) -> None:
    """Without a terminal the run succeeds, what visitors were told is there, and the undo keeps what they wrote."""
    process = start(folder, "demo-rollback")
    shown = process.communicate(timeout=400)[0]
    assert process.returncode == 0, shown
    after = shown.partition("The forum afterwards")[2]
    assert "200            /c/test_channel/" in after
    assert "302            /login/ with a right password" in after
    assert "0              posts" in after
    assert "is NOT" not in after
    assert "rollbook demo-rollback --undo" in after
    assert len(list((folder / ".rollbook" / "runs").glob("*/report.html"))) == 1
    assert servers(folder) == []

    undone = start(folder, "demo-rollback", "--undo")
    told = undone.communicate(timeout=400)[0]

    assert undone.returncode == 0, told
    assert "took back run" in " ".join(told.split())
    assert servers(folder) == []
    broken = [line for line in told.splitlines() if "is NOT" in line]
    assert [line.rpartition(" ")[2] for line in broken] == ["comments."]


def test_there_must_be_a_forum_to_keep_up(folder: Path) -> None:
    """Where no demo ran, its servers cannot be kept up, and the command that helps is named."""
    process = start(folder, "demo-rollback", "--stay")

    shown = process.communicate(timeout=60)[0]

    assert process.returncode == 4
    assert "there is no forum" in shown
    assert "Run `demo-rollback` first." in shown
