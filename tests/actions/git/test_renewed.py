"""Files that git shows as modified once it has checked them out are nobody's changes."""

import os
import time
from pathlib import Path

import pytest

from rollbook.action import Reverse
from rollbook.errors import RefusedError

from ..conftest import use
from .conftest import Bound, Repo, new_repo

CRLF = "one\r\ntwo\r\n"


def _store(repo: Repo, name: str, content: str, message: str) -> str:
    """Commit *content* as it is, whatever .gitattributes says of line ends."""
    path = repo.path / name
    path.write_text(content, newline="")
    blob = repo("hash-object", "-w", "--no-filters", name)
    repo("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    repo("commit", "-q", "-m", message)
    return repo("rev-parse", "HEAD")


def _age(repo: Repo) -> None:
    """Let git look into every file again."""
    for path in repo.path.iterdir():
        if path.is_file():
            os.utime(path, (time.time() - 100, time.time() - 100))


def _world(tmp_path: Path, after: str | None) -> tuple[Repo, str]:
    repo = new_repo(tmp_path / "r")
    repo.write({".gitattributes": "*.bat text eol=lf\n", "app.py": "good\n"}, "begin")
    _store(repo, "win.bat", CRLF, "good")
    if after is None:
        repo("rm", "-q", "-f", "win.bat")
        repo("commit", "-q", "-m", "deploy")
    else:
        _store(repo, "win.bat", after, "deploy")
    deploy = repo("rev-parse", "HEAD")
    (repo.path / "app.py").write_text("later\n")
    repo("commit", "-q", "-m", "later", "app.py")
    return repo, deploy


@pytest.mark.parametrize("after", [None, "one\ntwo\nthree\n", "one\r\ntwo\r\nthree\r\n"])
def test_a_tree_that_git_shows_as_modified_at_once_is_gone_to_and_back(
    host: Bound, tmp_path: Path, after: str | None
) -> None:
    """Reverting to such a tree is verified, and undone."""
    repo, deploy = _world(tmp_path, after)
    action = use("git.revert", repository=str(repo.path), deploy=deploy, branch="back/deploy")

    change = host.apply(action)
    _age(repo)
    outcome = use("git.verify", repository=str(repo.path), tree=change.after.tree).probe(host.read)
    there = (repo.path / "win.bat").read_bytes()
    undo = action.undo(change)
    assert isinstance(undo, Reverse)
    host.carry_out(*action.ops(action.probe_for(host.read, undo.goal), undo.goal))

    assert repo("cat-file", "blob", f"{deploy}~1:win.bat") == CRLF.strip()
    assert outcome.passed, outcome.message
    assert there == CRLF.encode()
    assert repo("symbolic-ref", "--short", "HEAD") == "main"
    assert (repo.path / "win.bat").exists() == (after is not None)


@pytest.mark.parametrize("mine", ["one\r\ntwo\r\nmine\r\n", "one\ntwo\n", ""])
def test_what_somebody_changed_in_such_a_file_is_seen(host: Bound, tmp_path: Path, mine: str) -> None:
    """A change, of its line ends alone too, fails the verification and stops the undo."""
    repo, deploy = _world(tmp_path, None)
    action = use("git.revert", repository=str(repo.path), deploy=deploy, branch="back/deploy")
    change = host.apply(action)
    undo = action.undo(change)
    assert isinstance(undo, Reverse)
    (repo.path / "win.bat").write_text(mine, newline="")
    _age(repo)

    outcome = use("git.verify", repository=str(repo.path), tree=change.after.tree).probe(host.read)
    with pytest.raises(RefusedError, match=r"not committed: win\.bat\."):
        action.probe_for(host.read, undo.goal)

    assert not outcome.passed
    assert "win.bat" in outcome.message
    assert (repo.path / "win.bat").read_bytes() == mine.encode()


def test_a_change_of_mode_alone_is_seen(host: Bound, tmp_path: Path) -> None:
    """What is executable now is not as it was checked out, whatever it says."""
    repo, deploy = _world(tmp_path, None)
    change = host.apply(use("git.revert", repository=str(repo.path), deploy=deploy, branch="back/deploy"))
    (repo.path / "win.bat").chmod(0o755)

    outcome = use("git.verify", repository=str(repo.path), tree=change.after.tree).probe(host.read)

    assert not outcome.passed
