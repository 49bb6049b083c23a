"""`service.state`: services that are stopped, started or restarted."""

from collections.abc import Collection, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import ClassVar, Final, Literal

from ...action import Action, Change, Leave, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...ops import Awaited, Command, Op
from ...targets.base import CommandResult, HostReader
from ...values import NOW, Plain, Unknown
from .commands import Commands
from .manager import GLOB, RESOLUTION, Manager, Service, Verb
from .supervisor import Supervisor
from .systemd import Systemd

_SETTLING: Final = 15.0  # seconds that a look waits for a service on its way
_EVERY: Final = 0.3
_ANY: Final = tuple(range(256))  # exit codes


@dataclass(frozen=True, slots=True)
class ServicesState:
    """
    Which of the services run, and which are still on their way to or from it.

    *stale* are those that have been running since before the step began, which matters to a restart only.
    *seen* is what their manager says of each. *tried* are set going, whatever comes of it, and of what is found those
    that are going. *loose* had been only set going by what is undone: how far they came by then is no change.
    """

    running: tuple[str, ...]
    moving: tuple[str, ...]
    stale: tuple[str, ...]
    seen: Mapping[str, str] = evidence()
    tried: tuple[str, ...] = evidence(default=())
    loose: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class ServiceState(Action[ServicesState]):
    """
    Stop, start or restart services, one after the other, and wait until each is as wanted.

    They are those of systemd, of supervisor, or any that have `commands:` to start, stop and tell them. A name may be
    a pattern (`celery*`), except with `commands:`. To stop, the list is gone through as it stands, and what then
    comes back is started the other way round; to start or restart, the reverse. An undo starts exactly what ran before;
    what had been starting again and again by then is set going after all others, and not waited for.

    What a service's manager says is looked at, never an exit code alone. A service that is just starting or stopping
    is waited for. A service that failed counts as stopped; one that is tried again and again never counts as started.
    A restart is done where a service was started since the step began.
    """

    kind: ClassVar[str] = "service.state"
    example: ClassVar[Mapping[str, Plain]] = {
        "services": ["nginx", "celery*"],
        "wanted": "stopped",
        "manager": "supervisor",
        "config": "/etc/supervisor/supervisord.conf",
    }
    by_hand: ClassVar[str] = """
`systemctl stop <services>` or `supervisorctl stop <services>` (start, restart); then `systemctl status <services>` or
`supervisorctl status`, and write down what ran before.
"""

    services: tuple[str, ...]
    wanted: Literal["stopped", "started", "restarted"]
    manager: Literal["systemd", "supervisor"] | None = None
    commands: Commands | None = None
    config: str | None = field(default=None, metadata={"help": "supervisor's file, as for supervisorctl -c"})
    user: bool = field(default=False, metadata={"help": "the services of the account itself (systemctl --user)"})
    patience: timedelta = field(default=timedelta(minutes=1), metadata={"help": "how long to wait for each"})
    since: str | Unknown = field(default=NOW, metadata={"help": "restarted: started since then; the step's beginning"})
    target: Ref[HostReader] = Ref("local")
    run_as: str | None = None

    def __post_init__(self) -> None:
        if not self.services or not all(name and not name.startswith("-") for name in self.services):
            raise ValueError("services: expected the names of services, or patterns of them")
        if (self.manager is None) == (self.commands is None):
            raise ValueError("expected either manager: systemd or supervisor, or commands:")
        if self.config is not None and self.manager != "supervisor":
            raise ValueError("config: is a file of supervisor's")
        if self.user and self.manager != "systemd":
            raise ValueError("user: true goes with systemd")
        if self.commands is not None:
            self._check_commands(self.commands)
        if isinstance(self.since, str) and not self.since.startswith("‹"):
            datetime.fromisoformat(self.since)

    def _check_commands(self, commands: Commands) -> None:
        if any(GLOB & set(name) for name in self.services):
            raise ValueError("services: with commands: there is no list in which a pattern could be looked for")
        if self.wanted == "restarted" and not commands.pid:
            raise ValueError("commands: restarted needs pid:, for nothing else tells whether it was done")

    def subjects(self) -> frozenset[Subject]:
        """
        Name the services as they are named here.

        What starts services that a longer list stopped is planned on that. Any other step on a part of a list that
        an earlier step changes is planned when it is reached: to such a step only the list as a whole tells enough.
        """
        names = frozenset(Subject(self.target.name, "service", name) for name in self.services)
        whole = Subject(self.target.name, "services", "\0".join(self.services))
        return names if self.wanted == "started" else names | {whole}

    def _manager(self) -> Manager:
        if self.commands is not None:
            return self.commands
        return Systemd(self.user) if self.manager == "systemd" else Supervisor(self.config)

    def probe(self, read: Readers) -> ServicesState:
        """Look at them, and wait for those that are on their way."""
        started = read.monotonic()
        limit = min(_SETTLING, self.patience.total_seconds())
        while True:
            since = self._seconds_since(read)
            found = self._look(read[self.target])
            left = limit - (read.monotonic() - started)
            if left <= 0 or all(service.status in ("running", "stopped") for service in found):
                return _state(found, since if self.wanted == "restarted" else None)
            read.pause(min(_EVERY, left))

    def probe_for(self, read: Readers, goal: ServicesState) -> ServicesState:
        """Look at them in an undo: of what is only set going it matters whether it goes, and not how far it came."""
        found = self.probe(read)
        tried = {*goal.tried, *goal.loose}
        return replace(
            found,
            running=tuple(name for name in found.running if name not in tried),
            moving=tuple(name for name in found.moving if name not in tried),
            tried=tuple(sorted(tried & {*found.running, *found.moving})),
        )

    def probe_after(self, read: Readers, goal: ServicesState) -> ServicesState:
        """Look at them as in an undo."""
        return self.probe_for(read, goal)

    def _look(self, host: HostReader) -> tuple[Service, ...]:
        def run(argv: tuple[str, ...]) -> CommandResult:
            return host.run(argv, run_as=self.run_as)

        return self._manager().read(run, self.services, ages=self.wanted == "restarted")

    def _seconds_since(self, read: Readers) -> float:
        """Give the seconds since the step began, taken before the look: none while that is only planned."""
        if isinstance(self.since, Unknown) or self.since.startswith("‹"):
            return 0.0
        return (datetime.fromisoformat(read.now()) - datetime.fromisoformat(self.since)).total_seconds()

    def desired(self, before: ServicesState) -> ServicesState:
        """Want each as told."""
        own = {name: "" for name in before.seen if self._is_own(name)}  # what its manager will say is not known
        running = () if self.wanted == "stopped" else tuple(sorted(own))
        return ServicesState(running, (), (), own)

    def ops(self, old: ServicesState, new: ServicesState) -> tuple[Op, ...]:
        """Give the commands, service by service; what is to be stopped and started comes in opposite orders."""
        going = {*old.running, *old.moving, *old.tried}
        stopping = [name for name in going - {*new.running, *new.tried} if self._is_own(name)]
        starting = {*new.running} - ({*old.running} - ({*old.stale} - {*new.stale}))
        stops = [self._op("stop", name) for name in self._ordered(stopping, back=self.wanted != "stopped")]
        starts = [
            self._op(verb, name)
            for name in self._ordered(starting, back=self.wanted == "stopped")
            for verb in (self._manager().restart() if name in old.running else ("start",))
        ]
        tries = self._ordered({*new.tried} - {*old.tried, *old.running, *old.moving}, back=self.wanted == "stopped")
        return (*stops, *starts, *map(self._try, tries))

    def _try(self, name: str) -> Op:
        """Give the command that sets a service going, whatever it says."""
        return Command(self.target.name, self._manager().way("start", name).argv, ok=_ANY, run_as=self.run_as)

    def _is_own(self, name: str) -> bool:
        return self._place(name)[0] < len(self.services)

    def _ordered(self, names: Collection[str], *, back: bool) -> list[str]:
        return sorted(names, key=self._place, reverse=back)

    def _place(self, name: str) -> tuple[int, str]:
        """Give the place of a service in the list, where a pattern stands for all that fit it, by name."""
        fits = (fnmatchcase(name, part) or fnmatchcase(name, f"{part}.service") for part in self.services)
        return next((index for index, fit in enumerate(fits) if fit), len(self.services)), name

    def _op(self, verb: Verb, name: str) -> Op:
        way = self._manager().way(verb, name)
        return Awaited(
            self.target.name,
            way.argv,
            ok=way.ok,
            run_as=self.run_as,
            look=way.look,
            shows=way.shows,
            codes=way.codes,
            fails=way.fails,
            patience=self.patience.total_seconds(),
        )

    def undo(self, change: Change[ServicesState]) -> Undo[ServicesState]:
        """Start exactly what ran before, and stop what did not; a restart stays."""
        was = tuple(sorted({*change.before.running, *change.before.moving}))
        if was == change.after.running:
            return Leave("a restart is not taken back: they run on with what they read when they were restarted")
        before = change.before
        tried = (*before.moving, *before.tried)
        goal = replace(before, moving=(), stale=(), tried=tried, loose=change.after.tried)
        if self.wanted != "stopped":
            return Reverse(goal, "what did not run is stopped")
        told = [f"what ran before is started again: {', '.join(before.running)}"] if before.running else []
        if tried:
            told.append(f"set going, and not waited for, for it did not come up then: {', '.join(tried)}")
        return Reverse(goal, "; ".join(told))

    def verdict(self, change: Change[ServicesState]) -> Verdict:
        """Sort it."""
        return "update" if change.ops else "noop"

    def details(self, change: Change[ServicesState]) -> tuple[str, ...]:
        """Give the manager's own words of each; a pattern that fits nothing is told."""
        if not change.before.seen:
            return (f"no service fits {', '.join(self.services)}",)
        return tuple(f"{name}: {words}" for name, words in change.before.seen.items() if words)


def _state(found: tuple[Service, ...], since: float | None) -> ServicesState:
    by_status = {
        status: tuple(sorted(service.name for service in found if service.status == status))
        for status in ("running", "starting", "stopping")
    }
    stale = [service.name for service in found if since is not None and _is_stale(service, since)]
    moving = tuple(sorted((*by_status["starting"], *by_status["stopping"])))
    return ServicesState(
        by_status["running"], moving, tuple(sorted(stale)), {service.name: service.words for service in found}
    )


def _is_stale(service: Service, since: float) -> bool:
    return service.status == "running" and (service.age is None or service.age >= since + RESOLUTION)
