"""systemd, by systemctl: its units' properties are read, not the exit codes that its commands give for them."""

from collections.abc import Iterator
from typing import Final

from ...dataclass import dataclass
from ...errors import TargetError, Unreachable
from .manager import GLOB, Run, Service, Status, Verb, Way

_SHOWN: Final = "Id,LoadState,ActiveState,SubState,Result,Job,ActiveEnterTimestampMonotonic"
_MICROSECONDS: Final = 1_000_000
_STATUS: Final[dict[str, Status]] = {
    "active": "running",
    "reloading": "running",
    "activating": "starting",
    "deactivating": "stopping",
}


@dataclass(frozen=True, slots=True)
class Systemd:
    """Units of the system's manager, or with *user* of the account's own."""

    user: bool = False

    def _ctl(self, *words: str) -> tuple[str, ...]:
        return ("systemctl", *(("--user",) if self.user else ()), *words)

    def read(self, run: Run, patterns: tuple[str, ...], *, ages: bool) -> tuple[Service, ...]:
        """
        Read the units that fit, in the order of the patterns.

        A pattern fits units that systemd has loaded: it forgets instances of a template once they are stopped.
        """
        found: dict[str, Service] = {}
        up = float(run(("cat", "/proc/uptime")).stdout.split()[0]) if ages else None
        for pattern in patterns:
            result = run(self._ctl("show", f"--property={_SHOWN}", "--", _unit(pattern)))
            if result.exited:
                raise Unreachable(
                    f"systemctl does not answer: {(result.stdout + result.stderr).strip()[-300:]}",
                    advice="Is this host run by systemd? For an account's own services: `user: true`.",
                )
            units = [unit for unit in _units(result.stdout) if unit.get("LoadState") not in (None, "not-found")]
            if not units and not GLOB & set(pattern):
                raise TargetError(
                    f"systemd has no unit {_unit(pattern)!r}.",
                    advice="`systemctl list-units --all` names them.",
                )
            found |= {unit["Id"]: _service(unit, up) for unit in sorted(units, key=lambda unit: unit["Id"])}
        return tuple(found.values())

    def restart(self) -> tuple[Verb, ...]:
        """Restart it in one go: stopping would stop what requires it, and starting not start that again."""
        return ("restart",)

    def way(self, verb: Verb, name: str) -> Way:
        """Say how a unit is started, stopped or restarted."""
        look = self._ctl("show", "--property=ActiveState", "--value", "--", name)
        if verb == "stop":
            return Way(self._ctl("stop", "--", name), look, shows="^(inactive|failed)$")
        return Way(self._ctl(verb, "--", name), look, shows="^active$", fails="^failed$")


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"


def _units(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if unit:
            yield unit


def _service(unit: dict[str, str], up: float | None) -> Service:
    state = unit.get("ActiveState", "")
    words = f"{state} ({unit.get('SubState', '')})"
    result = unit.get("Result", "success")
    words += "" if result in ("success", "") else f": {result}"
    status = _STATUS.get(state, "stopped")
    if unit.get("Job", "0") not in ("0", ""):
        # Between the two halves of a restart a unit is inactive, with its job waiting.
        status = "stopping" if status == "running" else "starting"
    began = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / _MICROSECONDS
    age = up - began if up is not None and began and status == "running" else None
    return Service(unit["Id"], status, words, age)
