"""Laws of secrets: looked up at use, known to the redactor, never in an error."""

import os
import signal
import sys
from pathlib import Path

import pytest

from rollbook.errors import SecretError
from rollbook.targets.redaction import Redactor
from rollbook.targets.secrets import SecretStore
from rollbook.values import Secret

VALUE = "s3cr3t/väluë"


def store(**environ: str) -> tuple[SecretStore, Redactor]:
    redactor = Redactor()
    return SecretStore(environ, redactor, seconds=5), redactor


def test_every_value_given_is_known_to_the_redactor(tmp_path: Path) -> None:
    """From the environment, a file or a command: a value given out is a value hidden."""
    file = tmp_path / "token"
    file.write_text(VALUE + "\n")
    file.chmod(0o600)

    for reference in ("env:TOKEN", f"file:{file}", f"command:cat {file}"):
        secrets, redactor = store(TOKEN=VALUE)

        assert secrets.value(Secret(reference)) == VALUE
        assert VALUE not in redactor.text(f"it is {VALUE}")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A secret's file must be closed to group and others."""
    file = tmp_path / "token"
    file.write_text(VALUE)
    file.chmod(mode)

    with pytest.raises(SecretError, match="lets others read"):
        store()[0].value(Secret(f"file:{file}"))


@pytest.mark.parametrize(
    "reference",
    [
        "env:NOT_SET",
        "file:/nowhere/token",
        "command:/nowhere/program",
        "command:false",
        "command:'",
        "command:",
        "command:\0",
        "file:/",
        "x:y",
    ],
)
def test_what_is_not_there_says_what_to_do(reference: str) -> None:
    """A reference that leads nowhere is one error with advice."""
    with pytest.raises(SecretError) as caught:
        store()[0].value(Secret(reference))

    assert caught.value.advice


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ROLLBOOK_DEMO_MONGO_URL", "rollbook demo --stay"),
        ("ROLLBOOK_FORUM_SITE_URL", "rollbook demo-rollback --stay"),
        ("LEDGER_URL", "export LEDGER_URL"),
    ],
)
def test_a_variable_of_the_demos_is_set_by_its_demo(name: str, words: str) -> None:
    """Nobody knows its value: the advice is what starts the servers and prints it."""
    with pytest.raises(SecretError) as caught:
        store()[0].value(Secret(f"env:{name}"))

    assert words in caught.value.advice


def test_a_short_secret_is_refused() -> None:
    """A value under six characters cannot be hidden, so it is not used, nor shown."""
    with pytest.raises(SecretError, match="5 characters") as caught:
        store(TOKEN="abcde")[0].value(Secret("env:TOKEN"))

    assert "abcde" not in str(caught.value)


def test_a_failing_command_does_not_tell_what_it_printed() -> None:
    """What a secret's command printed before it failed is in no part of the error."""
    program = f"""{sys.executable} -c 'import sys; print("{VALUE}"); sys.exit("no: " + "{VALUE}")'"""

    with pytest.raises(SecretError) as caught:
        store()[0].value(Secret(f"command:{program}"))

    assert VALUE not in str(caught.value).replace(program, "")
    assert caught.value.__cause__ is None


def test_a_value_is_looked_up_once() -> None:
    """The second look comes from memory."""
    environ = {"TOKEN": VALUE}
    secrets = SecretStore(environ, Redactor())
    secrets.value(Secret("env:TOKEN"))
    environ.clear()

    assert secrets.value(Secret("env:TOKEN")) == VALUE


def test_a_slow_command_is_given_up() -> None:
    """A command that waits for a person is ended with a hint."""
    secrets = SecretStore({}, Redactor(), seconds=0.2)

    with pytest.raises(SecretError, match="no answer within"):
        secrets.value(Secret("command:sleep 60"))


def test_a_command_that_prints_without_end_is_ended() -> None:
    """No more is read than shows that this is no secret, and the command does not live on."""
    with pytest.raises(SecretError, match="larger than"):
        store()[0].value(Secret("command:sh -c 'exec yes s3cr3t'"))


def test_a_command_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """At the time limit the whole group of the command ends, not its first process alone."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    secrets = SecretStore({}, Redactor(), seconds=0.5)

    with pytest.raises(SecretError, match="no answer within"):
        secrets.value(Secret(f"command:sh -c '(sleep 600; :) 7>{fifo} & sleep 600'"))

    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "the end of the file: nobody holds the other side"
    os.close(reader)


@pytest.mark.parametrize("child", ["sleep 600", "exec yes"])
def test_a_command_ends_when_it_ends(child: str, tmp_path: Path) -> None:
    """A child that keeps the output of a command that has ended is not waited for."""
    pid = tmp_path / "pid"
    out = "" if child.startswith("sleep") else ">&2"
    try:
        value = store()[0].value(Secret(f"command:sh -c '({child}) {out} & echo $! > {pid}; echo {VALUE}'"))
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)

    assert value == VALUE
