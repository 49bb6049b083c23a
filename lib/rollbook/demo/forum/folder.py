"""The forum's folder: where everything of it is, and the programs by which people and runbooks reach it."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from rollbook.demo.errors import DemoError

from ...dataclass import dataclass

_QUEUES = ("messages", "control")


@dataclass(frozen=True, slots=True)
class ForumFolder:
    """
    Where everything of the forum is: `site` (the checkout), `origin.git`, `venv`, `logs`, `queue`, `backups`, `bin`.

    `bin/run` starts a program with the forum's settings in its checkout, `bin/manage` its management commands, and
    `bin/supervisorctl` asks its supervisord. `bin/run-next` is `bin/run` in `next`, where code may lie
    that is to come. A DATABASE_URL that is set already wins over the forum's own.
    """

    path: Path

    @property
    def site(self) -> Path:
        """The checkout that is served."""
        return self.path / "site"

    @property
    def next(self) -> Path:
        """A checkout of what is to be deployed next, where somebody made one."""
        return self.path / "next"

    @property
    def origin(self) -> Path:
        """The repository that it is cloned from."""
        return self.path / "origin.git"

    @property
    def venv(self) -> Path:
        """The site's Python environment."""
        return self.path / "venv"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.path / "logs"

    @property
    def bin(self) -> Path:
        """Programs for people and runbooks."""
        return self.path / "bin"

    @property
    def web_log(self) -> Path:
        """What gunicorn and Django print."""
        return self.logs / "web.log"

    @property
    def backups(self) -> Path:
        """Where dumps of its database lie."""
        return self.path / "backups"

    def clear(self) -> None:
        """Remove what an earlier forum left here: its backups, its logs, messages that nobody took, a closed sign."""
        for folder in (self.backups, self.logs, self.path / "queue"):
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / "maintenance").unlink(missing_ok=True)

    def write(self, database_url: str, secret_key: str) -> None:
        """Write the forum's settings and programs; what people find in `bin` needs no argument to find the rest."""
        for folder in (self.logs, self.bin, self.backups, *(self.path / "queue" / n for n in _QUEUES)):
            folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "FORUM_SECRET_KEY": secret_key,
            "FORUM_QUEUE": str(self.path / "queue"),
            "FORUM_MAINTENANCE_FILE": str(self.path / "maintenance"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
        lines.append(f'export DATABASE_URL="${{DATABASE_URL:-{database_url}}}"')
        write_closed(self.path / "settings.env", "\n".join([*lines, ""]), 0o600)
        here = shlex.quote(str(self.path))
        path = f'PATH={here}/bin:{here}/venv/bin:"$PATH"'
        for program, code in (("run", self.site), ("run-next", self.next)):
            into = f"cd {shlex.quote(str(code))} || exit 1"
            write_closed(self.bin / program, f'#!/bin/sh\n. {here}/settings.env\n{into}\n{path}\nexec "$@"\n', 0o700)
        write_closed(self.bin / "manage", f'#!/bin/sh\nexec {here}/bin/run python manage.py "$@"\n', 0o700)
        control = f'exec {here}/venv/bin/python -m supervisor.supervisorctl "$@"'
        named = f'[ "$1" = -c ] || set -- -c {here}/supervisord.conf "$@"'  # it takes but one -c
        write_closed(self.bin / "supervisorctl", f"#!/bin/sh\n{named}\n{control}\n", 0o700)

    def manage(self, *words: str, code: str = "run") -> str:
        """Run a management command and give what it prints. Raises `DemoError` with the end of it."""
        return self._run(code, "python", "manage.py", *words)

    def supervise(self, *words: str) -> str:
        """Ask supervisord something and give its answer. Raises `DemoError`."""
        return self._run("supervisorctl", *words)

    def _run(self, program: str, *words: str) -> str:
        without = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        argv = [str(self.bin / program), *words]
        done = subprocess.run(argv, env=without, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            tail = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise DemoError(f"{program} {' '.join(words)} failed (exit {done.returncode}):\n  {tail}")
        return done.stdout


def write_closed(path: Path, text: str, mode: int) -> None:
    """Write a file that nobody else may read, for it holds passwords."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
