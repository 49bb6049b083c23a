"""A PostgreSQL on loopback for as long as a demo runs; nobody enters without a password."""

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg

from rollbook.demo.errors import DemoError
from rollbook.demo.process import free_port, spawn, stop

from ..dataclass import dataclass

SUPERUSER = "postgres"

_PATIENCE = 60.0  # seconds until a started server must answer
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "64MB"}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server on 127.0.0.1, its *programs*, and the password of its superuser."""

    port: int
    programs: Path
    password: str
    process: subprocess.Popen[bytes]

    def url(self, role: str, password: str, database: str) -> str:
        """Give the address of a database, with the password in it."""
        return f"postgresql://{quote(role)}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(database)}"

    @property
    def superuser_url(self) -> str:
        """Give the address that the demo itself uses to make roles and databases."""
        return self.url(SUPERUSER, self.password, "postgres")

    def stop(self) -> None:
        """Shut it down, and end the sessions that are left; may be called twice."""
        stop(self.process, by=signal.SIGINT)


class PostgresFolder:
    """
    Where a demo's PostgreSQL keeps its files: in *folder*, or for root, as whom it does not run, in /var/tmp.

    There *folder* is a link then, for the server's account must reach its files, which it may not below /root.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._account = _account()
        self._place = _place_for_root(folder) if self._account else folder
        self.programs = self._reachable(programs)

    @property
    def data(self) -> Path:
        """Give the cluster's folder."""
        return self._place / "data"

    def create(self) -> None:
        """Make an empty cluster in place of the one that was there."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._place.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700)
        if self._account:
            os.chown(self.data, self._account.pw_uid, self._account.pw_gid)
        self._write_password()
        argv = [str(self.programs / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "scram-sha-256"]
        self._run([*argv, f"--pwfile={self._password_file}", "--no-sync", "-E", "UTF8", "--locale=C"])

    def start(self) -> PostgresServer:
        """Start the server and wait until it answers. Raises `DemoError` with the end of its log."""
        port, log = free_port(), self.folder.parent / "postgres.log"
        argv = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(port)]
        argv += [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        process = spawn([*self._as_account(), *argv], log=log)
        server = PostgresServer(port, self.programs, self._password_file.read_text(), process)
        try:
            _wait(server, log)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def _password_file(self) -> Path:
        return self._place / "password"

    def _reachable(self, programs: Path) -> Path:
        """Give the programs, or a copy of them where the server's account cannot run these."""
        if not self._account:
            return programs
        # By way of a shell: setpriv itself may still start what the account could not.
        probe = [*self._as_account(), "/bin/sh", "-c", '"$0" --version', str(programs / "postgres")]
        if subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0:
            return programs
        copy = self._place / programs.parent.name
        if not copy.exists():
            shutil.copytree(programs.parent, copy.with_suffix(".new"), symlinks=True, dirs_exist_ok=True)
            copy.with_suffix(".new").rename(copy)
        return copy / programs.name

    def _as_account(self) -> Sequence[str]:
        if not self._account:
            return ()
        ids = ["--reuid", str(self._account.pw_uid), "--regid", str(self._account.pw_gid), "--clear-groups"]
        return (_setpriv(), *ids, "--pdeathsig", "INT", "--")

    def _write_password(self) -> None:
        self._password_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(16))
        if self._account:
            os.chown(self._password_file, self._account.pw_uid, self._account.pw_gid)

    def _run(self, argv: Sequence[str]) -> None:
        done = subprocess.run([*self._as_account(), *argv], cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            tail = "\n  ".join(done.stderr.strip().splitlines()[-5:])
            raise DemoError(f"{Path(argv[0]).name} failed (exit {done.returncode}):\n  {tail}")


def _account() -> pwd.struct_passwd | None:
    """Give the account that a server started by root runs as."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DemoError(
        "PostgreSQL does not run as root, and there is neither an account postgres nor nobody.",
        advice="Run the demo as another user, or: useradd --system postgres",
    )


def _setpriv() -> str:
    found = shutil.which("setpriv", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if found is None:
        raise DemoError(
            "PostgreSQL does not run as root, and there is no setpriv to start it as somebody else.",
            advice="Run the demo as another user, or: apt-get install util-linux",
        )
    return found


def _place_for_root(folder: Path) -> Path:
    """Make a folder of root's that everybody may enter, and a link to it; its name is the same each time."""
    place = Path("/var/tmp") / f"rollbook-{sha256(str(folder).encode()).hexdigest()[:12]}"  # noqa: S108  # checked below
    place.mkdir(mode=0o755, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise DemoError(f"{place} is there, and not a folder that root alone writes to.", advice="Remove it.")
    place.chmod(0o755)
    folder.unlink(missing_ok=True)
    folder.symlink_to(place)
    return place


def _wait(server: PostgresServer, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(server.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > until:
                tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])
                raise DemoError(f"PostgreSQL did not come up:\n  {tail}", advice=f"See {log}.") from error
            time.sleep(0.05)
        else:
            return
