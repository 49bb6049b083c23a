"""An operator's folder beside the board, and what is typed there to take its bad deploy back."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..typed import Typed
from .site import Board

_URL = "ROLLBOOK_TEST_BOARD_URL"
_INVENTORY = """\
environment: board
vars:
  repository: {site}
  python: {python}
  backup_folder: {folder}/backups
  migrate_command: [{python}, manage.py, migrate, --no-input]
  services: [web, worker]
  users: {{table: shows_show, key: id, email: contact}}
  service_manager: supervisor
  maintenance_file: {folder}/maintenance
  logs: [{folder}/web.log]
  smoke_checks:
    - {{name: Shows, url: /shows_show/, contains: "rows:"}}
    - {{name: Posts, url: /channels_post/, contains: "rows: 2000"}}
targets:
  db: {{kind: postgres, url: {{secret: "env:{url}"}}}}
  site: {{kind: http, base_url: "{address}"}}
  host: {{kind: local}}
  app: {{kind: command, on: local, prefix: [env, -C, {site}]}}
"""
ANSWERS = ("checklist=all", "ready=yes", "functional=all", "afterwards=all")


@dataclass(frozen=True, slots=True)
class Desk(Typed):
    """The folder; its inventory leads to the board."""

    folder: Path
    board: Board
    port: int | None = None  # of what leads to the server, where it is not reached directly

    def __post_init__(self) -> None:
        (self.folder / "inventory").mkdir(parents=True, exist_ok=True)
        places = {"site": self.board.folder / "site", "folder": self.board.folder, "python": sys.executable}
        text = _INVENTORY.format(**places, url=_URL, address=self.board.address)
        (self.folder / "inventory" / "board.yml").write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the operator's shell; the code is started with the site's own account."""
        pattern = self.board.pattern
        path = f"{self.board.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        urls = {_URL: self._url(), "DATABASE_URL": pattern.url(user="forum")}
        return {**os.environ, **urls, "PATH": path, "NO_COLOR": "1", "COLUMNS": "160"}

    def _url(self) -> str:
        url = self.board.pattern.url()
        return url if self.port is None else re.sub(r":\d+/", f":{self.port}/", url)

    def going_back(self, **inputs: str) -> tuple[str, ...]:
        """Give the words that take the deploy back."""
        pattern = self.board.pattern
        given = {"deploy": pattern.merge, "deployed_at": pattern.deployed_at.isoformat(), "watch_for": "1s", **inputs}
        return _run("rollback-deploy", given, answering())

    def bringing_back(self, cure: str, **inputs: str) -> tuple[str, ...]:
        """Give the words that bring the database back by one of the two cures, and leave the code as it is."""
        given = {"deployed_at": self.board.pattern.deployed_at.isoformat(), "cure": cure, **inputs}
        return _run("rollback-database", given, ("--answer=ready=yes",))


def _run(runbook: str, given: Mapping[str, str], answers: tuple[str, ...]) -> tuple[str, ...]:
    options = [f"--set={name}={value}" for name, value in given.items()]
    return ("run-runbook", runbook, "--env", "board", *options, *answers, "--yes")


def answering() -> tuple[str, ...]:
    """Give the answers of an operator who goes on."""
    return tuple(f"--answer={answer}" for answer in ANSWERS)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a command and all of its group at once; tells whether it was still there."""
    with suppress(ProcessLookupError):  # it may have ended, and been waited for, a moment before
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL
