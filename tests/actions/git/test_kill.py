"""A whole run of git killed at any instant, with all that it started, and resumed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from rollbook.run import Run
from rollbook.runs import Runs
from rollbook.targets.process import MARK

from .conftest import Bound, new_repo

RUNBOOK = """
runbook: back
title: Take it back
owner: tests
summary: A test.
targets: {}
steps:
  - id: back
    name: Take the deploy back
    git.revert: {repository: REPO, deploy: main}
  - id: sure
    name: See that it is what was planned
    git.verify: {repository: REPO, tree: "{{ steps.back.outputs.tree }}"}
"""
FILES = 800
KILLS = 3


def _marked() -> list[int]:
    """Find what a run of this test started: its commands bear the mark of their step."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                f"{MARK}=".encode() in (folder / "environ").read_bytes()
                and (folder / "cwd").readlink().name == "killed"
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _kill_marked() -> None:
    """End all of it, as a power cut would; what is started meanwhile too."""
    while alive := _marked():
        for process in alive:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def test_a_run_killed_at_any_instant_is_resumed_without_asking(tmp_path: Path, host: Bound) -> None:
    """Whatever the kill left, `resume` finishes the revert of this run, and its undo leaves nothing behind."""
    repo = new_repo(tmp_path / "killed")
    good = {f"d{number % 50}/f{number}": f"{number}\n" * 40 for number in range(FILES)}
    repo.write(good, "good")
    deploy = repo.write(dict.fromkeys(list(good)[: FILES // 2]) | dict.fromkeys(list(good)[FILES // 2 :], "x\n"), "bad")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks/back.yml").write_text(RUNBOOK.replace("REPO", str(repo.path)))
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/bench.yml").write_text("environment: bench\ntargets: {}\n")
    for number in range(KILLS):
        known = len(Runs(tmp_path / ".rollbook").all())
        process = subprocess.Popen(_command("run-runbook", "back", "--env", "bench", "--yes"), cwd=tmp_path, stdout=-3)
        _kill_after_the_step_began(process, tmp_path, known, 0.03 * number)

        resumed = _type(tmp_path, "resume", "last", "--yes")

        run = _last(tmp_path)
        assert run.status == "succeeded", resumed.stdout + resumed.stderr
        assert repo.files() == good
        assert repo("symbolic-ref", "--short", "HEAD") == f"rollback/{run.id}"
        undone = _type(tmp_path, "undo", run.id, "--yes")
        assert undone.returncode == 0, (undone.stdout, undone.stderr)
        assert repo("rev-parse", "HEAD") == deploy
        assert repo("status", "--porcelain") == ""
        assert repo("branch", "--list", "rollback/*") == ""


def _kill_after_the_step_began(process: "subprocess.Popen[bytes]", folder: Path, known: int, seconds: float) -> None:
    def began() -> bool:
        runs = Runs(folder / ".rollbook").all()
        return len(runs) > known and b'"step_started"' in runs[-1].journal.read_bytes()

    until = time.monotonic() + 30
    while not began():
        assert time.monotonic() < until, "the step never began"
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.wait()
    _kill_marked()


def _command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from rollbook.cli.program import main; main()", *words]


def _type(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(_command(*words), cwd=folder, capture_output=True, text=True, check=False, stdin=-3)


def _last(folder: Path) -> Run:
    return Runs(folder / ".rollbook").all()[-1].read()
