"""
Starts a program through a shell elsewhere so that it can be ended whole, and tells whether it started at all.

The shell takes its environment, changes folder, prints a marker with its process group, and becomes
the program. What comes before the marker is noise of login files; no marker means that nothing was run.
"""

import os
import shlex
import time
from collections.abc import Callable
from typing import Final

from ..dataclass import dataclass
from ..errors import CommandTimeout, Interrupted
from .process import GRACE, Launch, Sink, left_alive, stopped, timed_out

# What is sent by stdin begins with a line of ours, read byte by byte so that the program gets the rest: it shows
# that stdin is handed on, which `docker exec` without -i does not do, and it carries the values of secrets, which
# as arguments would show in a list of processes. The rest is taken to its end before the program starts, so that none
# acts on half of it where a connection is lost, and none is over while we still send. Where nothing is sent, the
# program's stdin is empty from the start. All names begin with rb_, for the program's own variables are set here too.
_SCRIPT: Final = """\
rb_mark=$1 rb_first=$2 rb_rest=$3 rb_folder=$4; [ -z "$5" ] || export ROLLBOOK_STEP="$5"; shift 5
if [ -z "$rb_first" ]; then
  exec </dev/null
else
  eval "$(dd bs=1 count="$rb_first" 2>/dev/null)"
  [ "${rb_given-}" = "$rb_mark" ] || { echo "its stdin is not handed on" >&2; exit 97; }
  if [ "$rb_rest" -eq 0 ]; then
    cat >/dev/null
    exec </dev/null
  elif rb_file=$(mktemp 2>/dev/null); then
    cat >"$rb_file" && [ "$(wc -c <"$rb_file")" -eq "$rb_rest" ] && exec <"$rb_file" || {
      rm -f "$rb_file"; echo "its stdin did not come whole into $rb_file: is there room?" >&2; exit 97
    }
    rm -f "$rb_file"
  fi
fi
if [ -n "$rb_folder" ]; then cd -- "$rb_folder" || exit 97; fi
rb_group=; { read -r rb_ rb_ rb_ rb_ rb_group rb_ </proc/$$/stat; } 2>/dev/null
printf '\\n%s %s %s\\n' "$rb_mark" "$$" "${rb_group:-$$}"
exec "$@"
"""

# Without "--": dash does not know it here.
_END: Final = """\
case $2 in 0|1) ;; *) kill "-$1" "-$2" 2>/dev/null && exit ;; esac
kill "-$1" "$3"
"""
_NOISE: Final = 1 << 16
_LOOK: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Wrapped:
    """
    A program with its shell around it: what to run, what to send to its stdin, and the marker that it prints.

    *stdin* is None where nothing is to be sent; the shell then takes none, so that nobody need close it.
    """

    argv: tuple[str, ...]
    stdin: bytes | None
    marker: str


def wrap(launch: Launch) -> Wrapped:
    """
    Put the shell around a program; its environment goes by stdin where it is confidential.

    The program bears the launch's mark, by which it is found where it outlives its connection.
    """
    marker = f"rollbook-{os.urandom(12).hex()}"
    given, plain = "", {}
    if launch.confidential:
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in launch.environment.items())
        given = f"rb_given={marker}; export {settings}\n"
    else:
        plain = dict(launch.environment)
        given = f"rb_given={marker}\n" if launch.stdin else ""
    sent = given.encode()
    rest = launch.stdin or b""
    assignments = ("env", *(f"{name}={value}" for name, value in plain.items())) if plain else ()
    stdin = sent + rest or None
    sizes = ("" if stdin is None else str(len(sent)), str(len(rest)))
    place = (launch.directory or "", launch.mark)
    argv = ("sh", "-c", _SCRIPT, "sh", marker, *sizes, *place, *assignments, *launch.argv)
    return Wrapped(argv, stdin, marker)


class Started:
    """Takes the output of a wrapped program, keeps the marker for itself and hands the rest on."""

    def __init__(self, sink: Sink, marker: str) -> None:
        self._sink = sink
        self._marker = f"\n{marker} ".encode()
        self._noise = b""
        self._complaint = b""
        self.group = ""
        self.pid = ""

    def __bool__(self) -> bool:
        return bool(self.pid)

    def stdout(self, chunk: bytes) -> None:
        """Take a chunk of stdout."""
        if self.pid:
            self._sink.stdout(chunk)
            return
        self._noise = (self._noise + chunk)[-_NOISE:]
        _, found, rest = self._noise.partition(self._marker)
        line, ended, output = rest.partition(b"\n")
        if found and ended:
            self.pid, self.group = line.decode().split()
            self._noise = b""
            if output:
                self._sink.stdout(output)

    def stderr(self, chunk: bytes) -> None:
        """Take a chunk of stderr; before the marker it is kept, for it may be the reason why nothing started."""
        if self.pid:
            self._sink.stderr(chunk)
        else:
            self._complaint = (self._complaint + chunk)[-_NOISE:]

    def end(self) -> None:
        """Hand on what was kept of a program that did start."""
        if self.pid and self._complaint:
            self._sink.stderr(self._complaint)
            self._complaint = b""

    @property
    def complaint(self) -> str:
        """What was said instead of starting."""
        said = (self._complaint or self._noise).decode(errors="replace").strip()
        return said[-500:] or "it said nothing"

    def ending(self, number: int) -> tuple[str, ...]:
        """Give the command that signals the whole process group, where the program runs."""
        return ("sh", "-c", _END, "sh", str(number), self.group, self.pid)


class Ending:
    """
    Decides when a program elsewhere is to be ended, and does so step by step.

    Called now and then while it runs: at the time limit, or when the run is asked to stop, it sends TERM;
    after the grace time KILL; and then says that it need not be waited for any more. *send* tells whether a
    signal reached the program's group; 0 asks whether any of it is left.
    """

    def __init__(self, launch: Launch, stopping: Callable[[], bool], send: Callable[[int], bool]) -> None:
        self._launch = launch
        self._stopping = stopping
        self._send = send
        self._limit = None if launch.timeout is None else time.monotonic() + launch.timeout
        self._kill_at: float | None = None
        self.error: CommandTimeout | Interrupted | None = None

    def __call__(self) -> bool:
        """Look whether it is time, and act; tell whether waiting is over."""
        now = time.monotonic()
        if self.error is None:
            if self._limit is not None and now >= self._limit:
                self.error = timed_out(self._launch)
            elif self._stopping():
                self.error = stopped(self._launch)
            else:
                return False
            self._send(15)
            self._kill_at = now + GRACE
            return False
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            if not self._send(9):
                self.error = left_alive(self.error)
        return self._kill_at is None

    def finish(self) -> None:
        """Once the program itself is gone after TERM: wait for the rest of its group, which gets KILL in the end."""
        while self._kill_at is not None and self._send(0):
            if time.monotonic() >= self._kill_at:
                self._kill_at = None
                self._send(9)
            else:
                time.sleep(_LOOK)

    @property
    def wait(self) -> float:
        """Seconds to wait until it should be called again."""
        if self._limit is None or self.error is not None:
            return 0.2
        return max(0.0, min(0.2, self._limit - time.monotonic()))
