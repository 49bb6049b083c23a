"""
The forum's git history: a good version, a merge that removes its channels, and a harmless commit after that.

Beside them a branch that does away with comments in two deploys, the code first and its migration afterwards.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rollbook.demo.errors import DemoError

from ...dataclass import dataclass

GOOD, BAD = "deploy-1", "deploy-2"
"""Tags of what was deployed first, and of what broke the site."""

WITHOUT, DROPPED = "no-comments-1", "no-comments-2"
"""Tags of the code that does without comments, and of the migration that drops them."""

_NAME, _MAIL = "The forum", "code@forum.example"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "static")


@dataclass(frozen=True, slots=True)
class _Commit:
    """A commit: the folder laid over what was there, and what is removed."""

    folder: str
    message: str
    date: str
    removed: tuple[str, ...] = ()


_FIRST = _Commit("site", "Start the forum\n\nPodcasts, channels, a search and a worker.", "2026-03-02T09:00:00+00:00")
_REMOVAL = (
    _Commit(
        "history/1-hide-channels",
        "Take the channels out of menus and pages\n\nHardly anybody wrote there last month.",
        "2026-03-09T10:00:00+00:00",
    ),
    _Commit(
        "history/2-drop-channels",
        "Remove the channels with their tables\n\nShows need no contact any more, and no episode may be there twice.",
        "2026-03-10T15:00:00+00:00",
        ("channels", "forum/management/commands/seed.py"),
    ),
)
_RETIRING = (
    _Commit(
        "retiring/1-no-comments",
        "Do without comments\n\nOne query was forgotten: it is written in SQL, so that no model tells of it.",
        "2026-03-09T11:00:00+00:00",
        ("channels/tasks.py", "forum/management/commands/seed.py"),
    ),
    _Commit(
        "retiring/2-drop-comments",
        "Drop the table of comments, and who owns a channel",
        "2026-03-09T16:00:00+00:00",
    ),
)
_MERGE_DATE = "2026-03-11T09:30:00+00:00"
_HARMLESS = _Commit("history/3-count-episodes", "Say how many episodes a podcast has", "2026-03-11T11:00:00+00:00")


def write_history(example: Path, origin: Path) -> None:
    """Make the bare repository *origin* anew out of the files of *example*; its hashes are the same each time."""
    shutil.rmtree(origin, ignore_errors=True)
    origin.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="history-", dir=origin.parent) as made:
        work = Path(made)
        git(work, "init", "--quiet", "--initial-branch=main")
        _commit(example, work, _FIRST)
        git(work, "tag", GOOD)
        git(work, "checkout", "--quiet", "-b", "remove-channels")
        for commit in _REMOVAL:
            _commit(example, work, commit)
        git(work, "checkout", "--quiet", "main")
        message = "Merge branch 'remove-channels'"
        git(work, "merge", "--quiet", "--no-ff", "-m", message, "remove-channels", date=_MERGE_DATE)
        git(work, "branch", "--quiet", "-d", "remove-channels")
        _commit(example, work, _HARMLESS)
        git(work, "tag", BAD)
        git(work, "checkout", "--quiet", "-b", "no-comments", GOOD)
        for commit, tag in zip(_RETIRING, (WITHOUT, DROPPED), strict=True):
            _commit(example, work, commit)
            git(work, "tag", tag)
        git(work, "checkout", "--quiet", "main")
        git(work, "clone", "--quiet", "--bare", ".", str(origin))
        git(origin, "remote", "remove", "origin")


def check_out(origin: Path, work: Path, tag: str) -> None:
    """Clone *origin* into *work*, as a server would have it, with `main` where *tag* is."""
    shutil.rmtree(work, ignore_errors=True)
    git(origin, "clone", "--quiet", str(origin), str(work))
    for name, value in (("user.name", _NAME), ("user.email", _MAIL), ("commit.gpgsign", "false")):
        git(work, "config", name, value)
    git(work, "reset", "--quiet", "--hard", tag)


def git(folder: Path, *words: str, date: str = "") -> str:
    """Run git in *folder*, whatever the user's own settings are, and give what it prints. Raises `DemoError`."""
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()}
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            env={**os.environ, **people, **dates, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise DemoError("there is no git on PATH.", advice="Debian, Ubuntu: sudo apt-get install git") from error
    if done.returncode != 0:
        raise DemoError(f"git {words[0]} failed in {folder} (exit {done.returncode}): {done.stderr.strip()}")
    return done.stdout.strip()


_PERSON = {"NAME": _NAME, "EMAIL": _MAIL}


def _commit(example: Path, work: Path, commit: _Commit) -> None:
    _lay_over(example / commit.folder, work)
    if commit.removed:
        git(work, "rm", "--quiet", "-r", *commit.removed)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", commit.message, date=commit.date)


def _lay_over(folder: Path, work: Path) -> None:
    def left_out(path: str, names: Sequence[str]) -> set[str]:
        return _LEFT_OUT(path, list(names)) if Path(path) == folder else {"__pycache__"} & set(names)

    shutil.copytree(folder, work, dirs_exist_ok=True, ignore=left_out)
