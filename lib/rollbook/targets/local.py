"""This machine."""

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from ..errors import TargetError
from .base import TargetSpec
from .hosts import HostTarget
from .local_files import LocalFiles
from .local_settings import LocalSettings
from .process import Launch, Sink, never, processes_with, run_process
from .sudo import SudoSink, as_user
from .surroundings import Surroundings

# git and its hooks set these for what they start, and they count more than the folder in which a step's git works.
_WHICH_REPOSITORY: Final = (
    b"GIT_DIR",
    b"GIT_WORK_TREE",
    b"GIT_INDEX_FILE",
    b"GIT_COMMON_DIR",
    b"GIT_OBJECT_DIRECTORY",
    b"GIT_ALTERNATE_OBJECT_DIRECTORIES",
    b"GIT_NAMESPACE",
    b"GIT_PREFIX",
)


class LocalTarget(HostTarget[LocalSettings]):
    """Runs programs and keeps files on this machine, with the operator's own rights."""

    kind_name: ClassVar[str] = "local"

    def __init__(self, spec: TargetSpec, settings: LocalSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self.files = LocalFiles()
        # Read once: to decode and encode it again for each command takes longer than all else before its start.
        self._environment = {name: value for name, value in os.environb.items() if name not in _WHICH_REPOSITORY}

    def identity(self) -> Mapping[str, str]:
        """Give the host name and the machine's id where it has one."""
        found = {"hostname": os.uname().nodename}
        machine = Path("/etc/machine-id")
        if machine.is_file() and (text := machine.read_text().strip()):
            found["machine_id"] = text
        return found

    def launch(self, launch: Launch, sink: Sink, stopping: Callable[[], bool] = never) -> int:
        """Run a program; 127 when there is no such program, 126 when it may not be run."""
        launch = self._placed(launch)
        watched = SudoSink(sink)
        try:
            exited = run_process(launch, watched, stopping, self._environment)
        except OSError as error:
            if launch.directory is not None and error.filename == launch.directory:
                raise TargetError(
                    f"cannot run {launch.argv[0]} in {launch.directory}: {error.strerror}",
                    advice="Create the folder, or correct directory:.",
                ) from error
            sink.stderr(f"{launch.argv[0]}: {error.strerror}\n".encode())
            return 127 if isinstance(error, FileNotFoundError) else 126
        if launch.run_as is not None and launch.argv[0] == "sudo":
            watched.check(self.name, launch.run_as, exited)
        return exited

    def running(self, mark: str) -> tuple[int, ...]:
        """Name the processes, still alive, of the step with this *mark*."""
        return processes_with(mark)

    def _placed(self, launch: Launch) -> Launch:
        if launch.directory is None and self.settings.directory is not None:
            launch = replace(launch, directory=self.settings.directory)
        if launch.run_as is None or launch.run_as == pwd.getpwuid(os.geteuid()).pw_name:
            return launch
        argv = as_user(launch.run_as, launch.argv, tuple(launch.environment))
        return replace(launch, argv=argv, name=launch.name or launch.argv[0])
