"""The command line as a process, in a repository of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import rollbook

LIBRARY = str(Path(rollbook.__file__).parents[1])
ROLLBOOK = (sys.executable, "-c", "import sys; sys.argv[0] = 'rollbook'; from rollbook.cli.program import main; main()")
INVOKE = (sys.executable, "-m", "invoke")
SLOW = """\
runbook: slow
title: Wait for a while
steps:
  - id: first
    name: Write something down
    file.present: {path: "{{ inputs.folder }}/first.txt", content: "one"}
  - id: wait
    name: Wait for a while
    shell.run: {command: "echo waiting; sleep 1.5", effect: read}
  - id: last
    name: Write something more
    file.present: {path: "{{ inputs.folder }}/last.txt", content: "two"}
inputs: {folder: path}
targets: {local: local}
"""
ASKING = """\
runbook: asking
title: Ask before a file is written
steps:
  - id: sure
    name: Ask whether it may be written
    human.confirm: {text: "Write it?"}
  - id: written
    name: Write it
    file.present: {path: "{{ inputs.folder }}/written.txt", content: "{{ steps.sure.outputs.value | string }}"}
inputs: {folder: path}
targets: {local: local}
"""


def run(
    folder: Path, *words: str, program: tuple[str, ...] = ROLLBOOK, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line in *folder* without a terminal."""
    return subprocess.run(
        [*program, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@contextmanager
def slow_run(folder: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start the slow runbook; give the process and what it prints."""
    with subprocess.Popen(
        [*ROLLBOOK, "run-runbook", "slow", "--set", f"folder={folder}", "--yes"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout


def wait_until(text: str, output: IO[str]) -> None:
    """Read *output* until a line holds *text*."""
    for line in output:
        if text in line:
            return
    pytest.fail(f"{text!r} was never printed")
