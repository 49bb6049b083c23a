"""Finding, resetting, verifying and pushing in real repositories."""

from pathlib import Path

import pytest

from rollbook.action import Refuse
from rollbook.errors import CommandFailed, RefusedError

from ..conftest import use
from .conftest import Bound, Repo, bad_deploy, new_repo


def _locate(repo: Repo, **arguments: object) -> object:
    return use("git.locate", repository=str(repo.path), **arguments)


@pytest.mark.parametrize(
    ("squash", "arguments", "shape"),
    [
        (False, {"tag": "v1"}, "tag"),
        (False, {"before": "2024-04-05T10:00:00Z"}, "time"),
        (False, {"deploy": "main^"}, "merge"),
        (True, {"deploy": "main^"}, "squash"),
        (False, {"deploy": "v1..main"}, "range"),
    ],
)
def test_the_last_good_commit(
    host: Bound, tmp_path: Path, squash: bool, arguments: dict[str, object], shape: str
) -> None:
    """By tag, time, merge, squash or range, it is the commit before the deploy, never one of the feature's own."""
    repo, commits = bad_deploy(tmp_path / "r", squash=squash)

    outputs = host.outputs(_locate(repo, **arguments))

    assert (outputs["commit"], outputs["shape"], outputs["subject"]) == (commits["good"], shape, "good")
    assert outputs["tree"] == repo("rev-parse", "v1^{tree}")
    subjects = [part["subject"] for part in outputs["between"]]
    assert subjects[0] == "later"
    assert ("remove channels" in subjects) is not squash
    assert outputs["count"] == len(subjects)


def test_what_was_not_deployed_is_refused(host: Bound, tmp_path: Path) -> None:
    """A tag or deploy outside the deployed history, and a time before it began, are told as such."""
    repo, _ = bad_deploy(tmp_path / "r")
    repo("switch", "-q", "-c", "other", "v1")
    repo.write({"x": "x"}, "elsewhere")
    repo("tag", "elsewhere")

    for arguments, words in (
        ({"tag": "elsewhere"}, "not in the history"),
        ({"tag": "nowhere"}, "no commit"),
        ({"deploy": "elsewhere"}, "was not deployed"),
        ({"before": "2020-01-01T00:00:00Z"}, "no commit from before"),
    ):
        with pytest.raises(RefusedError, match=words):
            host.plan(_locate(repo, deployed="main", **arguments))


def test_a_reset_lists_what_is_lost_and_is_undone(host: Bound, tmp_path: Path) -> None:
    """The plan names the lost commits and the reason; the undo brings them back from the kept ref."""
    repo, commits = bad_deploy(tmp_path / "r")
    action = use("git.reset", repository=str(repo.path), to="v1", reason="never pushed", keep="refs/rollbook/x")

    change = host.apply(action)

    lines = "\n".join(action.details(change))
    assert "main loses 4 commits" in lines
    assert "later" in lines
    assert "never pushed" in lines
    assert repo("rev-parse", "HEAD", "refs/rollbook/x").split() == [commits["good"], commits["later"]]
    host.undo(action, change)
    assert repo("rev-parse", "HEAD") == commits["later"]
    assert repo("for-each-ref", "refs/rollbook") == ""
    with pytest.raises(Exception, match="say why commits may be lost"):
        use("git.reset", repository="/r", to="v1", reason=" ")


@pytest.mark.parametrize(("to", "tag"), [("HEAD~2", "two"), ("@^^", "two"), ("HEAD~1", "one")])
def test_a_reset_is_told_from_what_was_checked_out(host: Bound, tmp_path: Path, to: str, tag: str) -> None:
    """A commit told from HEAD stays the one that it was: the move is found done, also where no commit is so far back."""
    repo = new_repo(tmp_path / "r")
    for name in ("two", "one", "none"):
        repo.write({name: name}, name)
        repo("tag", name)
    action = use("git.reset", repository=str(repo.path), to=to, reason="never pushed", keep="refs/rollbook/x")

    change = host.apply(action)

    assert repo("rev-parse", "HEAD") == repo("rev-parse", tag)
    assert host.plan(action).ops == ()
    host.undo(action, change)
    assert repo("rev-parse", "HEAD") == repo("rev-parse", "none")
    with pytest.raises(Exception, match="another commit once"):
        use("git.reset", repository="/r", to="HEAD@{1}", reason="x")


def test_verify_names_what_differs(host: Bound, tmp_path: Path) -> None:
    """Another tree, another branch, a changed file: each is told with the files."""
    repo, _ = bad_deploy(tmp_path / "r")
    good = use("git.verify", repository=str(repo.path), tree="main", branch="main").probe(host.read)
    (repo.path / "app.py").write_text("changed")

    bad = use("git.verify", repository=str(repo.path), tree="v1", branch="rollback").probe(host.read)

    assert good.passed
    assert not bad.passed
    for words in ("main is checked out, not rollback", "channels/posts.py", "changed in the work tree: app.py"):
        assert words in bad.message


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Repo, Repo]:
    """Give a repository, and its remote on which somebody pushed meanwhile."""
    repo, _ = bad_deploy(tmp_path / "r")
    remote = Repo(tmp_path / "remote.git")
    repo("init", "-q", "--bare", str(remote.path))
    repo("remote", "add", "origin", str(remote.path))
    repo("push", "-q", "origin", "v1:refs/heads/main")
    return repo, remote


def test_a_push_goes_forward_only(host: Bound, shared: tuple[Repo, Repo]) -> None:
    """A branch is moved on; one that has other commits is refused, and moved only with the right lease."""
    repo, remote = shared
    host.apply(use("git.push", repository=str(repo.path), branch="main"))
    assert remote("rev-parse", "main") == repo("rev-parse", "main")
    back = {"repository": str(repo.path), "branch": "main", "source": "v1"}

    with pytest.raises(RefusedError, match="not overwritten"):
        host.plan(use("git.push", **back))
    with pytest.raises(RefusedError, match="as lease: says"):
        host.plan(use("git.push", **back, lease="v1"))
    action = use("git.push", **back, lease="main")
    change = host.apply(action)

    assert remote("rev-parse", "main") == repo("rev-parse", "v1^{commit}")
    undo = action.undo(change)
    assert isinstance(undo, Refuse)
    assert "--force-with-lease=refs/heads/main:" in undo.reason


def test_a_push_that_somebody_overtook_writes_nothing(host: Bound, shared: tuple[Repo, Repo]) -> None:
    """When the remote moved between plan and push, git refuses, and the remote stays."""
    repo, remote = shared
    action = use("git.push", repository=str(repo.path), branch="main", source="feature")
    change = host.plan(action)
    repo("push", "-q", "origin", "main")
    moved = remote("rev-parse", "main")

    with pytest.raises(CommandFailed):
        host.carry_out(*change.ops)

    assert remote("rev-parse", "main") == moved


def test_what_the_remote_said_is_in_the_failure(host: Bound, shared: tuple[Repo, Repo]) -> None:
    """A push that the remote refuses is told by a short command, with its reason."""
    repo, remote = shared
    hook = remote.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH006: protected branch' >&2; exit 1\n")
    hook.chmod(0o755)

    with pytest.raises(CommandFailed) as failed:
        host.apply(use("git.push", repository=str(repo.path), branch="main"))

    pushed = f"`git push origin {repo('rev-parse', 'HEAD')}:refs/heads/main` in {repo.path} on local"
    assert str(failed.value).startswith(f"{pushed} ended with exit code 1")
    assert "GH006: protected branch / " in (failed.value.advice or "")


@pytest.mark.parametrize("places", [1, 2])
def test_a_push_asks_where_it_pushes_to(host: Bound, shared: tuple[Repo, Repo], places: int) -> None:
    """A remote that is fetched from elsewhere is asked, moved and taken back where it is pushed to, all of it."""
    repo, remote = shared
    others = [Repo(remote.path.with_name(f"other{number}.git")) for number in range(places)]
    for other in others:
        repo("init", "-q", "--bare", str(other.path))
        repo("remote", "set-url", "--add", "--push", "origin", str(other.path))
    repo("push", "-q", str(others[0].path), "main:refs/heads/half")
    new, half = (use("git.push", repository=str(repo.path), branch=name) for name in ("new", "half"))

    change = host.apply(new)
    made = [other("rev-parse", "new") for other in others]
    host.undo(new, change)
    host.apply(half)

    assert made == [repo("rev-parse", "main")] * places
    assert [other("branch", "--list", "new") for other in others] == [""] * places
    assert [other("rev-parse", "half") for other in others] == [repo("rev-parse", "main")] * places
    assert remote("branch", "--list", "new", "half") == ""
    assert host.plan(half).ops == ()
