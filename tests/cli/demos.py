"""Demos started as a newcomer starts them, without a terminal, and what they leave running."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rollbook

LIBRARY = str(Path(rollbook.__file__).parents[1])
PROGRAM = (sys.executable, "-c", "from rollbook.cli.program import main; main()")


def start(folder: Path, command: str, *words: str) -> subprocess.Popen[str]:
    """Start a demo in *folder*; its output comes as one text."""
    return subprocess.Popen(
        [*PROGRAM, command, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def forum_place(folder: Path, forum: Path, name: str) -> Iterator[Path]:
    """Make the place of the demo *name* in *folder*, with the Python environment of the *forum* in it already."""
    place = folder / ".rollbook" / name
    place.mkdir(parents=True)
    (place / "venv").symlink_to(forum / "venv")
    yield folder
    if (place / "postgres").is_symlink():  # as root the database lies elsewhere
        shutil.rmtree((place / "postgres").readlink())


def commands(*marks: str) -> list[str]:
    """Give the command lines of processes that have one of *marks* in them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if any(mark in command for mark in marks):
                found.append(command)
    return found
