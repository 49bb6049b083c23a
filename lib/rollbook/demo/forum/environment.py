"""The forum's own Python environment, so that Rollbook needs nothing of what a Django site needs."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rollbook.demo.errors import DemoError
from rollbook.demo.keeping import write_whole


def make_environment(folder: Path, requirements: Path) -> None:
    """
    Have a virtual environment in *folder* with these requirements.

    One that was made of the same requirements by the same Python is taken as it is. Raises `DemoError`.
    """
    stamp = folder / "made-of"
    wanted = f"{sys.version}\n{hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    _run(
        [sys.executable, "-m", "venv", str(folder)],
        "the forum's environment could not be made",
        "Debian, Ubuntu: sudo apt-get install python3-venv",
    )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(
        [*pip, "--only-binary", ":all:", "--requirement", str(requirements)],
        "the forum's requirements could not be installed",
        "Check the network and pip's index, and run again.",
    )
    write_whole(stamp, wanted)


def _run(argv: Sequence[str], failure: str, advice: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise DemoError(f"{failure} (exit {done.returncode}):\n  {tail}", advice=advice)
