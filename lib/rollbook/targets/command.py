"""Command prefixes: containers, pods and the like, reached through a program on a host."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..errors import Interrupted, TargetError, Unreachable
from ..ops import Awaited, Command, Op, Script
from .base import TargetSpec
from .hosts import HostTarget
from .local import LocalTarget
from .local_settings import LocalSettings
from .process import Launch, Silent, Sink, never
from .settings import CommandSettings
from .shell_files import ShellFiles
from .surroundings import Surroundings
from .wrapping import Ending, Started, wrap


class CommandTarget(HostTarget[CommandSettings]):
    """
    Runs programs through a prefix on another host.

    A time limit ends the program where it runs and not only the prefix's: `docker exec` leaves it running.
    """

    kind_name: ClassVar[str] = "command"

    def __init__(self, spec: TargetSpec, settings: CommandSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self.files = ShellFiles(self.launch, self.safe)
        self._host: HostTarget[Any] | None = None

    @property
    def host(self) -> HostTarget[Any]:
        """The host on which the prefix runs."""
        if self._host is None:
            self._host = self._named_host()
        return self._host

    def _named_host(self) -> HostTarget[Any]:
        if self.settings.on is None:
            return LocalTarget(TargetSpec(self.name, "local"), LocalSettings(), self.surroundings)
        found = self.surroundings.others.target(self.settings.on)
        if not isinstance(found, HostTarget) or found is self:
            raise TargetError(
                f"target {self.name!r} is on {self.settings.on!r}, which runs no commands",
                advice="Name a target of kind local, ssh or command.",
            )
        return found

    def identity(self) -> Mapping[str, str]:
        """Give the host name that the prefix leads to, and what the host below says of itself."""
        from .hosts import HostProbe

        below = {f"on_{key}": value for key, value in self.host.reader().identity().items()}
        found = HostProbe(self).run(("uname", "-n"), timeout=30.0)
        if found.exited:
            raise Unreachable(
                f"{self.name}: {self._shown} cannot run a command: {found.stderr.strip()[-500:]}",
                advice="Run the prefix by hand with `true` behind it.",
            )
        return {"hostname": found.stdout.strip(), **below}

    def shown(self, op: Op) -> tuple[str, ...]:
        """Give the command with its prefix, and the host that it runs on."""
        if not isinstance(op, Command):
            return op.render()
        argv = ("sh", "-c", op.argv[0]) if op.shell else op.argv
        # Folder and variables are meant where the prefix leads to.
        folder = op.directory or self.settings.directory
        there = (*(("-C", folder) if folder else ()), *(f"{name}={value}" for name, value in op.environment.items()))
        inner = ("env", *there, *argv) if there else argv
        through = replace(op, argv=(*self.settings.prefix, *inner), shell=False, directory=None, environment={})
        match through:
            case Awaited():
                through = replace(through, look=(*self.settings.prefix, *through.look))
            case Script():
                through = replace(through, says=f"[behind {self._shown}] {through.says}")
        return self.host.shown(through)

    @property
    def _shown(self) -> str:
        return " ".join(self.settings.prefix)

    def launch(self, launch: Launch, sink: Sink, stopping: Callable[[], bool] = never) -> int:
        """Run a program behind the prefix; `Unreachable` where the prefix did not get as far as starting it."""
        if launch.run_as is not None:
            raise TargetError(
                f"{self.name}: run_as does not reach behind a command prefix",
                advice="Put the user into the prefix (docker exec -u USER …), or name a target for that user.",
            )
        # The prefix bears the mark, and is looked for on the host below.
        wrapped = wrap(replace(launch, directory=launch.directory or self.settings.directory, mark=""))
        started = Started(sink, wrapped.marker)

        def send(number: int) -> bool:
            if not started:
                return True  # there is nothing to end
            end = Launch((*self.settings.prefix, *started.ending(number)), timeout=10.0)
            return self.host.launch(end, Silent()) == 0

        ending = Ending(launch, stopping, send)
        below = Launch((*self.settings.prefix, *wrapped.argv), stdin=wrapped.stdin, mark=launch.mark)
        exited = self._through(below, started, ending)
        started.end()
        if ending.error is not None:
            if started:
                ending.finish()
            raise ending.error
        if not started:
            raise Unreachable(
                f"{self.name}: {self._shown} started nothing (exit code {exited}): {self.safe(started.complaint)}",
                advice="Nothing was run. Is the program there, and the container or pod up? Run the prefix with"
                " `true` behind it by hand; docker exec and kubectl exec need -i for a step with stdin or secrets.",
            )
        return exited

    def running(self, mark: str) -> tuple[int, ...]:
        """Name what runs on the host below: the prefix itself bears the mark, and so does what it starts there."""
        return self.host.running(mark)

    def _through(self, launch: Launch, started: Started, ending: Ending) -> int:
        """Run it on the host below; -1 where that gave up waiting because what runs behind the prefix was ended."""
        try:
            return self.host.launch(launch, started, ending)
        except Interrupted:
            # The host below was told by us to give up waiting.
            if ending.error is None:
                raise
            return -1
