"""Files that git shows as modified once it has checked them out are nobody's changes."""

import os
import subprocess
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
    for path in repo.path.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
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


def _many(path: Path, count: int) -> tuple[Repo, dict[str, str]]:
    """Make a repository whose deploy changed *count* files with long and odd names; give them as they were."""
    repo = new_repo(path)
    folder = "/".join(letter * 100 for letter in "abc")
    good = {f"{folder}/an 'odd' \"näme\" {number:0100}\n.bat": CRLF for number in range(count)}
    (repo.path / ".git/info/attributes").write_text("* -text\n")  # above .gitattributes: all is stored as it is
    for message, content in (("good", CRLF), ("deploy", "one\r\nBAD\r\n")):
        (repo.path / folder).mkdir(parents=True, exist_ok=True)
        for name in good:
            (repo.path / name).write_text(content, newline="")
        (repo.path / ".gitattributes").write_text("*.bat text\n*.bin filter=slow\n")
        (repo.path / "z.bin").write_text(message)
        repo("add", "-A")
        repo("commit", "-q", "-m", message)
    (repo.path / ".git/info/attributes").unlink()
    _age(repo)
    assert len(repo("status", "--porcelain").splitlines()) == count
    return repo, good


def _contents(repo: Repo, names: dict[str, str]) -> dict[str, str]:
    return {name: (repo.path / name).read_bytes().decode() for name in names}


def test_many_of_them_are_no_more_work_than_a_few(host: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names longer together than any list of arguments are reverted, verified and undone, by as many commands of git."""
    monkeypatch.setenv("GIT_TRACE", str(trace := tmp_path / "trace"))
    used = {}
    for count in (2, 400):
        repo, good = _many(tmp_path / str(count), count)
        trace.unlink()
        action = use("git.revert", repository=str(repo.path), deploy="HEAD", branch="back/deploy")

        change = host.apply(action)
        reverted = _contents(repo, good)
        _age(repo)
        outcome = use("git.verify", repository=str(repo.path), tree=change.after.tree).probe(host.read)
        host.undo(action, change)

        used[count] = trace.read_text().count("trace: built-in: git ")
        assert outcome.passed, outcome.message
        assert reverted == good
        assert set(_contents(repo, good).values()) == {"one\r\nBAD\r\n"}
        assert not list(repo.path.glob(".git/rollbook*"))
    assert sum(map(len, good)) > 128 * 1024
    assert used[400] == used[2]


def test_what_is_half_way_is_known_for_it(host: Bound, tmp_path: Path) -> None:
    """With the branch made and not checked out, an undo sees the rest of the ops that the run had planned."""
    repo, _good = _many(tmp_path / "r", 3)
    action = use("git.revert", repository=str(repo.path), deploy="HEAD", branch="back/deploy")
    change = host.plan(action)
    undo = action.undo(change)
    assert isinstance(undo, Reverse)

    host.carry_out(change.ops[0])
    found = action.probe_for(host.read, undo.goal)

    assert action.ops(found, change.after) == change.ops[1:]


@pytest.mark.parametrize("back", [False, True], ids=["gone on with", "taken back"])
def test_a_move_killed_after_it_removed_them_is_ended(host: Bound, tmp_path: Path, back: bool) -> None:
    """Those that were removed, and were not brought again yet, are there after a resume as after an undo."""
    repo, good = _many(tmp_path / "r", 3)
    deploy = repo("rev-parse", "HEAD")
    repo("config", "filter.slow.smudge", "kill -9 0")
    action = use("git.revert", repository=str(repo.path), deploy="main", branch="back/deploy")
    change = host.plan(action)
    undo = action.undo(change)
    assert isinstance(undo, Reverse)
    last = host.begun(change)
    subprocess.run(["sh", "-c", last.argv[0]], cwd=repo.path, start_new_session=True, check=False)
    assert repo("rev-parse", "HEAD") == deploy
    assert repo("status", "--porcelain") != ""
    repo("config", "filter.slow.smudge", "cat")

    if back:
        host.carry_out(*action.ops(action.probe_for(host.read, undo.goal), undo.goal))
    else:
        host.apply(action)

    assert _contents(repo, good) == (dict.fromkeys(good, "one\r\nBAD\r\n") if back else good)
    assert (repo.path / "z.bin").read_text() == ("deploy" if back else "good")
    assert not list(repo.path.glob(".git/rollbook*"))
