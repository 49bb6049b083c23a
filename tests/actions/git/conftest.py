"""What tests of git share: a repository with the history of a bad deploy, and this machine to work on it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollbook.action import Change
from rollbook.ops import Clock, Command, Op, OpResult
from rollbook.planner.step import decode_op, encode_op
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.values import bind

from ..conftest import Machine

CLOCK = Clock.at("20240501-120000-abcd", datetime(2024, 5, 1, 12, tzinfo=UTC))
_HERMETIC = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository in *path*, worked on by hand."""

    path: Path

    def __call__(self, *arguments: str, day: int = 1) -> str:
        """Run git as a developer would."""
        at = f"2024-04-{day:02d}T10:00:00Z"
        people = {f"GIT_{role}_{part}": "ada@x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.path,
            env={**os.environ, **_HERMETIC, **people, **dates},
            check=True,
            capture_output=True,
        )
        return done.stdout.decode(errors="replace").strip()

    def write(self, files: Mapping[str, str | None], message: str, day: int = 1) -> str:
        """Commit these files; None removes one."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        self("add", "-A")
        self("commit", "-q", "-m", message, day=day)
        return self("rev-parse", "HEAD")

    def files(self) -> dict[str, str]:
        """Give what lies in the work tree."""
        found = (path for path in self.path.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {str(path.relative_to(self.path)): path.read_text() for path in found}

    def everything(self) -> dict[str, bytes]:
        """Give every file, git's own too."""
        return {str(path): path.read_bytes() for path in sorted(self.path.rglob("*")) if path.is_file()}


def new_repo(path: Path) -> Repo:
    """Make an empty repository."""
    path.mkdir(parents=True)
    repo = Repo(path)
    repo("init", "-q", "-b", "main")
    return repo


def bad_deploy(path: Path, *, squash: bool = False) -> tuple[Repo, dict[str, str]]:
    """
    Make a repository whose deploy removed `channels`; give the commits by name.

    good (tagged v1) - deploy (a merge, or a squashed commit) - later.
    """
    repo = new_repo(path)
    repo.write({"app.py": "one\ntwo\nthree\n", "channels/posts.py": "posts\n", "channels/comments.py": "c\n"}, "begin")
    good = repo.write({"podcasts.py": "podcasts\n"}, "good", day=2)
    repo("tag", "v1")
    repo("switch", "-q", "-c", "feature")
    repo.write({"channels/posts.py": None, "channels/comments.py": None}, "remove channels", day=3)
    feature = repo.write({"app.py": "one\ntwo\n", "new.py": "new\n"}, "no channels in the app", day=4)
    repo("switch", "-q", "main")
    if squash:
        repo("merge", "-q", "--squash", "feature")
        repo("commit", "-q", "-m", "deploy", day=5)
    else:
        repo("merge", "-q", "--no-ff", "-m", "deploy", "feature", day=5)
    deploy = repo("rev-parse", "HEAD")
    later = repo.write({"podcasts.py": "podcasts\nmore\n"}, "later", day=6)
    return repo, {"good": good, "feature": feature, "deploy": deploy, "later": later}


@dataclass
class Bound(Machine):
    """This machine, with what a run knows."""

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry out *ops* bound to a run."""
        return Machine.carry_out(self, *(decode_op(bind(encode_op(op), CLOCK.known())) for op in ops))

    def begun(self, change: Change[Any]) -> Command:
        """Carry out the first of two ops; gives the other one, bound to the run."""
        first, last = (decode_op(bind(encode_op(op), CLOCK.known())) for op in change.ops)
        assert isinstance(last, Command)
        self.carry_out(first)
        return last

    def result(self, action: Any) -> Any:
        """Apply an action, and probe again."""
        self.apply(action)
        return action.probe(self.read)


def bound_machine() -> Bound:
    """Give this machine under the name `local`."""
    redactor = Redactor()
    return Bound(TargetPool({"local": TargetSpec("local", "local")}, SecretStore({}, redactor), redactor))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bound]:
    """Give this machine, with no settings of git but the repositories' own."""
    for name, value in _HERMETIC.items():
        monkeypatch.setenv(name, value)
    made = bound_machine()
    yield made
    made.pool.close()
