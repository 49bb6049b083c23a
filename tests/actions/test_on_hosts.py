"""Kinds that act on hosts do so alike on this machine, over ssh, behind a prefix, and behind one over ssh."""

import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import TargetError
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec

from .conftest import Machine, use

pytestmark = pytest.mark.server


@pytest.fixture(params=["ssh", "command", "both"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Give a host `there` of each kind that is reached through a shell."""
    specs = {"local": TargetSpec("local", "local")}
    if request.param != "command":
        server = request.getfixturevalue("sshd")
        settings = {"host": server.host, "port": server.port, "user": server.user, "key": str(server.key)}
        specs["below"] = TargetSpec("below", "ssh", {**settings, "known_hosts": [str(server.known_hosts)]})
    prefix: dict[str, Any] = {"prefix": ["env", "IN=side"], **({"on": "below"} if request.param == "both" else {})}
    specs["there"] = TargetSpec("there", "command", prefix)
    if request.param == "ssh":
        specs["there"] = TargetSpec("there", "ssh", specs["below"].settings)
    redactor = Redactor()
    pool = TargetPool(specs, SecretStore({}, redactor), redactor)
    yield Machine(pool)
    pool.close()


def cycle(machine: Machine, action: Any) -> tuple[Any, Any]:
    """Apply an action, see that nothing is left to do, and undo it; give what was found between and at the end."""
    change = machine.apply(action)
    found = action.probe(machine.read)
    assert machine.plan(action).ops == ()
    machine.undo(action, change)
    return found, action.probe(machine.read)


def test_a_link(machine: Machine, tmp_path: Path) -> None:
    """A link with blanks and quotes in its names is led elsewhere and back."""
    (tmp_path / "the 'new").mkdir()
    (tmp_path / "a 'link").symlink_to("/etc")

    found, back = cycle(machine, use("file.symlink", path=str(tmp_path / "a 'link"), to="the 'new", target="there"))

    assert (found.to, back.to) == ("the 'new", "/etc")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_copy_with_an_owner(machine: Machine, tmp_path: Path) -> None:
    """Owner, mode and content are set, and come back."""
    source, path = tmp_path / "new", tmp_path / "old"
    source.write_text("new")
    path.write_text("old")
    path.chmod(0o640)
    action = use("file.copy", source=str(source), path=str(path), owner="nobody:nogroup", mode="0600", target="there")

    found, back = cycle(machine, action)

    assert (found.owner, found.mode, back.owner, back.mode) == ("nobody:nogroup", "0600", "root:root", "0640")
    assert path.read_text() == "old"


def test_a_member_of_an_archive(machine: Machine, tmp_path: Path) -> None:
    """A member is put in place and the old file comes back; what is not in there is told."""
    (tmp_path / "file").write_bytes(b"new \xff\n")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        tar.add(tmp_path / "file", "etc/file")
    (tmp_path / "file").write_text("old")
    arguments = {"archive": str(tmp_path / "a.tgz"), "path": str(tmp_path / "file"), "target": "there"}

    found, _ = cycle(machine, use("archive.unpack", member="etc/file", **arguments))

    assert found.sha256 == found.member_sha256
    assert (tmp_path / "file").read_text() == "old"
    with pytest.raises(TargetError, match="not in there"):
        machine.plan(use("archive.unpack", member="etc/none", **arguments))


def test_a_value(machine: Machine, tmp_path: Path) -> None:
    """A value is set and the file comes back byte for byte."""
    path = tmp_path / "app.ini"
    path.write_text("[a]\nb = c\n")

    found, _ = cycle(machine, use("config.value", path=str(path), key="a.b", value="DEBUG", target="there"))

    assert found.value == "DEBUG"
    assert path.read_text() == "[a]\nb = c\n"


def test_a_build(machine: Machine, tmp_path: Path) -> None:
    """A build is done once."""
    (tmp_path / "source").write_text("x")
    action = use(
        "project.build",
        directory=str(tmp_path),
        commands=[["mkdir", "-p", "out"], ["cp", "source", "out/the result"]],
        when_changed=["source"],
        output="out",
        environment={"XDG_STATE_HOME": str(tmp_path / "state")},
        target="there",
    )

    change = machine.apply(action)

    assert (len(change.ops), machine.plan(action).ops) == (1, ())
    assert (tmp_path / "out" / "the result").read_text() == "x"


CTL = """#!/bin/sh
case $1 in
  start) setsid sleep 1000 >/dev/null 2>&1 & echo $! >"$2" ;;
  stop) kill $(cat "$2"); rm "$2" ;;
  status) [ -e "$2" ] || exit 3 ;;
  pid) cat "$2" ;;
esac
"""


def test_a_service(machine: Machine, tmp_path: Path) -> None:
    """A service is started, restarted as another process, and stopped by the undo of its start."""
    (tmp_path / "ctl").write_text(CTL)
    (tmp_path / "ctl").chmod(0o755)
    commands = {verb: [str(tmp_path / "ctl"), verb, "{service}"] for verb in ("start", "stop", "status", "pid")}
    given = {"services": [str(tmp_path / "app")], "commands": commands, "target": "there"}
    start = use("service.state", wanted="started", **given)

    started = machine.apply(start)
    first = int((tmp_path / "app").read_text())
    time.sleep(0.05)  # so that it is older than the restart, by a clock of hundredths
    again = use("service.state", wanted="restarted", since=machine.read.now(), **given)
    restarted = machine.apply(again)
    second = int((tmp_path / "app").read_text())
    fresh = again.probe(machine.read)
    machine.undo(start, started)

    assert (len(restarted.ops), first != second, fresh.stale) == (2, True, ())
    assert start.probe(machine.read).running == ()
