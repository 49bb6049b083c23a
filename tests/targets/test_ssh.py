"""Laws of ssh targets that no other host has, on a real sshd."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import TargetError, Unreachable
from rollbook.ops import Command
from rollbook.targets import TargetPool

pytestmark = pytest.mark.server


def settings(sshd: Any, **more: Any) -> dict[str, Any]:
    place = {"host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
    return {**place, "known_hosts": [str(sshd.known_hosts)], **more}


def sh(text: str, **more: Any) -> Command:
    return Command("there", (text,), shell=True, **more)  # noqa: S604  # that is the thing tested


def host_key(sshd: Any) -> str:
    kind, key = Path(sshd.known_hosts).read_text().split()[1:3]
    return f"{kind} {key}"


def make_key(folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "other")], check=True)
    return (folder / "other.pub").read_text()


def test_an_unknown_host_is_refused_with_its_fingerprint(
    sshd: Any, make_pool: Any, execution: Any, tmp_path: Path
) -> None:
    """A host that no file knows is not talked to; the error says how to get to know it."""
    empty = tmp_path / "known_hosts"
    empty.touch()
    pool = make_pool(there=("ssh", settings(sshd, known_hosts=[str(empty)])))

    with pytest.raises(Unreachable, match="SHA256:") as caught:
        pool.execute(sh("true"), execution)

    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1" in caught.value.advice
    assert "compare the fingerprint" in caught.value.advice
    assert not empty.read_text()


def test_another_key_than_the_known_one_is_refused(sshd: Any, make_pool: Any, execution: Any, tmp_path: Path) -> None:
    """A host that shows another key than the file or the inventory has is not talked to."""
    other = make_key(tmp_path)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}")

    for more in ({"known_hosts": [str(known)]}, {"host_key": other}):
        pool = make_pool(there=("ssh", settings(sshd, **more)))
        with pytest.raises(Unreachable, match="shows another host key"):
            pool.execute(sh("true"), execution)


def test_a_pinned_key_is_believed(sshd: Any, make_pool: Any, execution: Any) -> None:
    """A key in the inventory needs no file, and its fingerprint is the host's identity."""
    pinned = settings(sshd, host_key=host_key(sshd), known_hosts=[])
    pool = make_pool(there=("ssh", pinned))

    pool.execute(sh("true"), execution)

    shown = subprocess.run(["ssh-keygen", "-lf", str(sshd.known_hosts)], capture_output=True, text=True, check=True)
    assert pool.reader("there").identity()["host_key"] in shown.stdout


@pytest.mark.parametrize("key", ["ssh-ed25519", "ssh-ed25519 !!!", "rubbish", "ssh-ed25519 AAAA"])
def test_a_pinned_key_that_is_none_is_refused(sshd: Any, make_pool: Any, execution: Any, key: str) -> None:
    """A host key that cannot be read is one error."""
    with pytest.raises(TargetError, match="no public host key"):
        make_pool(there=("ssh", settings(sshd, host_key=key))).execute(sh("true"), execution)


def test_a_refused_login_says_what_to_look_at(sshd: Any, make_pool: Any, execution: Any, tmp_path: Path) -> None:
    """A key that the host does not take is a refused login."""
    make_key(tmp_path)

    with pytest.raises(Unreachable, match="refused the login"):
        make_pool(there=("ssh", settings(sshd, key=str(tmp_path / "other")))).execute(sh("true"), execution)


def test_nobody_there_is_unreachable(sshd: Any, make_pool: Any, execution: Any) -> None:
    """No server at the port is unreachable, in a check too."""
    pool = make_pool(there=("ssh", settings(sshd, port=1)))

    with pytest.raises(Unreachable, match="does not answer"):
        pool.execute(sh("true"), execution)
    assert pool.target("there").check()[0].severity == "missing"


def test_one_connection_is_kept(sshd: Any, make_pool: Any, execution: Any) -> None:
    """All commands of a target go over one connection, also at the same time from several threads."""
    assert len(set(asked_at_once(make_pool(there=("ssh", settings(sshd))), execution))) == 1


@pytest.mark.parametrize("stdin", [None, "read by nobody"])
def test_short_commands_do_not_lose_the_connection(
    sshd: Any, make_pool: Any, execution: Any, stdin: str | None
) -> None:
    """Nothing that is sent to a program crosses its end, so that the host does not end the connection for it."""
    answers = [asked_at_once(make_pool(there=("ssh", settings(sshd))), execution, stdin) for _ in range(30)]

    assert {len(told) for told in answers} == {12}


def asked_at_once(pool: TargetPool, execution: Any, stdin: str | None = None) -> list[str]:
    """Give what four threads were told by three short commands each: which connection they came over."""
    seen: list[str] = []

    def ask() -> None:
        for _ in range(3):
            seen.append(pool.execute(sh('echo "$SSH_CONNECTION"', stdin=stdin), execution).outputs["stdout"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def test_a_lost_connection_is_in_doubt_and_made_again(sshd: Any, make_pool: Any, execution: Any) -> None:
    """A connection that breaks under a command raises Unreachable; the next command gets a new one."""
    pool = make_pool(there=("ssh", settings(sshd)))
    parent = int(pool.execute(sh("ps -o ppid= -p $$"), execution).outputs["stdout"])

    def cut() -> None:
        time.sleep(0.4)
        os.kill(parent, signal.SIGKILL)

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(Unreachable, match="connection was lost"):
        pool.execute(sh("sleep 5"), execution)
    thread.join()

    assert pool.execute(sh("echo again"), execution).outputs["stdout"] == "again\n"


def test_a_connection_lost_when_the_program_is_to_end_is_in_doubt(
    sshd: Any, make_pool: Any, execution: Any, tmp_path: Path
) -> None:
    """A program that no signal can reach any more is never told as ended, nor as not run."""
    pool = make_pool(there=("ssh", settings(sshd)))
    parent = int(pool.execute(sh("ps -o ppid= -p $$"), execution).outputs["stdout"])
    ran = tmp_path / "ran"

    def cut() -> bool:
        if ran.exists():
            with suppress(ProcessLookupError):
                os.kill(parent, signal.SIGKILL)
        return ran.exists()

    execution.stop = cut
    with pytest.raises(Unreachable, match="connection was lost while sh ran; it may have ended or still run"):
        pool.execute(sh(f"touch {ran}; sleep 5"), execution)


def test_a_program_ended_by_a_signal_failed(sshd: Any, make_pool: Any) -> None:
    """A program that a signal ends is a failed command and no lost connection."""
    pool = make_pool(there=("ssh", settings(sshd)))

    assert pool.reader("there").run(("sh", "-c", "kill -9 $$")).exited == 255


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(sshd: Any, make_pool: Any, execution: Any) -> None:
    """A command ends when its program ends, though a child of it lives on with the same output."""
    pool = make_pool(there=("ssh", settings(sshd)))
    started = time.monotonic()

    result = pool.execute(sh("sleep 30 & echo $!"), execution)

    os.kill(int(result.outputs["stdout"]), signal.SIGKILL)
    assert time.monotonic() - started < 20


def test_a_jump_is_verified_too(
    sshd: Any, make_pool: Callable[..., TargetPool], execution: Any, tmp_path: Path
) -> None:
    """A host behind another is reached through it; neither is believed without its key."""
    empty = tmp_path / "known_hosts"
    empty.touch()
    pool = make_pool(there=("ssh", settings(sshd, jump="gate")), gate=("ssh", settings(sshd)))
    wrong = make_pool(
        there=("ssh", settings(sshd, jump="gate")), gate=("ssh", settings(sshd, known_hosts=[str(empty)]))
    )

    assert pool.execute(sh("echo through"), execution).outputs["stdout"] == "through\n"
    with pytest.raises(Unreachable, match="not a known host"):
        wrong.execute(sh("true"), execution)


def test_a_jump_over_what_is_no_host_is_refused(sshd: Any, make_pool: Any, execution: Any) -> None:
    """A jump names another ssh target."""
    with pytest.raises(TargetError, match="no other ssh target"):
        make_pool(there=("ssh", settings(sshd, jump="there"))).execute(sh("true"), execution)
