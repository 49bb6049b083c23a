"""Laws that hold on every host that is reached through a shell: over ssh, behind a prefix, and behind one over ssh."""

import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import CommandFailed, CommandTimeout, Interrupted, TargetError, Unreachable
from rollbook.ops import Awaited, Command, FileCopy, FileRemove, FileWrite, Script
from rollbook.targets import TargetPool
from rollbook.targets.base import HostReader
from rollbook.targets.detached import detached_state
from rollbook.values import Secret

pytestmark = pytest.mark.server

VALUE = "s3cr3t/'väluë\nof two lines"
KINDS = ("ssh", "command", "detached", "both")
# As docker exec: ending the client leaves the program running.
DETACHING = ["setsid", "--wait"]


def ssh_settings(sshd: Any) -> dict[str, Any]:
    return {
        "host": sshd.host,
        "port": sshd.port,
        "user": sshd.user,
        "key": str(sshd.key),
        "known_hosts": [str(sshd.known_hosts)],
    }


@pytest.fixture(params=KINDS)
def pool(request: pytest.FixtureRequest, make_pool: Callable[..., TargetPool]) -> TargetPool:
    """Give a pool whose target `there` is a host of each kind."""
    environ = {"TOKEN": VALUE}
    match request.param:
        case "command":
            return make_pool(environ, there=("command", {"prefix": ["env", "IN=side"]}))
        case "detached":
            return make_pool(environ, there=("command", {"prefix": DETACHING}))
    host = ("ssh", ssh_settings(request.getfixturevalue("sshd")))
    if request.param == "ssh":
        return make_pool(environ, there=host)
    return make_pool(environ, below=host, there=("command", {"prefix": DETACHING, "on": "below"}))


def sh(text: str, **settings: Any) -> Command:
    return Command("there", (text,), shell=True, **settings)  # noqa: S604  # that is the thing tested


def reader_of(pool: TargetPool) -> HostReader:
    reader = pool.reader("there")
    assert isinstance(reader, HostReader)
    return reader


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_output_and_exit_code_come_back(pool: TargetPool, execution: Any) -> None:
    """Both streams and the exit code of a program come back, and nothing of how it was started."""
    result = pool.execute(sh("echo out; echo err >&2"), execution)
    with pytest.raises(CommandFailed) as caught:
        pool.execute(sh("echo why >&2; exit 4"), execution)

    assert result.outputs["stdout"] == "out\n"
    assert sorted(bytes(execution.output).splitlines()) == [b"err", b"out", b"why"]
    assert (caught.value.exited, caught.value.tail) == (4, "why\n")


def test_an_argv_meets_no_shell(pool: TargetPool, execution: Any) -> None:
    """Words that mean something to a shell reach the program as they are."""
    words = ("$HOME", "; false", "*", "'", '"', "a\nb", "", "-n", "ä")

    result = pool.execute(Command("there", ("printf", "<%s>", *words)), execution)

    assert result.outputs["stdout"] == "".join(f"<{word}>" for word in words)


def test_environment_folder_and_stdin_arrive(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """Variables, secrets among them, the folder and stdin reach the program; no secret shows in a list of processes."""
    folder = tmp_path / "a 'b"
    folder.mkdir()
    op = sh(
        'pwd; printf "%s|%s|" "$PLAIN" "$TOKEN" | sha256sum; cat; tr "\\0" " " </proc/$$/cmdline',
        environment={"PLAIN": "x y", "TOKEN": Secret("env:TOKEN")},
        directory=str(folder),
        stdin="in\nput\n",
    )

    shown = pool.execute(op, execution).outputs["stdout"]

    import hashlib

    digest = hashlib.sha256(f"x y|{VALUE}|".encode()).hexdigest()
    assert shown.startswith(f"{folder}\n{digest}  -\nin\nput\n")
    assert "secret" not in shown
    plain = pool.execute(sh('echo "$A"', environment={"A": "b c"}), execution)
    assert plain.outputs["stdout"] == "b c\n"


def test_a_secret_does_not_come_back(pool: TargetPool, execution: Any) -> None:
    """A secret that a program prints is in nothing that comes back."""
    op = sh(
        'printf "%s\\n" "$TOKEN"; printf "x%s" "$TOKEN" | base64; exit 3', environment={"TOKEN": Secret("env:TOKEN")}
    )

    with pytest.raises(CommandFailed) as caught:
        pool.execute(op, execution)

    everything = bytes(execution.output).decode() + str(caught.value) + caught.value.tail
    assert "väluë" not in everything
    assert "of two lines" not in everything


def test_a_missing_folder_runs_nothing(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A folder that is not there is told as such: nothing was run."""
    with pytest.raises(TargetError, match="gone"):
        pool.execute(sh(f"touch {tmp_path}/ran", directory=str(tmp_path / "gone")), execution)

    assert not list(tmp_path.iterdir())


def test_a_missing_program_is_exit_code_127(pool: TargetPool) -> None:
    """A program that is not there is a result, not an error, for a probe."""
    found = reader_of(pool).run(("no-such-program",))

    assert found.exited == 127
    assert "no-such-program" in found.stderr


def test_much_output_and_much_stdin_move_at_once(pool: TargetPool, execution: Any) -> None:
    """A program that writes while it still has much to read neither blocks nor loses a byte."""
    text = "0123456789abcde\n" * 100_000

    pool.execute(Command("there", ("cat",), stdin=text), execution)

    assert bytes(execution.output) == text.encode()
    pool.execute(Command("there", ("head", "-c", "1"), stdin=text), execution)


@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_the_whole_group_is_ended_where_it_runs(pool: TargetPool, execution: Any, tmp_path: Path, how: str) -> None:
    """At a time limit or a stop the program is ended with its children, though its client alone would leave it running."""
    pids = tmp_path / "pids"
    op = sh(f"sleep 77 & echo $! >{pids}; echo $$ >>{pids}; wait", timeout=0.5 if how == "timeout" else None)
    if how == "stop":
        execution.stop = lambda: pids.exists() and pids.read_text().count("\n") == 2

    with pytest.raises(CommandTimeout if how == "timeout" else Interrupted):
        pool.execute(op, execution)

    assert not any(alive(int(pid)) for pid in pids.read_text().split())


def test_a_child_that_ignores_term_is_killed(
    pool: TargetPool, execution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that ignores TERM gets KILL too, also where it holds no output open and the program itself is gone."""
    monkeypatch.setattr("rollbook.targets.wrapping.GRACE", 0.6)
    pid = tmp_path / "pid"
    child = "trap '' TERM; while :; do sleep 0.1; done"

    with pytest.raises(CommandTimeout):
        pool.execute(sh(f"sh -c {shlex.quote(child)} >/dev/null 2>&1 & echo $! >{pid}; wait", timeout=0.5), execution)

    time.sleep(0.3)
    assert not alive(int(pid.read_text()))


def test_what_ignores_term_is_killed(
    pool: TargetPool, execution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that ignores TERM gets KILL after the grace time."""
    monkeypatch.setattr("rollbook.targets.wrapping.GRACE", 0.4)
    pid = tmp_path / "pid"

    with pytest.raises(CommandTimeout):
        pool.execute(sh(f"trap '' TERM; echo $$ >{pid}; while :; do sleep 0.1; done", timeout=0.5), execution)

    time.sleep(0.3)
    assert not alive(int(pid.read_text()))


def test_a_detached_command_outlives_its_connection(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A detached command goes on when who waits for it is gone; the same command again attaches and runs nothing twice."""
    op = sh(
        f"echo $$ >>{tmp_path}/runs; echo begun; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; cat; exit 5",
        detach=True,
        ok=(5,),
        stdin="in",
    )
    assert detached_state(reader_of(pool), op) == "never"

    def lose_connection() -> None:
        while not (tmp_path / "runs").exists() or not (tmp_path / "runs").read_text().strip():
            time.sleep(0.05)
        os.kill(parent(parent(int((tmp_path / "runs").read_text()))), signal.SIGKILL)

    thread = threading.Thread(target=lose_connection)
    thread.start()
    with pytest.raises(TargetError):
        pool.execute(op, execution)
    thread.join()
    assert detached_state(reader_of(pool), op) == "running"
    (tmp_path / "go").touch()

    result = pool.execute(op, execution)

    assert result.outputs["stdout"] == "begun\nin"
    assert (tmp_path / "runs").read_text().count("\n") == 1
    assert detached_state(reader_of(pool), op) == "never"


def test_a_time_limit_ends_a_detached_command(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A time limit reaches what runs in a session of its own, too."""
    with pytest.raises(CommandTimeout):
        pool.execute(sh(f"echo $$ >{tmp_path}/pid; sleep 77", detach=True, timeout=1.0), execution)

    assert not alive(int((tmp_path / "pid").read_text()))


def test_files_are_written_copied_and_removed(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """Files are put in place whole with their mode; nothing is left beside them; removing twice is fine."""
    first, second = tmp_path / "new" / "a 'b", tmp_path / "-c"

    pool.execute(FileWrite("there", str(first), "täxt\n", "0640"), execution)
    pool.execute(FileCopy("there", str(first), str(second)), execution)

    reader = reader_of(pool)
    found = reader.stat(str(second))
    assert found is not None
    assert (found.kind, found.size, found.mode) == ("file", 6, "0640")
    assert abs(found.modified.timestamp() - time.time()) < 60
    assert reader.read_file(str(first)) == "täxt\n".encode()
    assert reader.sha256(str(first)) == reader.sha256(str(second)) != None  # noqa: E711
    assert reader.list_folder(str(first.parent)) == ("a 'b",)
    assert reader.list_folder(str(tmp_path)) == ("-c", "new")
    for _ in range(2):
        pool.execute(FileRemove("there", str(first)), execution)
    assert reader.stat(str(first)) is None
    assert reader.read_file(str(first)) is None
    assert reader.sha256(str(first)) is None
    assert reader.list_folder(str(tmp_path / "none")) == ()
    with pytest.raises(TargetError, match="larger than 3"):
        reader.read_file(str(second), limit=3)
    with pytest.raises(TargetError, match="folder"):
        pool.execute(FileRemove("there", str(tmp_path)), execution)
    with pytest.raises(TargetError):
        pool.execute(FileCopy("there", str(first), str(second)), execution)
    assert second.read_text() == "täxt\n"
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".new")]


def test_a_binary_file_comes_as_it_is(pool: TargetPool, tmp_path: Path) -> None:
    """Every byte of a file arrives, whatever text it is no text of."""
    content = bytes(range(256)) * 2000
    (tmp_path / "b").write_bytes(content)

    assert reader_of(pool).read_file(str(tmp_path / "b")) == content


def test_check_and_identity(pool: TargetPool) -> None:
    """A host that runs commands is in order, and says which it is."""
    assert reader_of(pool).identity()
    assert {finding.severity for finding in pool.target("there").check()} <= {"ok", "warning"}


def test_a_prefix_that_starts_nothing_is_unreachable(make_pool: Any, execution: Any) -> None:
    """A container that is down is told apart from a command that failed: nothing was run."""
    down = [sys.executable, "-c", "import sys; sys.exit('Error: container cms is not running')"]
    pool = make_pool(there=("command", {"prefix": down}))

    with pytest.raises(Unreachable, match="container cms is not running") as caught:
        pool.execute(sh("true"), execution)

    assert "Nothing was run" in caught.value.advice
    assert pool.target("there").check()[0].severity == "missing"


def test_a_prefix_that_hands_on_no_stdin_gets_no_secret_wrong(make_pool: Any, execution: Any, tmp_path: Path) -> None:
    """Where stdin does not arrive, a program that needs secrets is not run without them."""
    pool = make_pool({"TOKEN": VALUE}, there=("command", {"prefix": ["sh", "-c", 'exec "$@" </dev/null', "sh"]}))

    with pytest.raises(Unreachable, match="stdin is not handed on"):
        pool.execute(sh(f"touch {tmp_path}/ran", environment={"TOKEN": Secret("env:TOKEN")}), execution)

    assert not list(tmp_path.iterdir())


def test_a_host_that_is_none_is_refused(make_pool: Any, execution: Any) -> None:
    """A prefix on a target that runs no commands is one error, and so is one on itself."""
    pool = make_pool(
        there=("command", {"prefix": ["env"], "on": "site"}),
        loop=("command", {"prefix": ["env"], "on": "loop"}),
        site=("http", {}),
    )

    for name in ("there", "loop"):
        with pytest.raises(TargetError, match="runs no commands"):
            pool.execute(Command(name, ("true",)), execution)


assert shutil.which("setsid"), "util-linux is on every Debian"


def test_what_is_looked_at_and_scripts_show_their_prefix(make_pool: Callable[..., TargetPool]) -> None:
    """A plan shows what is sent behind a prefix as it is sent: the command, the look after it, and scripts too."""
    pool = make_pool({}, there=("command", {"prefix": ["docker", "exec", "app"]}))

    awaited = pool.shown(Awaited("there", ("ctl", "stop"), look=("ctl", "status"), codes=(3,)))
    script = pool.shown(Script("there", ("sh", "-c", "…"), says="ln -s a b"))

    assert awaited == ("docker exec app ctl stop", "    until docker exec app ctl status exits 3, at most 60 s")
    assert script == ("[behind docker exec app] ln -s a b",)


def test_an_effect_is_waited_for(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A command that returns before its work is done is followed by looks until it is; one that never is fails."""
    late = ("sh", "-c", f"(sleep 0.6; touch {tmp_path}/done) >/dev/null 2>&1 &")
    look = ("test", "-e", f"{tmp_path}/done")

    pool.execute(Awaited("there", late, look=look, codes=(0,)), execution)
    there = (tmp_path / "done").exists()
    with pytest.raises(CommandFailed, match=r"not come about in 0\.3 s"):
        pool.execute(Awaited("there", ("true",), look=("false",), codes=(0,), patience=0.3), execution)
    with pytest.raises(CommandFailed, match="will not come about"):
        pool.execute(Awaited("there", ("true",), look=("echo", "FATAL"), shows="RUNNING", fails="FATAL"), execution)

    assert there
