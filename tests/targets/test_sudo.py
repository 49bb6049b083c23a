"""Laws of commands that run as another account: a real sudo behind a real sshd, with accounts made for the test."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import Unavailable, start_sshd

from rollbook.demo.process import spawn, stop
from rollbook.errors import CommandTimeout, TargetError
from rollbook.ops import Command
from rollbook.values import Secret

pytestmark = pytest.mark.server

ACCOUNTS = {"rbfree": 61801, "rbasked": 61802, "rbfew": 61803, "rbother": 61804}
SUDOERS = """\
Defaults use_pty, log_output, iolog_dir={folder}/io
root ALL=(ALL) ALL
rbfree ALL=(ALL) NOPASSWD: ALL
rbasked ALL=(ALL) ALL
rbfew ALL=(ALL) NOPASSWD: {sleep}, {folder}/stubborn
"""
# A mount namespace of their own: accounts and sudoers of this machine stay as they are.
_ENTER = """\
mount --make-rprivate / && mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow || exit 96
mount --bind "$1/sudoers" /etc/sudoers || exit 96
mount -t tmpfs none /etc/sudoers.d && shift && exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Door:
    """An sshd that lets the accounts of the test in, within a namespace of its own."""

    settings: dict[str, Any]
    enter: tuple[str, ...]

    def as_(self, user: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """Give the settings of a target with that account."""
        return "ssh", {**self.settings, "user": user, **more}


def _prepare(folder: Path) -> tuple[str, ...]:
    """Write the files of the namespace, and give the command that enters it."""
    if os.geteuid() != 0:
        raise Unavailable("only root can make accounts for the test")
    if shutil.which("sudo") is None:
        raise Unavailable("there is no sudo on this machine")
    lines = [f"{name}:x:{number}:{number}::{folder}:/bin/sh" for name, number in ACCOUNTS.items()]
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + "".join(f"{line}\n" for line in lines))
    # A password that nobody knows, rather than none: the account is not locked.
    shadow = "".join(f"{name}:$6$salt$none:19000:0:99999:7:::\n" for name in ACCOUNTS)
    (folder / "shadow").write_text(Path("/etc/shadow").read_text() + shadow)
    (folder / "sudoers").write_text(SUDOERS.format(folder=folder, sleep=shutil.which("sleep")))
    (folder / "stubborn").write_text("#!/bin/sh\ntrap '' TERM\nexec sleep 12.75\n")
    (folder / "stubborn").chmod(0o755)
    (folder / "passwd").chmod(0o644)
    (folder / "shadow").chmod(0o600)
    (folder / "sudoers").chmod(0o440)
    enter = ("unshare", "--mount", "sh", "-c", _ENTER, "sh", str(folder))
    tried = subprocess.run(
        [*enter, "sudo", "-n", "-u", "rbother", "id", "-un"], capture_output=True, text=True, check=False
    )
    if tried.stdout.strip() != "rbother":
        raise Unavailable(f"no namespace with accounts of its own: {tried.stdout}{tried.stderr}")
    return enter


@pytest.fixture(scope="module")
def door(server_folder: Path, give_one: Any) -> Iterator[Door]:
    """Start the sshd."""
    folder = server_folder / "sudo"
    folder.mkdir(mode=0o755)
    enter, plain = give_one("sudo behind sshd", lambda: (_prepare(folder), start_sshd(folder)))
    plain.stop()
    argv = [str(shutil.which("unshare")), *enter[1:], "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    process = spawn(argv, log=folder / "log")
    for name in ("authorized_keys", "known_hosts"):
        (folder / name).chmod(0o644)
    place = {"host": plain.host, "port": plain.port, "key": str(plain.key), "known_hosts": [str(plain.known_hosts)]}
    try:
        _wait(process, plain.port, folder)
        yield Door(place, enter)
    finally:
        stop(process)


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                assert connection.recv(4) == b"SSH-"
                return
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)


@pytest.fixture
def open_folder(server_folder: Path) -> Path:
    """Make a folder in which every account may write."""
    folder = server_folder / f"open-{time.monotonic_ns()}"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_runs_as_the_other_account(door: Door, make_pool: Any, execution: Any, open_folder: Path) -> None:
    """Stdin, folder, variables and secrets reach what runs as another account; with sudo: it is root."""
    pool = make_pool({"TOKEN": "s3cr3t wörd"}, some=door.as_("rbfree"), root=door.as_("rbfree", sudo=True))
    text = 'id -un; pwd; echo "$A"; printf %s "$TOKEN" | wc -c; cat'
    more: Any = {"environment": {"A": "x y", "TOKEN": Secret("env:TOKEN")}, "directory": str(open_folder)}

    shown = pool.execute(
        Command("some", (text,), shell=True, stdin="ïn\n", run_as="rbother", **more),  # noqa: S604  # the thing tested
        execution,
    ).outputs["stdout"]
    root = pool.execute(Command("root", ("id", "-un")), execution).outputs["stdout"]

    assert shown.splitlines() == ["rbother", str(open_folder), "x y", "12", "ïn"]
    assert root == "root\n"
    assert "[as root]" in pool.shown(Command("root", ("id", "-un")))[0]


def test_a_password_is_not_waited_for(door: Door, make_pool: Any, execution: Any, open_folder: Path) -> None:
    """Where sudo wants a password the error says so at once, nothing was run, and the preflight finds it."""
    pool = make_pool(some=door.as_("rbasked"), root=door.as_("rbasked", sudo=True))

    for op in (
        Command("some", ("touch", f"{open_folder}/ran"), run_as="rbother"),
        Command("root", ("touch", f"{open_folder}/ran")),
    ):
        started = time.monotonic()
        with pytest.raises(TargetError, match="nothing was run: sudo: a password is required") as caught:
            pool.execute(op, execution)
        assert time.monotonic() - started < 10
        assert "NOPASSWD" in caught.value.advice
    assert not list(open_folder.iterdir())
    assert [(found.subject, found.severity) for found in pool.target("root").check()][1:] == [("commands", "missing")]


def test_an_exit_code_of_ones_own_is_no_refusal(door: Door, make_pool: Any) -> None:
    """A program that fails as another account fails as itself."""
    pool = make_pool(root=door.as_("rbfree", sudo=True))

    found = pool.reader("root").run(("sh", "-c", "echo no >&2; exit 1"))

    assert (found.exited, found.stderr) == (1, "no\n")


@pytest.mark.parametrize("how", ["run_as", "sudo"])
def test_a_time_limit_reaches_the_other_accounts_processes(
    door: Door, make_pool: Any, execution: Any, open_folder: Path, how: str
) -> None:
    """At the time limit the whole process group of the other account is ended."""
    pool = make_pool(there=door.as_("rbfree", sudo=how == "sudo"))
    text = f"sleep 77 & echo $! >{open_folder}/child; echo $$ >{open_folder}/pid; wait"
    op = Command("there", (text,), shell=True, timeout=1.5, run_as="rbother" if how == "run_as" else None)  # noqa: S604

    with pytest.raises(CommandTimeout) as caught:
        pool.execute(op, execution)

    assert "could not be ended" not in caught.value.message.lower()
    for name in ("pid", "child"):
        assert not alive(int((open_folder / name).read_text()))


def test_what_may_not_be_ended(door: Door, make_pool: Any, execution: Any, server_folder: Path) -> None:
    """Where sudoers allows the program alone, sudo hands TERM on; what ignores it is told to run still."""
    pool = make_pool(there=door.as_("rbfew"))
    stubborn = str(server_folder / "sudo" / "stubborn")

    with pytest.raises(CommandTimeout, match="ran past") as ended:
        pool.execute(Command("there", ("sleep", "12.5"), run_as="rbother", timeout=0.5), execution)
    with pytest.raises(CommandTimeout, match="COULD NOT BE ENDED, and may still run") as running:
        pool.execute(Command("there", (stubborn,), run_as="rbother", timeout=0.5), execution)

    assert "group was ended" in ended.value.advice
    assert "group was ended" not in str(running.value)


_HERE = """\
import os, sys, time
from rollbook.errors import CommandTimeout, TargetError
from rollbook.targets.local import LocalTarget
from rollbook.targets.process import Launch, Silent
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
# Only now, for the interpreter may lie in a folder of root's.
os.setgroups([]), os.setresgid(*[int(sys.argv[1])] * 3), os.setresuid(*[int(sys.argv[1])] * 3)
redactor = Redactor()
pool = TargetPool({"here": TargetSpec("here", "local")}, SecretStore({}, redactor), redactor)
launch = Launch(tuple(sys.argv[2:]), timeout=0.5, run_as="rbother")
started = time.monotonic()
try:
    pool.target("here").launch(launch, Silent())
except (CommandTimeout, TargetError) as error:
    print(round(time.monotonic() - started), error)
"""


@pytest.mark.parametrize(
    ("account", "program", "says"),
    [
        ("rbasked", "sleep", "a password is required"),
        ("rbfree", "sleep", "group was ended"),
        ("rbfree", "stubborn", "group was ended"),
        ("rbfew", "sleep", "group was ended"),
        ("rbfew", "stubborn", "COULD NOT BE ENDED"),
    ],
)
def test_on_this_machine_too(door: Door, account: str, program: str, says: str, server_folder: Path) -> None:
    """An operator who is not root gets the same errors here, and no wait for what cannot be ended."""
    argv = ["sleep", "12.5"] if program == "sleep" else [str(server_folder / "sudo" / "stubborn")]
    library = os.pathsep.join(path for path in sys.path if path)

    done = subprocess.run(
        [*door.enter, "env", f"PYTHONPATH={library}", sys.executable, "-B", "-c", _HERE, str(ACCOUNTS[account]), *argv],
        capture_output=True, text=True, check=False, timeout=60, cwd=server_folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    seconds, _, said = done.stdout.partition(" ")
    assert says in said, done.stdout + done.stderr
    assert int(seconds) <= 12
