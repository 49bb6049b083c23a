"""Deploys taken back in real repositories."""

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.action import Change
from rollbook.actions.git.revert import RevertState
from rollbook.errors import RefusedError, SchemaError, TargetError
from rollbook.ops import Command
from rollbook.planner.step import decode_op, encode_op
from rollbook.values import bind

from ..conftest import use
from .conftest import CLOCK, Bound, Repo, bad_deploy, new_repo

BRANCH = {"branch": "rollback"}


def _revert(repo: Repo, deploy: str, **arguments: object) -> object:
    return use("git.revert", repository=str(repo.path), deploy=deploy, **BRANCH, **arguments)


@pytest.mark.parametrize("squash", [False, True], ids=["merge", "squash"])
def test_a_deploy_is_taken_back_and_what_came_after_stays(host: Bound, tmp_path: Path, squash: bool) -> None:
    """After the revert, the files are the good ones with the later commit's change."""
    repo, commits = bad_deploy(tmp_path / "r", squash=squash)

    host.apply(_revert(repo, commits["deploy"]))

    assert set(repo.files()) == {"app.py", "podcasts.py", "channels/posts.py", "channels/comments.py"}
    assert repo.files()["app.py"] == "one\ntwo\nthree\n"
    assert repo.files()["podcasts.py"] == "podcasts\nmore\n"
    assert repo("log", "-1", "--format=%P %an") == f"{commits['later']} Rollbook"
    assert repo("status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["a:b", ":", '"a" b', "#a\\b"])
def test_a_repository_may_have_any_name(host: Bound, tmp_path: Path, name: str) -> None:
    """A colon, a quote or a backslash in its path parts nothing."""
    repo, commits = bad_deploy(tmp_path / name)

    host.apply(_revert(repo, commits["deploy"]))

    assert repo.files()["app.py"] == "one\ntwo\nthree\n"


def test_the_repository_that_is_named_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Not the one of a git, or of its hook, that started the run and left its mark in the environment."""
    (repo, commits), (other, _) = bad_deploy(tmp_path / "r"), bad_deploy(tmp_path / "other")
    before = other.everything()
    with monkeypatch.context() as hook:
        hook.setenv("GIT_DIR", str(other.path / ".git"))
        hook.setenv("GIT_WORK_TREE", str(other.path))
        hook.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
        host = request.getfixturevalue("host")

        change = host.apply(_revert(repo, commits["deploy"]))
        verified = use("git.verify", repository=str(repo.path), tree=change.after.tree, branch="rollback").probe(
            host.read
        )

    assert verified.passed, verified.message
    assert "channels/posts.py" in repo.files()
    assert other.everything() == before


def test_what_git_revert_gives_is_the_tree_that_was_planned(host: Bound, tmp_path: Path) -> None:
    """The expected tree equals the one that git's own revert makes."""
    repo, commits = bad_deploy(tmp_path / "r")

    planned = host.plan(_revert(repo, commits["deploy"])).after.made
    repo("revert", "--no-edit", "-m", "1", commits["deploy"])

    assert planned == repo("rev-parse", "HEAD^{tree}")


def test_the_mainline_is_found_and_not_taken_to_be_the_first(host: Bound, tmp_path: Path) -> None:
    """Of a merge made on the feature's side, the parent on the deployed line is gone back to, here the second."""
    repo = new_repo(tmp_path / "r")
    repo.write({"a": "a\n"}, "begin")
    repo("switch", "-q", "-c", "feature")
    repo.write({"bad": "bad\n"}, "bad")
    repo("switch", "-q", "main")
    on_main = repo.write({"b": "b\n"}, "on main")
    repo("switch", "-q", "feature")
    repo("merge", "-q", "--no-ff", "-m", "take main in", "main")
    merge = repo("rev-parse", "HEAD")
    repo("switch", "-q", "main")
    repo("merge", "-q", "--no-ff", "-m", "deploy", "feature")

    state = host.result(_revert(repo, merge))

    assert state.back_to == on_main
    assert set(repo.files()) == {"a", "b"}


def test_a_good_commit_tells_the_mainline_of_a_merge_that_was_fast_forwarded(host: Bound, tmp_path: Path) -> None:
    """When the feature's merge of main was deployed as it is, `good` says which parent was main."""
    repo = new_repo(tmp_path / "r")
    repo.write({"a": "a\n"}, "begin")
    repo("switch", "-q", "-c", "feature")
    repo.write({"bad": "bad\n"}, "bad")
    repo("switch", "-q", "main")
    good = repo.write({"b": "b\n"}, "good")
    repo("switch", "-q", "feature")
    repo("merge", "-q", "--no-ff", "-m", "take main in", "main")
    repo("switch", "-q", "main")
    repo("merge", "-q", "--ff-only", "feature")

    state = host.result(_revert(repo, "main", good=good))

    assert (state.back_to, set(repo.files())) == (good, {"a", "b"})


def test_conflicts_refuse_the_plan_and_name_the_files(host: Bound, tmp_path: Path) -> None:
    """A later change of the same lines stops the plan; not a byte of the repository is another."""
    repo, commits = bad_deploy(tmp_path / "r")
    repo.write({"app.py": "one\n2\n", 'we"ird ü.py': "x"}, "same lines", day=7)
    before = repo.everything()

    with pytest.raises(RefusedError, match=r"conflicts in app\.py"):
        host.plan(_revert(repo, commits["deploy"]))

    assert repo.everything() == before


def test_a_dirty_tree_is_refused_with_its_files(host: Bound, tmp_path: Path) -> None:
    """Uncommitted changes are named, and stay."""
    repo, commits = bad_deploy(tmp_path / "r")
    (repo.path / "podcasts.py").write_text("precious\n")

    with pytest.raises(RefusedError, match=r"not committed: podcasts\.py"):
        host.plan(_revert(repo, commits["deploy"]))

    assert repo.files()["podcasts.py"] == "precious\n"


def test_an_unknown_file_in_the_way_is_refused(host: Bound, tmp_path: Path) -> None:
    """A file that git does not know is not written over; one that is not in the way does not matter."""
    repo, commits = bad_deploy(tmp_path / "r")
    (repo.path / "cache").write_text("x")
    host.plan(_revert(repo, commits["deploy"]))
    (repo.path / "channels").mkdir()
    (repo.path / "channels/posts.py").write_text("mine\n")

    for folder in (repo.path, repo.path / "channels"):
        with pytest.raises(RefusedError, match=r"does not know.*: channels/posts\.py\."):
            host.plan(_revert(Repo(folder), commits["deploy"]))


def test_somebody_elses_half_done_merge_is_refused(host: Bound, tmp_path: Path) -> None:
    """While a revert of somebody's waits for its conflicts, nothing is planned."""
    repo, commits = bad_deploy(tmp_path / "r")
    (repo.path / ".git/REVERT_HEAD").write_text(commits["later"] + "\n")

    with pytest.raises(RefusedError, match="in the middle of a revert"):
        host.plan(_revert(repo, commits["deploy"]))


def test_hooks_do_not_run(host: Bound, tmp_path: Path) -> None:
    """Neither making the branch nor checking it out, there and back, runs a hook of the repository."""
    repo, commits = bad_deploy(tmp_path / "r")
    for name in ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "post-index-change"):
        hook = repo.path / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        hook.chmod(0o755)
    action = _revert(repo, commits["deploy"])

    change = host.apply(action)
    host.undo(action, change)

    assert list(tmp_path.glob("ran-*")) == []
    assert any("hooksPath" in line for line in action.details(change))


def test_the_undo_keeps_a_branch_on_which_there_is_more(host: Bound, tmp_path: Path) -> None:
    """What somebody committed on the made branch is not thrown away."""
    repo, commits = bad_deploy(tmp_path / "r")
    action = _revert(repo, commits["deploy"])
    change = host.apply(action)
    more = repo.write({"fix": "fix\n"}, "more", day=8)

    found = action.probe_for(host.read, change.before)
    host.carry_out(*action.ops(found, change.before))

    assert repo("symbolic-ref", "--short", "HEAD") == "main"
    assert repo("rev-parse", "rollback") == more
    assert "1 more commits" in found.kept


def test_hostile_names_do_no_harm(host: Bound, tmp_path: Path) -> None:
    """Quotes in branches, line breaks and control characters in subjects, file names that are no UTF-8: all are data."""
    repo = new_repo(tmp_path / "r")
    repo.write({"a": "a\n"}, "begin")
    repo("branch", "-m", "it's;$(id>pwned)")
    (repo.path / os.fsdecode(b"caf\xe9 \n")).write_text("x")
    deploy = repo.write({"ünï": "x"}, "subject\nsecond \x1f\x1f line\n\nbody", day=2)
    action = use("git.revert", repository=str(repo.path), deploy=deploy, branch="take'back\"$(id)")

    change = host.apply(action)

    assert set(repo.files()) == {"a"}
    assert set(change.before.changed) == {'"caf\\351 \\n"', "ünï"}
    assert "subject second \x1f\x1f line" in change.before.told
    host.undo(action, change)
    assert repo("symbolic-ref", "--short", "HEAD") == "it's;$(id>pwned)"


@pytest.mark.parametrize("name", ["-q", "a..b", "a b", "a~1", "x.lock", "", "a\nb", "@", "/a", "a//b"])
def test_names_that_git_would_not_take_are_refused(name: str) -> None:
    """A branch that is none, or would be taken for an option, is refused before anything runs."""
    with pytest.raises(Exception, match="cannot be the name of a branch"):
        use("git.revert", repository="/r", deploy="main", branch=name)
    with pytest.raises(Exception, match="cannot name a commit"):
        use("git.revert", repository="/r", deploy="--upload-pack=x")


def test_a_shallow_clone_says_what_is_missing(host: Bound, tmp_path: Path) -> None:
    """Where history was cut off, the error says so and how to get it."""
    repo, _ = bad_deploy(tmp_path / "r")
    repo("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))

    with pytest.raises(RefusedError, match="shallow clone") as raised:
        host.plan(_revert(Repo(tmp_path / "shallow"), "HEAD"))

    assert "--unshallow" in raised.value.advice


def test_a_linked_work_tree_is_worked_on_alone(host: Bound, tmp_path: Path) -> None:
    """In a linked work tree the revert and its undo leave the main one as it is."""
    repo, commits = bad_deploy(tmp_path / "r")
    repo("worktree", "add", "-q", "-b", "live", str(tmp_path / "live"))
    live, files = Repo(tmp_path / "live"), repo.files()
    action = _revert(live, commits["deploy"])

    change = host.apply(action)

    assert "channels/posts.py" in live.files()
    assert repo.files() == files
    host.undo(action, change)
    assert live("symbolic-ref", "--short", "HEAD") == "live"


@pytest.mark.parametrize("moving", [False, True])
def test_a_revert_that_moves_a_submodule_is_refused(host: Bound, tmp_path: Path, *, moving: bool) -> None:
    """The submodule is named, also one that git is told to pass over; git would leave its folder at the wrong commit."""
    repo, _ = bad_deploy(tmp_path / "r")
    inner = new_repo(tmp_path / "inner")
    inner.write({"x": "x"}, "x")
    repo("submodule", "--quiet", "add", str(inner.path), "vendor")
    repo("config", "--file", ".gitmodules", "submodule.vendor.ignore", "all")
    bad = repo.write({}, "add vendor", day=9)
    if moving:
        there = Repo(repo.path / "vendor")
        there.write({"x": "y"}, "y")
        repo("update-index", "--cacheinfo", f"160000,{there('rev-parse', 'HEAD')},vendor")
        bad = repo.write({"posts": "bad"}, "move vendor", day=10)

    with pytest.raises(RefusedError, match="submodules vendor"):
        host.plan(_revert(repo, bad))


def test_no_repository_is_told(host: Bound, tmp_path: Path) -> None:
    """A folder that is no repository gives git's own words."""
    with pytest.raises(TargetError, match="not a git repository"):
        host.plan(use("git.revert", repository=str(tmp_path), deploy="main"))


def _bound_ops(host: Bound, action: object) -> list[Command]:
    found = (decode_op(bind(encode_op(op), CLOCK.known())) for op in host.plan(action).ops)
    return [op for op in found if isinstance(op, Command)]


def test_a_checkout_killed_at_any_instant_is_finished(host: Bound, tmp_path: Path) -> None:
    """Killed in the middle of writing the files, the switch is carried out again without asking, to the same end."""
    repo = new_repo(tmp_path / "r")
    good = {f"d{number % 40}/f{number}": f"{number}\n" * 50 for number in range(1500)}
    repo.write(good, "good")
    deploy = repo.write(dict.fromkeys(list(good)[:700]) | dict.fromkeys(list(good)[700:], "x\n"), "bad", day=2)
    action, whole = _revert(repo, deploy), 0
    for number in range(8):
        make, move = _bound_ops(host, action)
        host.carry_out(make)
        process = subprocess.Popen(["sh", "-c", move.argv[0]], cwd=repo.path, start_new_session=True, stderr=-3)
        time.sleep(0.01 + 0.012 * number)
        os.killpg(process.pid, signal.SIGKILL)
        whole += process.wait() == 0

        found = action.probe(host.read)
        host.carry_out(*action.ops(found, action.desired(found)))

        assert repo.files() == good
        assert repo("status", "--porcelain") == ""
        host.undo(action, Change(RevertState("refs/heads/main", deploy), action.probe(host.read)))
        assert repo("rev-parse", "HEAD") == deploy
    assert whole < 8, "no switch was killed before its end"


@pytest.mark.parametrize("at", [0, 1])
def test_locks_that_a_killed_write_left_are_removed(host: Bound, tmp_path: Path, at: int) -> None:
    """Making the branch and checking it out are done over, whichever of their locks a kill left behind."""
    repo, commits = bad_deploy(tmp_path / "r")
    ops = _bound_ops(host, _revert(repo, commits["deploy"]))
    host.carry_out(*ops[:at])
    script = ops[at].argv[0]
    locks = re.search(r"for lock in (.*); do", script)
    name = re.search(r"echo (.*) >", script)
    mark = re.search(r"--git-path (rollbook-\w+)", script)
    assert locks
    assert name
    assert mark
    (repo.path / ".git" / mark[1]).write_text(f"{shlex.split(name[1])[0]}\n")
    for lock in shlex.split(locks[1]):
        (repo.path / ".git" / lock).parent.mkdir(parents=True, exist_ok=True)
        (repo.path / ".git" / lock).touch()

    host.carry_out(*ops[at:])

    assert repo("symbolic-ref", "--short", "HEAD") == "rollback"
    assert not list(repo.path.glob(".git/**/*.lock"))
    assert not list(repo.path.glob(".git/rollbook-*"))


def test_a_lock_of_somebody_else_stays(host: Bound, tmp_path: Path) -> None:
    """Without a mark of its own, a step fails by a lock that is there, and does not touch it."""
    repo, commits = bad_deploy(tmp_path / "r")
    make, move = _bound_ops(host, _revert(repo, commits["deploy"]))
    host.carry_out(make)
    (repo.path / ".git/index.lock").touch()

    with pytest.raises(TargetError, match=r"index\.lock"):
        host.carry_out(move)

    assert (repo.path / ".git/index.lock").exists()
    assert not (repo.path / ".git/rollbook-move").exists()


def test_changes_of_somebody_are_not_taken_for_what_a_killed_switch_left(host: Bound, tmp_path: Path) -> None:
    """A file outside of what the revert changes, edited while the run lay dead, stops the resume."""
    repo, commits = bad_deploy(tmp_path / "r")
    action = _revert(repo, commits["deploy"])
    make, _ = _bound_ops(host, action)
    host.carry_out(make)
    (repo.path / ".git/rollbook-move").write_text("refs/heads/main to refs/heads/rollback\n")
    (repo.path / "app.py").write_text("half")
    action.probe(host.read)
    (repo.path / "podcasts.py").write_text("mine")

    with pytest.raises(RefusedError, match=r"podcasts\.py"):
        action.probe(host.read)


STEPS = """
targets: {}
steps:
  - id: good
    name: Find the good commit
    git.locate: {repository: REPO, deploy: DEPLOY}
  - id: back
    name: Take the deploy back
    git.revert: {repository: REPO, deploy: DEPLOY}
  - id: sure
    name: See that it is what was planned
    git.verify: {repository: REPO, tree: "{{ steps.back.outputs.tree }}", branch: "{{ steps.back.outputs.branch }}"}
  - id: out
    name: Push it
    git.push: {repository: REPO, branch: "{{ steps.back.outputs.branch }}", source: "{{ steps.back.outputs.commit }}"}
"""


@pytest.mark.parametrize("deploy", ["HEAD", "@~1", "HEAD~2..HEAD", "HEAD^..@"])
def test_head_is_what_is_deployed_whatever_is_checked_out(tmp_path: Path, host: Bound, deploy: str) -> None:
    """What names a deploy from HEAD on is the same one after the revert, in a resume and in the undo."""
    repo, _ = bad_deploy(tmp_path / "r")
    repo("init", "-q", "--bare", str(tmp_path / "remote.git"))
    repo("remote", "add", "origin", str(tmp_path / "remote.git"))
    before = repo.files()
    workshop = Workshop(tmp_path)
    workshop.write("back", STEPS.replace("REPO", str(repo.path)).replace("DEPLOY", f'"{deploy}"'))

    run = workshop.run("back")

    assert run.status == "succeeded", [step.error for step in run.steps]
    undone = workshop.undo(run)
    assert undone.status == "undone", [step.error for step in undone.steps]
    assert repo.files() == before
    again = workshop.undo(undone)
    assert again.status == "undone", [step.error for step in again.steps]


@pytest.mark.parametrize("deploy", ["HEAD@{1}", "main@{upstream}", ":/Merge", "main^{/channels}", "v1..@{1}"])
def test_a_name_that_shifts_with_a_commit_is_refused(deploy: str) -> None:
    """It would mean another deploy after the revert, in the midst of the run."""
    for kind in ("git.revert", "git.locate"):
        with pytest.raises(SchemaError, match="is another commit once something is committed"):
            use(kind, repository="/r", deploy=deploy)


def test_through_the_engine(tmp_path: Path, host: Bound) -> None:
    """Found, reverted, verified, pushed and undone by one runbook; the branch bears the run's id."""
    repo, commits = bad_deploy(tmp_path / "r")
    repo("init", "-q", "--bare", str(tmp_path / "remote.git"))
    repo("remote", "add", "origin", str(tmp_path / "remote.git"))
    workshop = Workshop(tmp_path)
    workshop.write("back", STEPS.replace("REPO", str(repo.path)).replace("DEPLOY", commits["deploy"]))

    run = workshop.run("back")

    assert run.status == "succeeded", [step.error for step in run.steps]
    assert repo("symbolic-ref", "--short", "HEAD") == f"rollback/{run.id}"
    assert run.id in Repo(tmp_path / "remote.git")("branch", "--list")
    undone = workshop.undo(run)
    assert undone.status == "undone", [step.error for step in undone.steps]
    assert repo("symbolic-ref", "--short", "HEAD") == "main"
    assert repo("branch", "--list", "rollback/*") == ""
    assert Repo(tmp_path / "remote.git")("branch", "--list") == ""
