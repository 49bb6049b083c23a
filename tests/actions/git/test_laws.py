"""Every kind of git keeps the laws, on real repositories."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollbook.ops import Op, OpResult
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .conftest import Bound, Repo, bad_deploy


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a kind; `{deploy}` and the like in its arguments are filled in."""

    name: str
    kind: str
    arguments: Mapping[str, object]
    squash: bool = False
    happened: Callable[[Repo], object] = lambda _repo: None


def _detach(repo: Repo) -> None:
    repo("switch", "-q", "--detach")


def _reverted(repo: Repo) -> None:
    repo("revert", "--no-edit", "-m", "1", "main^")


def _pushed(repo: Repo) -> None:
    repo("push", "-q", "origin", "main^:refs/heads/shared", "feature:refs/heads/other")


NEW = {"branch": "rollback"}
USES = [
    Use("a merge", "git.revert", {"deploy": "{deploy}", **NEW}),
    Use("a squash", "git.revert", {"deploy": "{deploy}", **NEW}, squash=True),
    Use("a range", "git.revert", {"deploy": "v1..main", **NEW}),
    Use("detached", "git.revert", {"deploy": "{deploy}", **NEW}, happened=_detach),
    Use("reverted already", "git.revert", {"deploy": "{deploy}", **NEW}, happened=_reverted),
    Use("to a tag", "git.reset", {"to": "v1", "reason": "never pushed", "keep": "refs/rollbook/run"}),
    Use("there already", "git.reset", {"to": "main", "reason": "never pushed", "keep": "refs/rollbook/run"}),
    Use("a new branch", "git.push", {"branch": "new"}, happened=_pushed),
    Use("forward", "git.push", {"branch": "shared"}, happened=_pushed),
    Use("with a lease", "git.push", {"branch": "other", "lease": "feature"}, happened=_pushed),
    Use("by tag", "git.locate", {"tag": "v1"}),
    Use("by time", "git.locate", {"before": "2024-04-04T00:00:00Z"}),
    Use("by deploy", "git.locate", {"deploy": "{deploy}"}),
    Use("as it is", "git.verify", {"tree": "main"}),
    Use("another", "git.verify", {"tree": "v1"}),
]


class GitWorld(FakeWorld):
    """The laws' world, made of a repository and its remote."""

    def __init__(self, machine: Bound, repo: Repo, remote: Path) -> None:
        super().__init__()
        self.machine = machine
        self.repo = repo
        self.remote = Repo(remote)
        self.read = machine.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry out *ops* for real."""
        return self.machine.carry_out(*ops)

    def contents(self) -> object:
        """Give every file of both."""
        return self.repo.everything(), self.remote.everything()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, str]]:
    """Make both histories once; they are copied for each look."""
    folder = tmp_path_factory.mktemp("originals")
    made = {}
    for squash in (False, True):
        repo, commits = bad_deploy(folder / str(squash), squash=squash)
        made[squash] = {**commits, "folder": str(repo.path)}
    return made


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.kind}: {use.name}")
def test_laws(use: Use, law: Law, host: Bound, originals: dict[bool, dict[str, str]], tmp_path: Path) -> None:
    """A kind keeps each law."""
    known = originals[use.squash]

    def world() -> FakeWorld:
        for folder in ("work", "remote.git"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
        shutil.copytree(known["folder"], tmp_path / "work", symlinks=True)
        repo = Repo(tmp_path / "work")
        repo("init", "-q", "--bare", str(tmp_path / "remote.git"))
        repo("remote", "add", "origin", str(tmp_path / "remote.git"))
        use.happened(repo)
        return GitWorld(host, repo, tmp_path / "remote.git")

    filled = {key: value.format(**known) if isinstance(value, str) else value for key, value in use.arguments.items()}
    law(Case(use.name, use.kind, {"repository": str(tmp_path / "work"), **filled}, world))
