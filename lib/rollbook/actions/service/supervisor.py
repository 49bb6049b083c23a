"""Supervisor, by supervisorctl, whose exit codes tell little: its words are read."""

import re
from fnmatch import fnmatchcase
from typing import Final

from ...dataclass import dataclass
from ...errors import TargetError, Unreachable
from .manager import Run, Service, Status, Verb, Way, process_ages

_LINE: Final = re.compile(r"^(\S+)\s+(STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)$")
_PID: Final = re.compile(r"^pid (\d+)")
_STATUS: Final[dict[str, Status]] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "starting",  # it is tried again
    "STOPPING": "stopping",
}
# Of a start: 0 also when nothing was done, 7 when the program ended at once, which is tried again.
_STARTED: Final = (0, 7)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Programs of a supervisord; *config* is its file, by default where supervisorctl looks itself."""

    config: str | None = None

    def _ctl(self, *words: str) -> tuple[str, ...]:
        return ("supervisorctl", *(("-c", self.config) if self.config else ()), *words)

    def read(self, run: Run, patterns: tuple[str, ...], *, ages: bool) -> tuple[Service, ...]:
        """Read the programs that fit, in the order of the patterns."""
        result = run(self._ctl("status"))
        lines = [found for line in result.stdout.splitlines() if (found := _LINE.match(line.rstrip()))]
        if not lines:
            said = (result.stdout + result.stderr).strip()[-300:] or f"exit code {result.exited}"
            raise Unreachable(
                f"supervisorctl tells of no program: {said}",
                advice="Is supervisord running, and may this account use its socket? `config:` names its file, "
                "`run_as:` the account.",
            )
        wanted = [line for pattern in patterns for line in _fitting(pattern, lines)]
        pids = tuple(int(found[1]) for line in wanted if (found := _PID.match(line[3])))
        known = process_ages(run, pids) if ages else {}
        return tuple(_service(line, known) for line in dict.fromkeys(wanted))

    def restart(self) -> tuple[Verb, ...]:
        """Stop it, then start it."""
        return ("stop", "start")

    def way(self, verb: Verb, name: str) -> Way:
        """Say how a program is started or stopped."""
        look = self._ctl("status", name)
        if verb == "stop":
            return Way(self._ctl("stop", name), look, shows=r"\s(STOPPED|EXITED|FATAL)\b")
        return Way(self._ctl("start", name), look, _STARTED, shows=r"\sRUNNING\b", fails=r"\s(FATAL|UNKNOWN)\b")


def _fitting(pattern: str, lines: list[re.Match[str]]) -> list[re.Match[str]]:
    found = [line for line in lines if fnmatchcase(line[1], pattern)]
    if not found:
        names = ", ".join(line[1] for line in lines)
        raise TargetError(f"supervisor has no program {pattern!r}.", advice=f"It has {names}.")
    return found


def _service(line: re.Match[str], ages: dict[int, float]) -> Service:
    pid = _PID.match(line[3])
    age = ages.get(int(pid[1])) if pid else None
    return Service(line[1], _STATUS.get(line[2], "stopped"), f"{line[2]} {line[3]}".strip(), age)
