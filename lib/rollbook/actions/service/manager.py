"""What service managers have in common: what they tell of a service, and how it is brought about."""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from ...dataclass import dataclass
from ...targets.base import CommandResult

Status = Literal["running", "stopped", "starting", "stopping"]
Verb = Literal["start", "stop", "restart"]
Run = Callable[[tuple[str, ...]], CommandResult]

GLOB: Final = frozenset("*?[")
RESOLUTION: Final = 0.02  # seconds by which an age may be too high, for start and now are cut to hundredths
TICKS: Final = 100  # a second, in which Linux tells programs when processes were started, on every processor


@dataclass(frozen=True, slots=True)
class Service:
    """
    A service as its manager tells it: *words* are the manager's own, *age* the seconds since it was started.

    A service that failed is stopped; one that is tried again and again is starting.
    """

    name: str
    status: Status
    words: str = ""
    age: float | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """A command that brings a status about, the codes that say it was taken, and the look that shows it came about."""

    argv: tuple[str, ...]
    look: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    shows: str = ""
    codes: tuple[int, ...] = ()
    fails: str = ""


class Manager(Protocol):
    """Starts and stops services, and tells how they are."""

    def read(self, run: Run, patterns: tuple[str, ...], *, ages: bool) -> tuple[Service, ...]:
        """
        Read the services that fit any of *patterns*, in their order; with *ages* also since when they run.

        Raises `TargetError` when there is no service of a name.
        """

    def restart(self) -> tuple[Verb, ...]:
        """Name what restarts a running service."""

    def way(self, verb: Verb, name: str) -> Way:
        """Say how a service is started, stopped or restarted."""


def process_ages(run: Run, pids: tuple[int, ...]) -> dict[int, float]:
    """Read for how many seconds processes have been running, from the kernel, which needs no common clock."""
    if not pids:
        return {}
    text = run(("cat", "/proc/uptime", *(f"/proc/{pid}/stat" for pid in pids))).stdout
    first, _, rest = text.partition("\n")
    if not first:
        return {}
    up = float(first.split()[0])
    found = {}
    for line in rest.splitlines():
        pid, opened, _ = line.partition(" (")
        fields = line.rpartition(") ")[2].split()
        if opened and len(fields) > 19:  # the 22nd of the line, of which three are before
            found[int(pid)] = up - int(fields[19]) / TICKS
    return found
