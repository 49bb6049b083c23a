"""The forum's processes under supervisord: gunicorn as `web`, and Celery as `celery_worker`."""

import os
import secrets
import shlex
import subprocess
import time
from pathlib import Path

from rollbook.demo.errors import DemoError
from rollbook.demo.forum.folder import ForumFolder, write_closed
from rollbook.demo.process import free_port, spawn, stop

from ...dataclass import dataclass

_PATIENCE = 30.0  # seconds until supervisord answers


@dataclass(frozen=True, slots=True)
class Services:
    """The running supervisord of a forum; the site answers at *url*."""

    folder: ForumFolder
    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop supervisord and all that it runs; may be called twice."""
        stop(self.process, grace=30)


def start_services(folder: ForumFolder) -> Services:
    """Start supervisord on free ports, with the site and its worker. Raises `DemoError` with the end of its log."""
    web, control = free_port(), free_port()
    write_closed(folder.path / "supervisord.conf", _configuration(folder, web, control), 0o600)
    log = folder.logs / "supervisord.out"
    python = str(folder.venv / "bin" / "python")
    process = spawn(
        [python, "-m", "supervisor.supervisord", "-n", "-c", str(folder.path / "supervisord.conf")],
        log=log,
        environment={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
    )
    services = Services(folder, f"http://127.0.0.1:{web}", process)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            folder.supervise("pid")
        except DemoError as error:
            if process.poll() is not None or time.monotonic() > until:
                services.stop()
                raise DemoError(f"supervisord did not come up: {error}", advice=f"See {log}.") from error
            time.sleep(0.1)
        else:
            return services


def _configuration(folder: ForumFolder, web: int, control: int) -> str:
    password = secrets.token_urlsafe(16)
    account = ["user=root"] if os.geteuid() == 0 else []  # said on purpose, or supervisord warns of it
    address = ["username=forum", f"password={password}"]
    gunicorn = f"gunicorn --bind 127.0.0.1:{web} --workers 2 --access-logfile - forum.wsgi:application"
    celery = "celery --app forum.worker worker --concurrency 1 --loglevel INFO --without-gossip --without-mingle"
    return "\n".join(
        [
            "[supervisord]",
            *account,
            f"logfile={_quoted(folder.logs / 'supervisord.log')}",
            f"pidfile={_quoted(folder.path / 'supervisord.pid')}",
            f"childlogdir={_quoted(folder.logs)}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "[inet_http_server]",
            f"port=127.0.0.1:{control}",
            *address,
            "[supervisorctl]",
            f"serverurl=http://127.0.0.1:{control}",
            *address,
            *_program(folder, "web", gunicorn, folder.web_log),
            *_program(folder, "celery_worker", celery, folder.logs / "celery.log"),
            "",
        ]
    )


def _program(folder: ForumFolder, name: str, command: str, log: Path) -> list[str]:
    return [
        f"[program:{name}]",
        f"command={shlex.quote(_quoted(folder.bin / 'run'))} {command}",
        f"stdout_logfile={_quoted(log)}",
        "redirect_stderr=true",
        "killasgroup=true",
        "stopwaitsecs=20",
    ]


def _quoted(path: Path) -> str:
    """Write a path as supervisord reads it: % begins a variable there."""
    return str(path).replace("%", "%%")
