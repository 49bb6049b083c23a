"""Laws of commands and files on this machine."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import CommandFailed, CommandTimeout, Interrupted, NotFoundError, TargetError
from rollbook.ops import Command, FileCopy, FileRemove, FileWrite, HttpCall
from rollbook.targets import TargetPool
from rollbook.targets.base import HostReader
from rollbook.values import Secret

VALUE = "s3cr3t/väluë"


@pytest.fixture
def pool(make_pool: Callable[..., TargetPool]) -> TargetPool:
    return make_pool({"TOKEN": VALUE}, here=("local", {}))


def sh(text: str, **settings: Any) -> Command:
    return Command("here", (text,), shell=True, **settings)  # noqa: S604  # that is the thing tested


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_output_is_shown_kept_and_measured(pool: TargetPool, execution: Any) -> None:
    """Both streams are shown as they come; the result holds stdout, the record the end of both."""
    result = pool.execute(sh("echo out; echo err >&2"), execution)

    assert result.outputs["exited"] == 0
    assert result.outputs["stdout"] == "out\n"
    assert sorted(bytes(execution.output).splitlines()) == [b"err", b"out"]
    assert result.output is not None
    assert result.output.size == 8


def test_an_argv_meets_no_shell(pool: TargetPool, execution: Any) -> None:
    """Words that mean something to a shell reach the program as they are."""
    result = pool.execute(Command("here", ("echo", "$HOME", "; rm -rf /", "*")), execution)

    assert result.outputs["stdout"] == "$HOME ; rm -rf / *\n"


@pytest.mark.parametrize("given", [{"argv": ("echo", "a\0b")}, {"argv": ("echo",), "environment": {"X": "a\0b"}}])
def test_a_nul_byte_is_told_before_the_start(pool: TargetPool, execution: Any, given: dict[str, Any]) -> None:
    """No argument and no variable of a program can hold one; what to do instead is said."""
    with pytest.raises(TargetError, match="holds a NUL byte"):
        pool.execute(Command("here", **given), execution)


def test_a_secret_does_not_come_back(pool: TargetPool, execution: Any) -> None:
    """Raw, in base64 and in an error: the value of a command's secret is in nothing that comes back."""
    op = sh(
        'printf "%s\\n" "$TOKEN"; printf "x%s" "$TOKEN" | base64; exit 3', environment={"TOKEN": Secret("env:TOKEN")}
    )

    with pytest.raises(CommandFailed) as caught:
        pool.execute(op, execution)

    everything = bytes(execution.output).decode() + str(caught.value) + caught.value.tail
    assert VALUE not in everything
    assert base64.b64encode(b"x" + VALUE.encode()).decode() not in everything
    assert everything.count("‹secret env:TOKEN›") >= 4


def test_a_secret_is_hidden_before_its_first_use(make_pool: Callable[..., TargetPool], execution: Any) -> None:
    """A password of one target is hidden in the output of another, also when nobody looked it up yet."""
    pool = make_pool({"PASS": VALUE}, here=("local", {}), db=("sql", {"url": {"secret": "env:PASS"}}))

    pool.execute(sh(f"echo {VALUE}"), execution)

    assert VALUE.encode() not in execution.output


def test_another_exit_code_is_an_error_with_evidence(pool: TargetPool, execution: Any) -> None:
    """An exit code that is not among those that mean success raises, with the code and the end of the output."""
    with pytest.raises(CommandFailed, match="exit code 4, not 0") as caught:
        pool.execute(sh("echo why >&2; exit 4"), execution)

    assert caught.value.exited == 4
    assert caught.value.tail == "why\n"
    assert pool.execute(sh("exit 4", ok=(0, 4)), execution).outputs["exited"] == 4


def test_a_missing_program_is_said_to_be_missing(pool: TargetPool, execution: Any) -> None:
    """A program that is not there is exit code 127, for a probe too."""
    with pytest.raises(CommandFailed, match="127") as caught:
        pool.execute(Command("here", ("no-such-program",)), execution)

    reader = pool.reader("here")
    assert "installed" in caught.value.advice
    assert isinstance(reader, HostReader)
    assert reader.run(("no-such-program",)).exited == 127


def test_a_missing_folder_is_named(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A folder to run in that is not there is not taken for a missing program."""
    with pytest.raises(TargetError, match="gone"):
        pool.execute(Command("here", ("true",), directory=str(tmp_path / "gone")), execution)


def test_a_time_limit_ends_the_whole_group(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """Past its time limit a command is ended with all its children."""
    pids = tmp_path / "pids"

    with pytest.raises(CommandTimeout):
        pool.execute(sh(f"sleep 77 & echo $! >{pids}; echo $$ >>{pids}; wait", timeout=0.3), execution)

    assert not any(alive(int(pid)) for pid in pids.read_text().split())


def test_a_stop_ends_the_whole_group(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A command that is running when the run is asked to stop is ended, and Interrupted raised."""
    pids = tmp_path / "pids"
    execution.stop = lambda: pids.exists() and pids.read_text().count("\n") == 2

    with pytest.raises(Interrupted):
        pool.execute(sh(f"sleep 77 & echo $! >{pids}; echo $$ >>{pids}; wait"), execution)

    assert not any(alive(int(pid)) for pid in pids.read_text().split())


def test_a_child_that_ignores_term_is_killed(
    pool: TargetPool, execution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ignores TERM gets KILL after the grace time."""
    monkeypatch.setattr("rollbook.targets.process.GRACE", 0.5)
    pid = tmp_path / "pid"

    with pytest.raises(CommandTimeout):
        pool.execute(sh(f"trap '' TERM; echo $$ >{pid}; while :; do sleep 0.1; done", timeout=0.3), execution)

    assert not alive(int(pid.read_text()))


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(
    pool: TargetPool, execution: Any, tmp_path: Path
) -> None:
    """A command ends when its program ends, though a child of it lives on with the same output."""
    pid = tmp_path / "pid"
    started = time.monotonic()

    pool.execute(sh(f"sleep 30 & echo $! >{pid}; echo done"), execution)

    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert time.monotonic() - started < 20
    assert execution.output == b"done\n"


def test_stdin_is_empty_unless_given(pool: TargetPool, execution: Any) -> None:
    """A command that reads its stdin gets the step's text, or the end of file at once."""
    assert pool.execute(Command("here", ("cat",)), execution).outputs["stdout"] == ""
    assert pool.execute(Command("here", ("cat",), stdin="é" * 100_000), execution).outputs["stdout"] == "é" * 100_000


def test_much_output_of_both_streams_is_read(pool: TargetPool, execution: Any) -> None:
    """Megabytes on both streams neither block nor get lost: a step is judged by them, and the tail is kept."""
    result = pool.execute(sh("yes out | head -c 3000000; yes err | head -c 3000000 >&2"), execution)

    assert len(execution.output) == 6_000_000
    assert result.output is not None
    assert len(result.output.tail) == 4096
    assert [len(result.outputs[stream]) for stream in ("stdout", "stderr")] == [3_000_000, 3_000_000]


def test_no_log_keeps_nothing(pool: TargetPool, execution: Any) -> None:
    """With `no_log` no output is shown, kept or told in an error."""
    with pytest.raises(CommandFailed) as caught:
        pool.execute(sh("echo private; exit 1", no_log=True), execution)

    assert caught.value.tail == ""
    assert not execution.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user without a password")
def test_a_command_runs_as_another_user(pool: TargetPool, execution: Any) -> None:
    """`run_as` changes the user and keeps the environment given."""
    op = sh('id -un; echo "$COLOUR"', run_as="nobody", environment={"COLOUR": "blue"}, directory="/")

    assert pool.execute(op, execution).outputs["stdout"] == "nobody\nblue\n"


def test_files_are_written_copied_and_removed(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """Files are put in place whole with their mode; nothing is left beside them; removing twice is fine."""
    first, second = tmp_path / "new" / "a b", tmp_path / "c"

    pool.execute(FileWrite("here", str(first), "täxt\n", "0640"), execution)
    pool.execute(FileCopy("here", str(first), str(second)), execution)

    reader = pool.reader("here")
    assert isinstance(reader, HostReader)
    found = reader.stat(str(second))
    assert found is not None
    assert (found.kind, found.size, found.mode) == ("file", 6, "0640")
    assert reader.read_file(str(first)) == "täxt\n".encode()
    assert reader.sha256(str(first)) == reader.sha256(str(second)) != None  # noqa: E711
    assert reader.list_folder(str(first.parent)) == ("a b",)
    for _ in range(2):
        pool.execute(FileRemove("here", str(first)), execution)
    assert reader.stat(str(first)) is None
    assert reader.read_file(str(first)) is None
    assert reader.sha256(str(first)) is None
    assert reader.list_folder(str(tmp_path / "none")) == ()
    with pytest.raises(TargetError, match="larger than 3"):
        reader.read_file(str(second), limit=3)
    with pytest.raises(TargetError):
        pool.execute(FileRemove("here", str(tmp_path)), execution)


def test_a_failed_write_leaves_the_old_file(pool: TargetPool, execution: Any, tmp_path: Path) -> None:
    """A copy whose source is missing changes nothing and leaves nothing beside."""
    place = tmp_path / "place"
    place.write_text("old")

    with pytest.raises(TargetError):
        pool.execute(FileCopy("here", str(tmp_path / "missing"), str(place)), execution)

    assert [entry.name for entry in tmp_path.iterdir()] == ["place"]
    assert place.read_text() == "old"


def test_a_reader_cannot_write(pool: TargetPool) -> None:
    """The reading side has no method to carry out an op, and is the same object's each time."""
    reader = pool.reader("here")

    assert not hasattr(reader, "execute")
    assert pool.target("here") is pool.target("here")


def test_an_unknown_target_names_those_there_are(pool: TargetPool) -> None:
    """A name that the environment does not have is answered with those it has."""
    with pytest.raises(NotFoundError, match="here"):
        pool.target("there")


def test_an_op_of_another_kind_is_refused(pool: TargetPool, execution: Any) -> None:
    """A host does not carry out an HTTP request."""
    with pytest.raises(TargetError, match=r"http\.call"):
        pool.execute(HttpCall("here", "POST", "/"), execution)


def test_importing_targets_loads_no_driver() -> None:
    """Importing the package and naming every kind's settings loads no driver."""
    program = (
        "import sys, rollbook.targets as t; [t.settings_type(kind) for kind in t.KINDS];"
        "drivers = 'pymongo bson sqlalchemy fabric paramiko invoke urllib3 smtplib'.split();"
        "print(sorted(set(drivers) & set(sys.modules)))"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
