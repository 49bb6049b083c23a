"""Any service that has a command to start it, one to stop it, and one that tells how it is."""

from dataclasses import field
from typing import Final

from ...dataclass import dataclass
from ...errors import TargetError
from .manager import Run, Service, Verb, Way, process_ages

RUNNING: Final = (0,)  # the exit code of a look
STOPPED: Final = (1, 2, 3)  # as init scripts say it; pgrep says 1
PLACE: Final = "{service}"


@dataclass(frozen=True, slots=True)
class Commands:
    """
    Three commands, as lists; `{service}` in them stands for the name.

    `status` exits with 0 when it runs and with 1, 2 or 3 when it does not, as init scripts do. `pid` prints the
    number of its process, and is needed to tell whether it was restarted.
    """

    start: tuple[str, ...]
    stop: tuple[str, ...]
    status: tuple[str, ...]
    pid: tuple[str, ...] = field(default=(), metadata={"help": "prints the number of its process"})

    def __post_init__(self) -> None:
        for name in ("start", "stop", "status"):
            if not getattr(self, name):
                raise ValueError(f"{name}: expected a command as a list of words")

    def read(self, run: Run, patterns: tuple[str, ...], *, ages: bool) -> tuple[Service, ...]:
        """Ask for each; there is no list in which patterns could be looked for."""
        return tuple(self._service(run, name, ages=ages) for name in dict.fromkeys(patterns))

    def _service(self, run: Run, name: str, *, ages: bool) -> Service:
        argv = _for(self.status, name)
        result = run(argv)
        said = " ".join(result.stdout.split())[:100]
        words = f"{' '.join(argv)} exits {result.exited}" + (f": {said}" if said else "")
        if result.exited in STOPPED:
            return Service(name, "stopped", words)
        if result.exited not in RUNNING:
            raise TargetError(
                f"{name}: {words} {result.stderr.strip()[-200:]}".rstrip(),
                advice="status: exits with 0 when the service runs, with 1, 2 or 3 when it does not.",
            )
        return Service(name, "running", words, self._age(run, name) if ages else None)

    def _age(self, run: Run, name: str) -> float | None:
        text = run(_for(self.pid, name)).stdout.strip()
        if not text.isdigit():
            raise TargetError(
                f"{name}: {' '.join(_for(self.pid, name))} prints no process number but {text[:100]!r}.",
                advice="Correct pid: in commands:, so that it prints the number alone.",
            )
        return process_ages(run, (int(text),)).get(int(text))

    def restart(self) -> tuple[Verb, ...]:
        """Stop it, then start it."""
        return ("stop", "start")

    def way(self, verb: Verb, name: str) -> Way:
        """Say how it is started or stopped."""
        argv = self.stop if verb == "stop" else self.start
        return Way(_for(argv, name), _for(self.status, name), codes=STOPPED if verb == "stop" else RUNNING)


def _for(argv: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(word.replace(PLACE, name) for word in argv)
