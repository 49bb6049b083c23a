"""Server processes of the demo: started so that they die with it, and stopped for certain."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Asks the kernel to end this process with its parent, then becomes the server. The parent may have died before
# the request was made, which getppid tells.
_TETHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def free_port() -> int:
    """Find a TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def spawn(argv: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """
    Start *argv* (its first item a full path) with its output appended to *log*.

    The server gets SIGTERM when the thread that called this ends, also by `kill -9`: call it from the main thread.
    It has a session of its own, so that Ctrl-C in the terminal reaches the demo only.
    """
    tethered = [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *argv]
    with log.open("ab") as output:
        return subprocess.Popen(
            tethered,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, grace: float = 15.0) -> None:
    """End *process*, politely for *grace* seconds and then not; may be called twice."""
    if process.poll() is not None:
        return
    process.send_signal(by)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def command_line(pid: int) -> str:
    """Tell how process *pid* was started, or '' when there is none (or /proc is not there to tell)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def stop_stranger(pid: int, *, grace: float = 15.0) -> None:
    """End a process that is not a child of this one, and wait until it is gone."""
    for sign, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        if _gone_within(pid, seconds):
            return


def _gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not command_line(pid):  # a zombie has none either
            return True
        time.sleep(0.05)
    return False
