"""Runs PostgreSQL's own programs on a host, with the account of a target and without its password in sight."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from ...errors import CommandFailed, TargetError
from ...ops import Execution
from ..hosts import KEPT, HostTarget
from ..output import CommandOutput
from ..process import Launch

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from ..sql import SqlTarget
    from .session import Connection
    from .target import PostgresTarget

Host = HostTarget[Any]

_PATIENCE: Final = 30.0  # seconds until programs whose sessions were ended must be gone
_LOOK: Final = 2.0  # seconds between two looks at how far a program is
_NAMES: Final = {
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
_END: Final = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE application_name = %s AND pid <> pg_catalog.pg_backend_pid()"""


def host_of(target: "SqlTarget", name: str) -> Host:
    """Give the host *name*; raises `TargetError` where it is none."""
    found = target.surroundings.others.target(name)
    if not isinstance(found, HostTarget):
        raise TargetError(
            f"target {name!r} ({found.kind}) runs no commands",
            advice="Name a target of kind local, ssh or command in runs_on:.",
        )
    return found


def session_name(execution: Execution) -> str:
    """Name the sessions of a step's programs, by which an attempt that was cut off is found again."""
    return f"rollbook {execution.mark}"[:63]


def claim(connection: "Connection", execution: Execution) -> None:
    """Give a connection of a step the name of its sessions: what it has begun goes on when this process is killed."""
    connection.execute("SELECT pg_catalog.set_config('application_name', %s, false)", (session_name(execution),))


def address_from(target: "SqlTarget", host: Host) -> "URL":
    """
    Give the server's address as *host* reaches it, with the password.

    Another host than this machine reaches it by itself, not through a tunnel of this one.
    """
    if host.kind == "local":
        return target.near(target.settings)
    return target.written_address(target.settings)


def environment(target: "PostgresTarget", host: Host, execution: Execution) -> Mapping[str, str]:
    """Give the variables by which a program on *host* reaches the server; with the password, never to be shown."""
    url = address_from(target, host)
    given = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    found = {name: str(value) for name, value in given.items() if value is not None}
    for key, value in url.query.items():
        name = _NAMES.get(key, f"PG{key.replace('connect_', 'CONNECT_').upper()}")
        found[name] = value if isinstance(value, str) else ",".join(value)
    return {"PGOPTIONS": "", **found, "PGAPPNAME": session_name(execution)}


def run_program(
    target: "PostgresTarget",
    host: Host,
    argv: tuple[str, ...],
    execution: Execution,
    *,
    watch: Callable[[], bool] = lambda: False,
) -> None:
    """
    Run one of PostgreSQL's programs to its end; *watch* is called now and then and may ask to stop.

    Raises `CommandFailed` with the end of what it said, `CommandTimeout`, `Interrupted` or `Unreachable`.
    """
    output = CommandOutput(target.redactor, execution.write_output, keep=KEPT)
    launch = Launch(
        argv,
        environment=environment(target, host, execution),
        confidential=True,
        timeout=execution.timeout,
        mark=execution.mark,
    )
    exited = host.launch(launch, output, lambda: execution.stopping() or watch())
    output.end()
    if exited:
        program = next((word.rpartition("/")[2] for word in argv if word.rpartition("/")[2].startswith("p")), argv[0])
        raise CommandFailed(
            f"{program} on {host.name} ended with exit code {exited}",
            exited=exited,
            tail=output.tail,
            advice=f"It said: {output.tail.strip()[-600:] or 'nothing'}",
        )


def run_script(host: Host, script: str, *arguments: str) -> str:
    """Run a small script of ours on a host and give what it printed. Raises `TargetError` with its complaint."""
    output = CommandOutput(host.redactor, keep=1 << 26)
    exited = host.launch(Launch(("sh", "-c", script, "sh", *arguments)), output)
    output.end()
    if exited:
        raise TargetError(
            f"{host.name}: {output.errors.decode(errors='replace').strip() or f'exit code {exited}'}",
            advice="Look at the folder, its owner and the space left.",
        )
    return output.kept.decode(errors="replace")


def end_earlier(target: "PostgresTarget", host: Host, execution: Execution) -> None:
    """End what an attempt of this step that was cut off left running. Raises `TargetError` where it does not end."""
    until = time.monotonic() + _PATIENCE
    with closing(target.connect(target.postgres.maintenance)) as connection:
        connection.autocommit = True
        while connection.execute(_END, (session_name(execution),)).fetchall() or host.running(execution.mark):
            if time.monotonic() > until:
                raise TargetError(
                    f"programs of an earlier attempt at this step do not end: sessions {session_name(execution)!r}",
                    advice="Look at pg_stat_activity, end them there, then resume.",
                )
            time.sleep(0.1)


@contextmanager
def every(seconds: float = _LOOK) -> Iterator[Callable[[], bool]]:
    """Give a function that says yes at most once in so many seconds."""
    last = [time.monotonic()]

    def due() -> bool:
        now = time.monotonic()
        if now - last[0] < seconds:
            return False
        last[0] = now
        return True

    yield due
