"""The demo from end to end, on servers of its own."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .demos import commands, start

pytestmark = pytest.mark.server


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
    return [one for one in commands(str(folder)) if "mongod" in one or "rollbook.demo" in one]


def test_the_demo_restores_the_course_and_takes_it_back(tmp_path: Path) -> None:
    """The plan, the run, the report and the undo are there, and no server is left behind."""
    shown = finish(start(tmp_path, "demo"))

    assert "Plan: Restore a course run to an earlier version" in shown
    assert "succeeded" in shown
    assert "rollbook demo --undo" in shown
    folder = next((tmp_path / ".rollbook/runs").iterdir())
    assert json.loads((folder / "report.json").read_text())
    assert servers(tmp_path) == []

    undone = start(tmp_path, "demo", "--undo")
    told = finish(undone)
    assert undone.returncode == 0, told
    assert f"took back run {folder.name}" in " ".join(told.split())
    assert servers(tmp_path) == []


def test_ctrl_c_stops_the_demos_servers(tmp_path: Path) -> None:
    """Whenever it comes, nothing is left running."""
    process = start(tmp_path, "demo")
    time.sleep(2.5)

    process.send_signal(signal.SIGINT)

    shown = finish(process)
    assert process.returncode == 130
    assert "was overwritten" not in shown or "rollbook demo --stay" in shown
    assert servers(tmp_path) == []
