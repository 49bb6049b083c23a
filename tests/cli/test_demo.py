"""The demo from end to end, on servers of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rollbook

pytestmark = pytest.mark.server

LIBRARY = str(Path(rollbook.__file__).parents[1])
PROGRAM = (sys.executable, "-c", "from rollbook.cli.program import main; main()")


def demo(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start the demo in *folder*, without a terminal."""
    return subprocess.Popen(
        [*PROGRAM, "demo", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the demo's end and give what it printed; skip where no mongod can be had."""
    with process:
        shown = process.communicate(timeout=240)[0]
    if process.returncode and "mongod" in shown and "run " not in shown:
        if os.environ.get("ROLLBOOK_REQUIRE_SERVERS") == "1":
            pytest.fail(shown)
        pytest.skip(f"no mongod: {shown.splitlines()[-1]}")
    return shown


def servers(folder: Path) -> list[str]:
    """Name the processes that were started for this folder's demo and are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command and ("mongod" in command or "rollbook.demo" in command):
                found.append(command)
    return found


def test_the_demo_restores_the_course_and_takes_it_back(tmp_path: Path) -> None:
    """The plan, the run, the report and the undo are there, and no server is left behind."""
    shown = finish(demo(tmp_path))

    assert "Plan: Restore a course run to an earlier version" in shown
    assert "succeeded" in shown
    assert "rollbook demo --undo" in shown
    folder = next((tmp_path / ".rollbook/runs").iterdir())
    assert json.loads((folder / "report.json").read_text())
    assert servers(tmp_path) == []

    undone = demo(tmp_path, "--undo")
    told = finish(undone)
    assert undone.returncode == 0, told
    assert f"took back run {folder.name}" in " ".join(told.split())
    assert servers(tmp_path) == []


def test_ctrl_c_stops_the_demos_servers(tmp_path: Path) -> None:
    """Whenever it comes, nothing is left running."""
    process = demo(tmp_path)
    time.sleep(2.5)

    process.send_signal(signal.SIGINT)

    shown = finish(process)
    assert process.returncode == 130
    assert "was overwritten" not in shown or "rollbook demo --stay" in shown
    assert servers(tmp_path) == []
