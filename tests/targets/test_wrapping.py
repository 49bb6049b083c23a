"""Laws of the shell that is put around a program elsewhere."""

import os
import subprocess
from pathlib import Path

import pytest

from rollbook.targets.process import Launch
from rollbook.targets.wrapping import wrap

LONG = b"line\n" * 40_000  # more than a pipe holds


def run(launch: Launch, *, lost: int = 0, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a wrapped program here, with so many bytes of its stdin lost on the way."""
    wrapped = wrap(launch)
    stdin = wrapped.stdin or b""
    return subprocess.run(
        wrapped.argv,
        input=stdin[: len(stdin) - lost],
        capture_output=True,
        check=False,
        env={**os.environ, **variables},
        timeout=30,
    )


def test_a_program_gets_its_stdin_whole() -> None:
    """What is given is what is read, and what is left unread stops nobody."""
    assert run(Launch(("wc", "-c"), stdin=LONG)).stdout.split()[-1] == str(len(LONG)).encode()
    assert run(Launch(("head", "-1"), stdin=LONG)).stdout.endswith(b"\nline\n")


@pytest.mark.parametrize("stdin", [LONG, b"DROP TABLE lost; -- only if it is not kept"])
def test_nothing_acts_on_half_of_its_stdin(tmp_path: Path, stdin: bytes) -> None:
    """Where a connection is lost while stdin is sent, the program is not started, and nothing stays behind."""
    done = tmp_path / "done"
    held = tmp_path / "held"
    held.mkdir()
    found = run(Launch(("touch", str(done)), stdin=stdin), lost=3, TMPDIR=str(held))

    assert found.returncode == 97
    assert b"did not come whole" in found.stderr
    assert not done.exists()
    assert not list(held.iterdir())


def test_what_was_taken_of_stdin_is_no_file_any_more(tmp_path: Path) -> None:
    """A program that runs has the only way to what it was given."""
    found = run(Launch(("sh", "-c", f"ls -A {tmp_path}; cat"), stdin=b"given"), TMPDIR=str(tmp_path))

    assert found.stdout.splitlines()[2:] == [b"given"]


def test_a_host_without_mktemp_hands_stdin_on(tmp_path: Path) -> None:
    """A program is not refused for the want of a tool that only makes it safer."""
    for name in ("sh", "dd", "cat"):
        (tmp_path / name).symlink_to(f"/bin/{name}")

    assert run(Launch(("cat",), stdin=b"given"), PATH=str(tmp_path)).stdout.endswith(b"\ngiven")


@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize("name", ["m", "n", "d", "a", "g", "f", "HOME"])
def test_a_variable_of_any_name_arrives(name: str, confidential: bool) -> None:
    """The shell's own variables are not the program's."""
    launch = Launch(("printenv", name), environment={name: "x y"}, confidential=confidential)

    assert run(launch).stdout.endswith(b"\nx y\n")
