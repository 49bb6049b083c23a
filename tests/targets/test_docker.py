"""Laws of command prefixes with the real docker: its client, a daemon of the test's own, a container of busybox."""

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import Unavailable

from rollbook.demo.process import spawn, stop
from rollbook.errors import CommandFailed, CommandTimeout, Unreachable
from rollbook.ops import Command, FileRemove, FileWrite
from rollbook.targets.base import HostReader
from rollbook.values import Secret

pytestmark = [
    pytest.mark.server,
    pytest.mark.may_skip("a container, as CI is one, does not have the rights over the kernel that dockerd wants"),
]

_APPLETS = "basename cat chmod dd dirname env head id kill ls mkdir mv printf ps pwd rm sh sha256sum sleep stat sync"
_APPLETS += " tail touch uname wc"
_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Container:
    """A container that sleeps."""

    client: tuple[str, ...]
    name: str

    def target(self, *options: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """Give the settings of a target behind `docker exec`."""
        return "command", {"prefix": [*self.client, "exec", *options, self.name], **more}

    def processes(self) -> str:
        """List what runs in it."""
        return _run(*self.client, "exec", self.name, "ps", "-o", "args")


def _run(*argv: str, stdin: Path | None = None) -> str:
    with open(stdin or os.devnull, "rb") as given:  # noqa: PTH123  # os.devnull is no path of ours
        done = subprocess.run(argv, stdin=given, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        raise Unavailable(f"{' '.join(argv[:6])} …: {done.stderr.strip()[-500:]}")
    return done.stdout


def _client(folder: Path) -> tuple[str, ...]:
    found = [Path(path) / "docker" for path in os.environ.get("PATH", "").split(os.pathsep)]
    for program in found:
        if program.is_file() and "Docker version" in subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False
        ).stdout:  # fmt: skip
            return (str(program), "--host", f"unix://{folder / 'socket'}")
    raise Unavailable("there is no docker on this machine (Debian: docker.io)")


def _image(folder: Path) -> Path:
    """Make the root of a container: busybox and a folder."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Unavailable("there is no busybox on this machine (Debian: busybox-static)")
    root = folder / "root"
    for name in ("bin", "tmp", "srv/cms", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copyfile(busybox, root / "bin" / "busybox")
    (root / "bin" / "busybox").chmod(0o755)
    for name in _APPLETS.split():
        (root / "bin" / name).symlink_to("busybox")
    with tarfile.open(folder / "root.tar", "w") as archive:
        archive.add(root, arcname=".")
    return folder / "root.tar"


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    daemon = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if daemon is None or os.geteuid() != 0:
        raise Unavailable("dockerd must be there, and root to start it")
    places = [f"--{name}={folder / name}" for name in ("data-root", "exec-root")]
    # No bridge and no rules: nothing of this machine's network is touched.
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    argv = [daemon, *places, *network, f"--pidfile={folder / 'pid'}", f"--host=unix://{folder / 'socket'}"]
    return spawn([*argv, "--storage-driver=vfs"], log=folder / "log")


def _wait(process: "subprocess.Popen[bytes]", client: tuple[str, ...], folder: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            _run(*client, "info")
        except Unavailable as error:
            if process.poll() is not None or time.monotonic() > until:
                raise Unavailable(f"{error}: {(folder / 'log').read_text()[-1000:]}") from error
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Start a daemon and a container. Few machines let a test do that, so the lack of it only skips."""
    folder = tmp_path_factory.mktemp("docker")
    process = None
    try:
        client, image = _client(folder), _image(folder)
        process = _start(folder)
        _wait(process, client, folder)
        _run(*client, "import", "-", "tiny", stdin=image)
        _run(*client, "run", "--detach", "--network", "none", "--name", "cms", "tiny", "sleep", "3000")
        yield Container(client, "cms")
        _run(*client, "rm", "--force", "cms")
    except Unavailable as error:
        pytest.skip(f"no container: {error}")
    finally:
        if process is not None:
            stop(process)


def test_a_command_in_a_container(container: Container, make_pool: Any, execution: Any) -> None:
    """Stdin, folder, variables, secrets and the exit code pass through `docker exec -i`; the plan shows them there."""
    secret = {"TOKEN": "s3cr3t wörd"}
    pool = make_pool(secret, cms=container.target("-i", directory="/srv/cms"))
    text = 'pwd; echo "$A"; printf %s "$TOKEN" | wc -c; cat'
    environment: Any = {"A": "x y", "TOKEN": Secret("env:TOKEN")}
    op = Command("cms", (text,), shell=True, environment=environment, stdin="grüße\n")  # noqa: S604  # the thing tested

    shown = pool.execute(op, execution).outputs["stdout"]
    with pytest.raises(CommandFailed) as caught:
        pool.execute(Command("cms", ("sh", "-c", "echo why >&2; exit 4")), execution)

    assert shown.splitlines() == ["/srv/cms", "x y", "12", "grüße"]
    assert (caught.value.exited, caught.value.tail) == (4, "why\n")
    (line,) = pool.shown(op)
    assert f"exec -i {container.name} env -C /srv/cms 'A=x y' 'TOKEN=‹secret env:TOKEN›' sh -c " in line


def test_files_in_a_container(container: Container, make_pool: Any, execution: Any) -> None:
    """Files are written, looked at and removed where the container is."""
    pool = make_pool(cms=container.target("-i"))
    reader = pool.reader("cms")
    assert isinstance(reader, HostReader)

    pool.execute(FileWrite("cms", "/srv/new/f.txt", "täxt\n", "0640"), execution)

    found = reader.stat("/srv/new/f.txt")
    assert found is not None
    assert (found.size, found.mode) == (6, "0640")
    assert reader.read_file("/srv/new/f.txt") == "täxt\n".encode()
    assert reader.list_folder("/srv/new") == ("f.txt",)
    pool.execute(FileRemove("cms", "/srv/new/f.txt"), execution)
    assert reader.stat("/srv/new/f.txt") is None


def test_a_time_limit_reaches_into_the_container(container: Container, make_pool: Any, execution: Any) -> None:
    """At the time limit all that the command started in the container is ended, which docker itself does not do."""
    pool = make_pool(cms=container.target("-i"))

    with pytest.raises(CommandTimeout):
        pool.execute(Command("cms", ("sleep 881 & sleep 882",), shell=True, timeout=1.5), execution)  # noqa: S604

    assert "sleep 3000" in container.processes()
    assert "sleep 88" not in container.processes()


def test_without_i_stdin_is_not_lost_in_silence(container: Container, make_pool: Any, execution: Any) -> None:
    """`docker exec` without -i hands on no stdin: a command that is given one is not run, any other is."""
    pool = make_pool(cms=container.target())

    with pytest.raises(Unreachable, match="stdin is not handed on") as caught:
        pool.execute(Command("cms", ("touch", "/tmp/ran"), stdin="text"), execution)
    pool.execute(
        Command(
            "cms",
            ("ls", "/srv"),
        ),
        execution,
    )

    assert "need -i" in caught.value.advice
    assert pool.reader("cms").stat("/tmp/ran") is None


def test_a_container_that_is_not_there(container: Container, make_pool: Any, execution: Any) -> None:
    """What docker says of a container that is not there is told; nothing was run."""
    pool = make_pool(cms=("command", {"prefix": [*container.client, "exec", "-i", "gone"]}))

    with pytest.raises(Unreachable, match="No such container") as caught:
        pool.execute(Command("cms", ("true",)), execution)

    assert "Nothing was run" in caught.value.advice
    assert pool.target("cms").check()[0].severity == "missing"
