"""A mongod is had without Docker, survives being killed, and says what it lacks."""

import os
import signal
from pathlib import Path

import pymongo
import pytest

from rollbook.demo import wheels
from rollbook.demo.download import cache_folder
from rollbook.demo.errors import DemoError
from rollbook.demo.mongod import MongoServer, start_mongod
from rollbook.demo.wheels import find_mongod


def count_after_insert(server: MongoServer) -> int:
    with pymongo.MongoClient[dict[str, object]](server.url) as client:
        notes = client["demo"]["notes"].with_options(write_concern=pymongo.WriteConcern("majority", j=True))
        notes.insert_one({})
        return notes.count_documents({})


@pytest.mark.server
def test_a_folder_can_be_used_again(own_mongod: MongoServer, tmp_path: Path) -> None:
    """What was written is there after a clean stop and after `kill -9`, on another port each time."""
    folder = tmp_path / "mongod"
    assert count_after_insert(own_mongod) == 1
    own_mongod.stop()
    second = start_mongod(folder)
    assert count_after_insert(second) == 2
    assert second.process is not None
    second.process.send_signal(signal.SIGKILL)
    second.process.wait()

    third = start_mongod(folder)

    assert count_after_insert(third) == 3
    third.stop()


@pytest.mark.server
def test_a_folder_in_use_is_told(own_mongod: MongoServer, tmp_path: Path) -> None:
    """A second mongod on the same files fails with the server's own words and with advice."""
    assert own_mongod.pid is not None

    with pytest.raises(DemoError, match="Another mongod instance is already running"):
        start_mongod(tmp_path / "mongod")


def test_a_mongod_on_path_comes_first(tmp_path: Path) -> None:
    """Nothing is downloaded where a mongod is installed."""
    installed = tmp_path / "mongod"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)

    assert find_mongod({"PATH": str(tmp_path)}).path == installed


def test_other_machines_are_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no wheel runs, the error names the variable that helps."""
    monkeypatch.setattr(wheels.platform, "machine", lambda: "aarch64")

    with pytest.raises(DemoError, match="ROLLBOOK_DEMO_MONGO_URL"):
        find_mongod({"PATH": "", "ROLLBOOK_CACHE": str(tmp_path)})


def test_a_missing_library_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libcurl the error holds the apt line."""
    cached = tmp_path / f"mongod-{wheels.MONGOD_VERSION}"
    cached.mkdir()
    (cached / "mongod").touch()

    def fail(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(wheels.ctypes, "CDLL", fail)

    with pytest.raises(DemoError, match="apt-get install libcurl4"):
        find_mongod({"PATH": "", "ROLLBOOK_CACHE": str(tmp_path)})


def test_a_failed_download_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index the error quotes pip, and the cache holds no trace."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(DemoError, match="pip exited"):
        find_mongod({"PATH": "", "ROLLBOOK_CACHE": str(tmp_path)})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"ROLLBOOK_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/rollbook"),
        ({}, str(Path("~/.cache/rollbook").expanduser())),
    ],
)
def test_the_cache_is_where_users_want_it(environment: dict[str, str], folder: str) -> None:
    """Rollbook's own variable wins over the desktop's, and that over the home folder."""
    assert cache_folder(environment) == Path(folder)
