"""Logs that nobody can look into, or that are somewhere else: told, and never taken for logs without errors."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.errors import TargetError

from .conftest import Machine, use


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """Give a log in a folder that nobody may enter."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "error.log").write_text("fine\n")
    folder.chmod(0)
    yield folder / "error.log"
    folder.chmod(0o700)


@pytest.mark.parametrize("name", ["error.log", "*.log", "none.log"])
def test_a_log_behind_a_shut_folder_is_no_absent_one(humble: Machine, shut: Path, name: str) -> None:
    """Where the account is not let in, nothing is said of what is there: neither marked nor scanned nor watched."""
    path = str(shut.with_name(name))
    mark = {"files": {} if "*" in name else {path: None}, "patterns": [path], "units": [], "cursor": ""}

    with pytest.raises(TargetError, match="ermission denied"):
        use("log.mark", files=[path], target="web").probe(humble.read)
    with pytest.raises(TargetError, match="ermission denied"):
        use("log.scan", since=mark, target="web").probe(humble.read)
    with pytest.raises(TargetError, match="ermission denied"):
        use("monitor.watch", log={"files": [path]}, target="web", below=5, for_="0s").probe(humble.read)


def test_a_log_that_is_shut_while_it_is_watched_is_outside(humble: Machine, shut: Path) -> None:
    """From then on no look gives a number."""
    shut.parent.chmod(0o700)
    watch = use("monitor.watch", log={"files": [str(shut)]}, target="web", below=5, **{"for": "3s", "every": "1s"})
    read = humble.read
    read.pause = lambda _: shut.parent.chmod(0)  # type: ignore[method-assign]  # somebody shuts it meanwhile

    outcome = watch.probe(read)

    assert not outcome.passed
    assert "ermission denied" in outcome.message


def test_a_link_is_the_log_that_it_leads_to(machine: Machine, tmp_path: Path) -> None:
    """What grows is the file behind the link, and the link's own length says nothing of that."""
    real, link = tmp_path / "2026-11-27.log", tmp_path / "current"
    real.write_text("ERROR old\n")
    link.symlink_to(real.name)
    mark = machine.outputs(use("log.mark", files=[str(link)]))["mark"]
    with real.open("a") as file:
        file.write("ERROR new\n")

    outcome = use("log.scan", since=mark).probe(machine.read)

    assert outcome.seen["lines"] == [f"{link}: ERROR new"]


def test_a_link_that_leads_elsewhere_since_is_told(machine: Machine, tmp_path: Path) -> None:
    """Where the link was moved on to a new file, what the old one got at last is not known."""
    (tmp_path / "one").write_text("fine\n")
    (tmp_path / "two").write_text("fine too\n")
    link = tmp_path / "current"
    link.symlink_to("one")
    mark = machine.outputs(use("log.mark", files=[str(link)]))["mark"]
    link.unlink()
    link.symlink_to("two")

    outcome = use("log.scan", since=mark).probe(machine.read)

    assert not outcome.passed
    assert "truncated or replaced" in outcome.message
