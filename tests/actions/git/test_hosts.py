"""The same on other hosts: over ssh, and behind a command prefix."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from ..conftest import use
from .conftest import Bound, bad_deploy


@pytest.fixture(params=["ssh", "command"])
def away(request: pytest.FixtureRequest) -> Iterator[Bound]:
    """Give another host under the name `web`."""
    if request.param == "ssh":
        sshd: Any = request.getfixturevalue("sshd")
        settings = {"host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
        spec = TargetSpec("web", "ssh", {**settings, "known_hosts": [str(sshd.known_hosts)]})
    else:
        spec = TargetSpec("web", "command", {"prefix": ["env", "INSIDE=1"]})
    redactor = Redactor()
    made = Bound(TargetPool({"local": TargetSpec("local", "local"), "web": spec}, SecretStore({}, redactor), redactor))
    yield made
    made.pool.close()


@pytest.mark.server
def test_a_deploy_is_taken_back_on_another_host(away: Bound, tmp_path: Path) -> None:
    """Located, reverted, verified and undone there, with nothing of git here."""
    repo, commits = bad_deploy(tmp_path / "r")
    place = {"repository": str(repo.path), "target": "web"}
    action = use("git.revert", **place, deploy=commits["deploy"], branch="rollback")

    good = away.outputs(use("git.locate", **place, deploy=commits["deploy"]))["commit"]
    change = away.apply(action)
    verified = use("git.verify", **place, tree=change.after.tree, branch="rollback").probe(away.read)

    assert good == commits["good"]
    assert verified.passed, verified.message
    assert "channels/posts.py" in repo.files()
    away.undo(action, change)
    assert repo("rev-parse", "HEAD") == commits["later"]


@pytest.mark.server
def test_logs_are_looked_through_on_another_host(away: Bound, tmp_path: Path) -> None:
    """Marked and scanned there, through a rotation."""
    log = tmp_path / "app.log"
    log.write_text("ERROR old\n")
    mark = use("log.mark", files=[str(tmp_path / "*.log")], target="web").probe(away.read).seen["mark"]
    with log.open("a") as file:
        file.write("ERROR new\n")
    log.rename(tmp_path / "app.log.1")
    log.write_text("ERROR newest\n")

    outcome = use("log.scan", since=mark, target="web").probe(away.read)

    assert outcome.seen["lines"] == [f"{log}: ERROR new", f"{log}: ERROR newest"]
