"""What a move of a work tree would write over or leave half done: refused while planning, or brought back."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.action import Reverse
from rollbook.errors import CommandFailed, RefusedError

from ..conftest import use
from .conftest import Bound, Repo, bad_deploy, new_repo

BRANCH = {"branch": "back/deploy"}


def _revert(repo: Repo, deploy: str) -> object:
    return use("git.revert", repository=str(repo.path), deploy=deploy, **BRANCH)


def _reset(repo: Repo, deploy: str) -> object:
    return use("git.reset", repository=str(repo.path), to=f"{deploy}~1", reason="a test", keep="refs/rollbook/kept")


MOVES = pytest.mark.parametrize("move", [_revert, _reset], ids=["revert", "reset"])
Move = Callable[[Repo, str], object]


@MOVES
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("link", [False, True])
def test_what_lies_where_a_folder_is_wanted_is_not_written_over(
    host: Bound, tmp_path: Path, move: Move, ignored: bool, link: bool
) -> None:
    """A file or link that git does not know, ignored or not, stays where the move would bring a folder."""
    repo = new_repo(tmp_path / "r")
    repo.write({"conf/deep/one": "1\n", "app.py": "good\n"}, "good")
    deploy = repo.write({"conf/deep/one": None, ".gitignore": "/conf\n" if ignored else "x\n"}, "deploy")
    mine = repo.path / "conf"
    shutil.rmtree(mine)
    mine.symlink_to(tmp_path) if link else mine.write_text("mine")

    with pytest.raises(RefusedError, match=r"does not know .*: conf\."):
        host.plan(move(repo, deploy))

    assert mine.is_symlink() if link else mine.read_text() == "mine"


@MOVES
@pytest.mark.parametrize("name", ["we\nird.cfg", "tab\there.cfg", "gr\udcfcn.cfg", 'a "quoted" ü.cfg'])
def test_a_file_with_an_odd_name_is_not_written_over(host: Bound, tmp_path: Path, move: Move, name: str) -> None:
    """Line breaks, bytes that are no UTF-8 and quotes in its name hide no file from the look."""
    repo = new_repo(tmp_path / "r")
    repo.write({f"d\n/{name}": "theirs", "keep": "1"}, "good")
    deploy = repo.write({f"d\n/{name}": None, ".gitignore": "*.cfg\n"}, "deploy")
    mine = repo.path / "d\n" / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")

    with pytest.raises(RefusedError, match=r"does not know"):
        host.plan(move(repo, deploy))

    mine.unlink()
    host.apply(move(repo, deploy))
    assert mine.read_text() == "theirs"


@MOVES
@pytest.mark.parametrize("name", ["lib", "v[1]*\\", "we\nird", "gr\udcfcn"])
def test_a_repository_of_its_own_in_the_way_is_told_while_planning(
    host: Bound, tmp_path: Path, move: Move, name: str
) -> None:
    """Where the move brings files into a folder that is another repository by now, the plan says so."""
    repo = new_repo(tmp_path / "r")
    repo.write({f"{name}/deep/f": "theirs", f"{name}2/f": "theirs", "app.py": "good\n"}, "good")
    deploy = repo.write({f"{name}/deep/f": None, f"{name}2/f": None}, "deploy")
    shutil.rmtree(repo.path / name, ignore_errors=True)
    Repo(repo.path)("init", "-q", name)
    Repo(repo.path / name).write({"f": "mine"}, "mine")
    (repo.path / f"{name}2").mkdir(exist_ok=True)
    (repo.path / f"{name}2" / "mine").write_text("mine")

    with pytest.raises(RefusedError, match="does not know") as refused:
        host.plan(move(repo, deploy))

    assert "2" not in str(refused.value).partition("brings its own: ")[2]
    shutil.rmtree(repo.path / name)
    host.apply(move(repo, deploy))
    assert (repo.path / name / "deep/f").read_text() == "theirs"


@MOVES
def test_files_in_the_way_are_seen_among_any_number(
    host: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: Move
) -> None:
    """Asked for in commands that are short enough for any host, none of the files that come is left out."""
    repo = new_repo(tmp_path / "r")
    folder = "/".join(letter * 200 for letter in "abcd")
    many = [f"{folder}/{number:0150}" for number in range(300)]
    repo.write({**dict.fromkeys(many, "theirs"), "app.py": "good\n"}, "good")
    deploy = repo.write(dict.fromkeys(many), "deploy")
    (repo.path / folder).mkdir(parents=True, exist_ok=True)
    (repo.path / many[0]).write_text("mine")
    (repo.path / many[-1]).write_text("mine")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))

    with pytest.raises(RefusedError, match=f"{many[0]}, {many[-1]}"):
        host.plan(move(repo, deploy))

    assert max(map(len, (tmp_path / "trace").read_text().splitlines())) < 64 * 1024


@MOVES
@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_changes_that_git_was_told_not_to_see_are_seen(host: Bound, tmp_path: Path, move: Move, flag: str) -> None:
    """Local changes under such a flag stop the plan where the move brings other ones."""
    repo = new_repo(tmp_path / "r")
    repo.write({"app.py": "good\n", "settings.py": "theirs\n", "same.py": "same\n"}, "good")
    deploy = repo.write({"app.py": "bad\n"}, "deploy")
    repo("update-index", f"--{flag}", "app.py", "settings.py")
    (repo.path / "app.py").write_text("mine\n")

    with pytest.raises(RefusedError, match=r"not committed: app\.py\."):
        host.plan(move(repo, deploy))

    (repo.path / "app.py").write_text("bad\n")
    os.utime(repo.path / "app.py", (1, 1))  # as of another time than git has noted
    if flag == "skip-worktree":
        with pytest.raises(RefusedError, match=r"flagged skip-worktree"):
            host.plan(move(repo, deploy))
        repo("update-index", "--no-skip-worktree", "app.py")
    host.apply(move(repo, deploy))
    assert repo("ls-files", "-v", "settings.py")[0] in "hS"
    assert repo.files() == {"app.py": "good\n", "settings.py": "theirs\n", "same.py": "same\n"}


@MOVES
def test_a_move_that_fails_says_what_git_said(host: Bound, tmp_path: Path, move: Move) -> None:
    """The failure names git's own command, not the script around it, and gives git's reason."""
    repo, commits = bad_deploy(tmp_path / "r")
    change = host.plan(move(repo, commits["deploy"]))
    (repo.path / ".git/index.lock").touch()

    with pytest.raises(CommandFailed) as failed:
        host.carry_out(*change.ops)

    command = "git switch back/deploy" if move is _revert else f"git reset --hard {commits['good']}"
    assert str(failed.value).startswith(f"`{command}")
    assert "set -e" not in str(failed.value)
    assert "index.lock': File exists" in (failed.value.advice or "")


@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_local_settings_that_no_move_concerns_stay(host: Bound, tmp_path: Path, flag: str) -> None:
    """A revert leaves hidden changes elsewhere; a reset, which would restore them where it may, is not planned."""
    repo = new_repo(tmp_path / "r")
    repo.write({"app.py": "good\n", "settings.py": "theirs\n"}, "good")
    deploy = repo.write({"app.py": "bad\n"}, "deploy")
    repo("update-index", f"--{flag}", "settings.py")
    (repo.path / "settings.py").write_text("mine\n")

    if flag == "assume-unchanged":
        with pytest.raises(RefusedError, match=r"not committed: settings\.py\."):
            host.plan(_reset(repo, deploy))
    else:
        host.undo(action := _reset(repo, deploy), host.apply(action))
    host.apply(_revert(repo, deploy))

    assert repo.files() == {"app.py": "good\n", "settings.py": "mine\n"}


@MOVES
def test_a_lock_is_told_while_planning(host: Bound, tmp_path: Path, move: Move) -> None:
    """A lock on the index stops the plan, not the run in its middle."""
    repo, commits = bad_deploy(tmp_path / "r")
    (repo.path / ".git/index.lock").touch()

    with pytest.raises(RefusedError, match=r"index\.lock"):
        host.plan(move(repo, commits["deploy"]))


def test_a_branch_in_the_way_of_the_new_one_is_told_while_planning(host: Bound, tmp_path: Path) -> None:
    """Where a branch has the name of the new one's folder, git can make none; the plan says so."""
    repo, commits = bad_deploy(tmp_path / "r")
    repo("branch", "back")

    with pytest.raises(RefusedError, match=r"has a branch back, .* none named back/deploy"):
        host.plan(_revert(repo, commits["deploy"]))


def _half(host: Bound, tmp_path: Path, move: Move, *, killed: bool) -> tuple[Repo, str, object, Reverse[object]]:
    """Have a move end in its middle: some files are the new ones, some are not."""
    repo = new_repo(tmp_path / "r")
    good = {f"f{number:02d}": "good\n" for number in range(40)} | {"gone": "good\n", "z.bin": "good\n"}
    repo.write({**good, ".gitattributes": "*.bin filter=slow\n"}, "good")
    deploy = repo.write({**dict.fromkeys(good, "bad\n"), "gone": None, "new": "bad\n"}, "deploy")
    repo("config", "filter.slow.required", "true")
    repo("config", "filter.slow.clean", "cat")
    repo("config", "filter.slow.smudge", "kill -9 0" if killed else "false")
    action = move(repo, deploy)
    change = host.plan(action)
    undo = action.undo(change)
    assert isinstance(undo, Reverse)
    last = host.begun(change)
    if killed:
        # The filter ends git and the shell, as a power cut would.
        subprocess.run(["sh", "-c", last.argv[0]], cwd=repo.path, start_new_session=True, check=False)
    else:
        with pytest.raises(CommandFailed):
            host.carry_out(last)
    assert repo("rev-parse", "HEAD") == deploy
    assert repo("status", "--porcelain") != ""
    repo("config", "filter.slow.smudge", "cat")
    return repo, deploy, action, undo


@MOVES
@pytest.mark.parametrize("killed", [False, True], ids=["failed", "killed"])
def test_a_move_that_ended_in_its_middle_is_taken_back(host: Bound, tmp_path: Path, move: Move, killed: bool) -> None:
    """Its undo brings every file back, removes those that it had brought, and leaves no lock and no mark."""
    repo, deploy, action, undo = _half(host, tmp_path, move, killed=killed)
    before = repo("ls-tree", "-r", deploy)

    host.carry_out(*action.ops(action.probe_for(host.read, undo.goal), undo.goal))

    assert repo("rev-parse", "HEAD") == deploy
    assert repo("status", "--porcelain", "--ignored") == ""
    assert repo("ls-tree", "-r", repo("write-tree")) == before
    assert repo("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert not [path for path in repo.path.glob(".git/*") if "lock" in path.name or "rollbook" in path.name]


@MOVES
@pytest.mark.parametrize("killed", [False, True], ids=["failed", "killed"])
def test_a_move_that_ended_in_its_middle_is_gone_on_with(host: Bound, tmp_path: Path, move: Move, killed: bool) -> None:
    """A look takes what it left for its own, and the rest of it leads to the good files."""
    repo, _deploy, action, _undo = _half(host, tmp_path, move, killed=killed)

    host.apply(action)

    assert set(repo.files().values()) == {"good\n", "*.bin filter=slow\n"}
    assert repo("status", "--porcelain", "--ignored") == ""


@MOVES
def test_what_another_run_left_half_done_is_told(host: Bound, tmp_path: Path, move: Move) -> None:
    """The way out is the other run's `resume` or `undo`, not putting its files aside."""
    repo, commits = bad_deploy(tmp_path / "r")
    (repo.path / ".git/rollbook-move").write_text("refs/heads/main to refs/heads/rollback/other\n")
    (repo.path / "app.py").write_text("half")

    with pytest.raises(RefusedError) as refused:
        host.plan(move(repo, commits["deploy"]))

    assert "refs/heads/main to refs/heads/rollback/other: `resume` or `undo`" in (refused.value.advice or "")
