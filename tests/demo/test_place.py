"""The demo's place: what it starts, what it leaves, and what survives being killed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.demo.errors import DemoError
from rollbook.demo.place import DemoPlace
from rollbook.demo.process import command_line

pytestmark = pytest.mark.server

VARIABLES = {f"ROLLBOOK_DEMO_{name}_URL" for name in ("LEDGER", "MONGO", "SITE")}
# Both servers may need the 15 s that they are given to end by themselves, and a busy machine some more.
ENDED_WITHIN = 90
Serve = Callable[[], subprocess.Popen[str]]


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the three export lines; afterwards the servers are up."""
    assert process.stdout is not None
    lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(3)]
    return dict(line.partition("=")[::2] for line in lines)


def pids(folder: Path) -> list[int]:
    recorded = json.loads((folder / "servers.json").read_text())["pids"]
    return [pid for pid in recorded.values() if pid is not None]


def gone(numbers: list[int]) -> bool:
    until = time.monotonic() + 20
    while any(command_line(pid) for pid in numbers) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(command_line(pid) for pid in numbers)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_servers_end_with_the_demo(serve: Serve, tmp_path: Path, sign: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal stop every server before the demo ends."""
    process = serve()
    exported(process)
    servers = pids(tmp_path / "demo")
    assert len(servers) == 2

    process.send_signal(sign)
    process.wait(ENDED_WITHIN)

    assert not any(command_line(pid) for pid in servers)
    assert not (tmp_path / "demo" / "servers.json").exists()


def test_servers_die_with_a_killed_demo(serve: Serve, tmp_path: Path) -> None:
    """Even `kill -9` leaves no server running, and the next demo starts in the same folder with the same sample."""
    process = serve()
    exported(process)
    servers = pids(tmp_path / "demo")
    sample = (tmp_path / "demo" / "sample.json").read_text()

    process.kill()
    process.wait(ENDED_WITHIN)
    again = serve()

    assert set(exported(again)) == VARIABLES
    assert gone(servers)
    assert (tmp_path / "demo" / "sample.json").read_text() == sample


def test_two_demos_do_not_share_a_folder(serve: Serve) -> None:
    """A second demo in a folder is refused, and names the process that is there."""
    first = serve()
    exported(first)

    second = serve()
    _, error = second.communicate(timeout=ENDED_WITHIN)

    assert second.returncode == 1
    assert "another demo runs in" in error
    assert str(first.pid) in error


def test_only_servers_of_this_folder_are_ended(mongo_url: str, tmp_path: Path) -> None:
    """A recorded pid that by now belongs to somebody else is left alone."""
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    (tmp_path / "servers.json").write_text(json.dumps({"pids": {"mongod": stranger.pid}}))

    with DemoPlace(tmp_path, environment={**os.environ, "ROLLBOOK_DEMO_MONGO_URL": mongo_url}) as place:
        assert place.environment()["ROLLBOOK_DEMO_MONGO_URL"] == mongo_url
        assert stranger.poll() is None

    stranger.kill()
    stranger.wait()


def test_the_platform_is_where_the_inventory_looks_for_it(mongo_url: str, tmp_path: Path) -> None:
    """The folder holds a `manage.py` that runs with the interpreter of the demo, whatever the user's PATH is."""
    with DemoPlace(tmp_path, environment={"PATH": "/usr/bin:/bin", "ROLLBOOK_DEMO_MONGO_URL": mongo_url}) as place:
        environment = place.environment()
        argv = ["env", "-C", str(tmp_path / "edx-platform"), "./manage.py", "cms", "simulate_publish", "--help"]
        told = subprocess.run(argv, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)

    assert environment.keys() >= VARIABLES
    assert (told.returncode, b"--courses" in told.stdout) == (0, True)


def test_a_mongo_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """A given MongoDB that is down is an error that names the variable and hides the password."""
    url = "mongodb://user:sesame-open@127.0.0.1:1/?serverSelectionTimeoutMS=200"

    with pytest.raises(DemoError, match="ROLLBOOK_DEMO_MONGO_URL") as caught:
        DemoPlace(tmp_path, environment={**os.environ, "ROLLBOOK_DEMO_MONGO_URL": url}).__enter__()

    assert "sesame-open" not in str(caught.value)
