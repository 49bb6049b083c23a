"""A run whose output nobody reads any more, or whose working folder is gone."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollbook.journal import replay
from rollbook.runs import Runs

PROGRAM = (sys.executable, "-c", "from rollbook.cli.program import main; main()")
RUN = ("run-runbook", "two", "--env", "here", "--yes")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a folder with a runbook of two steps; the first waits until a file is there."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "here.yml").write_text("environment: here\ntargets: {}\n")
    (tmp_path / "runbooks" / "two.yml").write_text(
        "runbook: two\ntitle: Two steps\nsteps:\n"
        "  - id: a\n    name: Wait for a file.\n    effect: read\n"
        '    shell.run: {command: "touch begun; while [ ! -e go ]; do sleep 0.05; done"}\n'
        '  - id: b\n    name: Say so.\n    effect: read\n    shell.run: {command: "echo b"}\n'
    )
    return tmp_path


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "> /dev/full"])
def test_a_closed_output_is_no_error(place: Path, closed: str) -> None:
    """A run whose output was closed beforehand, or cannot take it, is carried out, and its exit code is the run's own."""
    (place / "go").touch()
    script = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, *RUN], cwd=place, capture_output=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert Runs(place / ".rollbook").find("last").read().status == "succeeded"


@pytest.mark.parametrize("words", [("runs", "--json"), ("plan", "two", "--env", "here"), ("show", "two"), ("schema",)])
def test_output_that_finds_no_room_is_told(place: Path, words: tuple[str, ...]) -> None:
    """Whoever redirected a report or a machine's JSON onto a full disk is not told that all went well."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *PROGRAM, *words],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("The output could not be written: No space left on device.")


@pytest.mark.parametrize("word", ["--help", "--list"])
def test_help_that_finds_no_room_is_told_in_words(place: Path, word: str) -> None:
    """Invoke prints it, and has no word of its own for that."""
    script = 'exec "$@" >/dev/full'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, word], cwd=place, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (1, "It could not be written: No space left on device.\n")


def test_a_pipe_that_ends_early_ends_no_run(place: Path) -> None:
    """`| head -1` sees its line, and the run goes on to its end without a word on stderr."""
    script = '"$@" | head -1'
    (place / "go").touch()
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, *RUN], cwd=place, capture_output=True, timeout=60, check=False
    )

    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")
    assert Runs(place / ".rollbook").find("last").read().status == "succeeded"


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_a_terminal_that_hangs_up_stops_the_run_at_the_next_step(place: Path, kind: str) -> None:
    """The step that runs is carried to its end, the journal says why the run stopped, and a resume goes on."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execvpe(PROGRAM[0], (*PROGRAM, *RUN), {**os.environ, "TERM": kind})  # noqa: S606  # the child of a terminal of its own
    deadline = time.monotonic() + 30
    while not (place / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.close(terminal)
    time.sleep(0.3)
    (place / "go").touch()
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    folder = Runs(place / ".rollbook").find("last")

    assert ended == 130
    assert [record.type for record in replay(folder.journal)][-2:] == ["step_finished", "interrupted"]
    again = subprocess.run(
        [*PROGRAM, "resume", "last", "--yes"], cwd=place, capture_output=True, timeout=60, check=False
    )
    assert again.returncode == 0, again.stderr
    assert folder.read().status == "succeeded"


@pytest.mark.parametrize("words", [("plan", "two", "--env", "here"), ("runs",), ("lint",), ("status", "last")])
def test_a_working_folder_that_is_gone_is_told(place: Path, words: tuple[str, ...]) -> None:
    """Every command says so and what to do, and none calls it a defect."""
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, *words], cwd=place, capture_output=True, timeout=60, check=False, text=True
    )

    assert done.returncode == 4
    assert "The working folder is gone" in done.stderr
