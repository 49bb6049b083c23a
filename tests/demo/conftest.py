"""A place for the demo that is entered as a command, so that it can be killed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def serve(mongo_url: str, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start `rollbook.demo.serve` on a folder of the test; it has a mongod of its own."""
    assert mongo_url, "asked for so that a machine without mongod skips here"
    started: list[subprocess.Popen[str]] = []
    without = {name: value for name, value in os.environ.items() if name != "ROLLBOOK_DEMO_MONGO_URL"}

    def start() -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "rollbook.demo.serve", "--folder", str(tmp_path / "demo")]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=without)
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=90)
