"""What a figure depends on: the machine, the versions and how busy it was."""

import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def facts(folder: Path) -> Iterator[str]:
    """Yield lines about the machine; *folder* is where the journals are written."""
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_cores()}, {platform.system()} {platform.release()}"
    yield f"Python {platform.python_version()}, {', '.join(_versions(('rollbook', 'invoke', 'fabric', 'Jinja2')))}"
    yield f"{_file_system(folder)} under {folder}; load {', '.join(f'{part:.1f}' for part in os.getloadavg())}"


def _cores() -> str:
    model = ""
    if sys.platform == "linux":
        found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = f" of {found[0].partition(':')[2].strip()}" if found else ""
    return f"{os.cpu_count()} cores{model}"


def _versions(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} not installed"


def _file_system(folder: Path) -> str:
    """Name the file system of *folder*: on a memory file system an fsync costs nothing."""
    best = ("", "unknown file system")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, sort, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, sort)
    return best[1]
