"""Real servers for the tests, on loopback and in folders of their own; gone when the tests are."""

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
import redis

from rollbook.demo.process import free_port, spawn, stop

_PATIENCE = 60.0  # seconds


class Unavailable(Exception):
    """This machine cannot give that server; the text says why."""


@dataclass(frozen=True, slots=True)
class SqlServer:
    """A database server; *url* wants the name of a database at its end."""

    url: str
    process: subprocess.Popen[bytes]
    ended_by: signal.Signals = signal.SIGTERM

    def stop(self) -> None:
        stop(self.process, by=self.ended_by)


@dataclass(frozen=True, slots=True)
class SshServer:
    """An sshd that lets this user in with *key*, and nobody else."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        stop(self.process)


def start_mariadb(folder: Path, *settings: str) -> SqlServer:
    """Start MariaDB with its files in *folder*, with *settings* as name=value; root has no password."""
    server, install = _program("mariadbd"), _program("mariadb-install-db")
    account = _account(folder, "mysql")
    data = folder / "data"
    made = [
        install,
        "--no-defaults",
        f"--datadir={data}",
        f"--tmpdir={folder}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    _prepare([*account, *made], folder)
    port = free_port()
    # A server that starts clears its tmpdir, also of what another one keeps there.
    argv = [
        server,
        "--no-defaults",
        f"--datadir={data}",
        f"--tmpdir={folder}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
    ]
    argv += [f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M"]
    argv += ["--performance-schema=OFF", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2"]
    # What is killed here are processes, never the machine: what the kernel was given is written in the end.
    argv += ["--loose-innodb-flush-method=nosync", "--loose-debug-no-sync", "--loose-sync-frm=0"]
    argv += [f"--{setting}" for setting in settings]
    process = spawn([*account, *argv], log=folder / "log")

    def answers() -> None:
        pymysql.connect(host="127.0.0.1", port=port, user="root").close()

    _wait(answers, process, folder, (pymysql.err.OperationalError,))
    return SqlServer(f"mysql+pymysql://root@127.0.0.1:{port}/", process)


def start_postgres(folder: Path, *settings: str) -> SqlServer:
    """
    Start PostgreSQL with its files in *folder*, with *settings* as NAME=VALUE; everybody on loopback is trusted.

    What a server that was stopped left there is taken up again.
    """
    server, initdb = _program("postgres"), _program("initdb")
    account = _account(folder, "postgres")
    data = folder / "data"
    made = [initdb, "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    if not data.exists():
        _prepare([*account, *made], folder)
    port = free_port()
    argv = [server, "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    argv += ["-c", "unix_socket_directories=", *(part for setting in settings for part in ("-c", setting))]
    process = spawn([*account, *argv], log=folder / "log")

    def answers() -> None:
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()

    _wait(answers, process, folder, (psycopg.OperationalError,))
    # SIGTERM would wait for the last client to leave.
    return SqlServer(f"postgresql+psycopg://postgres@127.0.0.1:{port}/", process, signal.SIGINT)


def start_redis(folder: Path) -> SqlServer:
    """Start Redis without a file of its own."""
    server = _program("redis-server")
    folder.mkdir(exist_ok=True)
    port = free_port()
    argv = [
        server,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = spawn(argv, log=folder / "log")

    def answers() -> None:
        client = redis.Redis(port=port)
        client.ping()
        client.close()

    _wait(answers, process, folder, (redis.exceptions.ConnectionError,))
    return SqlServer(f"redis://127.0.0.1:{port}/", process)


def start_standby(folder: Path, primary: str) -> SqlServer:
    """Start a hot standby of the server at the address *primary*, of which everything is copied first."""
    account = _account(folder, "postgres")
    data = folder / "data"
    copied = [
        _program("pg_basebackup"),
        "-d",
        primary,
        "-D",
        str(data),
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
        "--no-sync",
    ]
    _prepare([*account, *copied], folder)
    port = free_port()
    argv = [_program("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    argv += ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "wal_receiver_status_interval=1s"]
    process = spawn([*account, *argv], log=folder / "log")

    def answers() -> None:
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()

    _wait(answers, process, folder, (psycopg.OperationalError,))
    return SqlServer(f"postgresql+psycopg://postgres@127.0.0.1:{port}/", process, signal.SIGINT)


def start_pgbouncer(folder: Path, port: int, databases: Sequence[str], users: Sequence[str]) -> SqlServer:
    """Start a pgbouncer before the PostgreSQL at *port* of this machine, which pools by transaction and trusts *users*."""
    account = _account(folder, "postgres")
    own = free_port()
    pools = [f"{name} = host=127.0.0.1 port={port} dbname={name}" for name in databases]
    settings = ["listen_addr = 127.0.0.1", f"listen_port = {own}", "auth_type = trust", "pool_mode = transaction"]
    settings += [f"auth_file = {folder / 'users'}", "unix_socket_dir =", f"admin_users = {users[0]}"]
    settings += ["ignore_startup_parameters = extra_float_digits, options"]
    (folder / "users").write_text("".join(f'"{user}" ""\n' for user in users))
    (folder / "ini").write_text("\n".join(["[databases]", *pools, "[pgbouncer]", *settings, ""]))
    process = spawn([*account, _program("pgbouncer"), str(folder / "ini")], log=folder / "log")

    def answers() -> None:
        psycopg.connect(host="127.0.0.1", port=own, user=users[0], dbname="pgbouncer", autocommit=True).close()

    _wait(answers, process, folder, (psycopg.OperationalError,))
    return SqlServer(f"postgresql+psycopg://{users[0]}@127.0.0.1:{own}/", process, signal.SIGINT)


def start_sshd(folder: Path) -> SshServer:
    """Start an sshd for this user, with throw-away keys."""
    server, keygen = _program("sshd"), _program("ssh-keygen")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copyfile(folder / "user.pub", folder / "authorized_keys")
    port = free_port()
    (folder / "sshd_config").write_text(_sshd_config(folder, port))
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    process = spawn([server, "-D", "-e", "-f", str(folder / "sshd_config")], log=folder / "log")
    found = SshServer("127.0.0.1", port, getpass.getuser(), folder / "user", folder / "known_hosts", process)
    _wait(lambda: _log_in(found), process, folder, (subprocess.CalledProcessError,))
    return found


# systemd takes orders only where it believes to have booted, and needs a group of its own for its units' processes.
_SYSTEMD = """
set -e
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/system
for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -e "$root/cgroup.procs" ] || continue
  if mkdir -p "$root/rollbook-test-$$" 2>/dev/null; then echo $$ >"$root/rollbook-test-$$/cgroup.procs" || true; fi
done
exec "$1" --user
"""


def start_systemd(folder: Path) -> subprocess.Popen[bytes]:
    """Start an account's systemd with *folder* as its runtime directory and its units in config/systemd/user."""
    server = next((path for path in ("/lib/systemd/systemd", "/usr/lib/systemd/systemd") if Path(path).exists()), None)
    if server is None:
        raise Unavailable("there is no systemd on this machine")
    folder.mkdir(mode=0o700, exist_ok=True)
    environment = {"XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    argv = [_program("unshare"), "--mount", "--", _program("sh"), "-c", _SYSTEMD, "sh", server]
    process = spawn(argv, log=folder / "log", environment={**os.environ, **environment})

    def answers() -> None:
        told = [_program("systemctl"), "--user", "list-units", "--no-legend"]
        subprocess.run(told, check=True, capture_output=True, timeout=20, env={**os.environ, **environment})

    _wait(answers, process, folder, (subprocess.CalledProcessError,))
    return process


def _sshd_config(folder: Path, port: int) -> str:
    # SHLVL keeps bash from taking itself for a remote login and reading ~/.bashrc before every command.
    lines = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "UsePAM": "no",
        "UseDNS": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "MaxStartups": 1000,
        "MaxSessions": 1000,
        "SetEnv": "SHLVL=5",
        "Subsystem": "sftp internal-sftp",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _log_in(server: SshServer) -> None:
    options = ["-o", f"UserKnownHostsFile={server.known_hosts}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    command = [
        _program("ssh"),
        "-F",
        "none",
        *options,
        "-i",
        str(server.key),
        "-p",
        str(server.port),
        "-l",
        server.user,
    ]
    subprocess.run([*command, server.host, "true"], check=True, capture_output=True, timeout=20)


def _program(name: str) -> str:
    """Find a program, also where Debian hides PostgreSQL's and where users have no PATH to."""
    hidden = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    path = os.pathsep.join([*map(str, hidden), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise Unavailable(f"there is no {name} on this machine")
    return found


def _account(folder: Path, name: str) -> list[str]:
    """Give the command that drops root's rights, for servers that refuse to be root; *folder* is theirs then."""
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        return []
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise Unavailable(f"the server does not run as root, and there is no account {name}") from None
    os.chown(folder, account.pw_uid, account.pw_gid)
    return [_program("setpriv"), "--reuid", name, "--regid", name, "--init-groups", "--pdeathsig", "TERM", "--"]


def _prepare(argv: list[str], folder: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(f"{argv[-1]}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")


def _wait(
    answers: Callable[[], None],
    process: subprocess.Popen[bytes],
    folder: Path,
    not_yet: tuple[type[Exception], ...],
) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            answers()
        except not_yet as error:
            if process.poll() is not None or time.monotonic() > until:
                stop(process)
                raise Unavailable(f"{error}: {(folder / 'log').read_text(errors='replace')[-1000:]}") from error
            time.sleep(0.05)
        else:
            return
