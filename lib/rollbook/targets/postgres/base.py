"""Makes the base of a merge: the backup in a scratch database, migrated forward by the deployed code itself."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...errors import CommandFailed, TargetError
from ...ops import Execution, OpResult
from ...postgres.restoring import MakeBase
from ..hosts import KEPT
from ..output import CommandOutput
from ..process import Launch
from .horizons import set_aside, take_back
from .programs import Host, address_from, environment, host_of
from .renaming import note_names, settle_renames
from .restore import maintenance, restore_database

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_NOT_FOUND: Final = (126, 127)
_PATIENCE: Final = 5.0  # seconds; statistics of sessions come a little later
# Before PostgreSQL 14 sessions are not counted; transactions are, and those of autovacuum with them.
_SESSIONS: Final = """
    SELECT coalesce((to_jsonb(s) ->> 'sessions')::bigint, s.xact_commit + s.xact_rollback)
    FROM pg_catalog.pg_stat_database s WHERE s.datname = %s"""


def make_base(target: "PostgresTarget", op: MakeBase, execution: Execution) -> OpResult:
    """Restore, migrate, and mark what came of it."""
    host = host_of(target, op.host)
    result = restore_database(target, op.restore, execution)
    _in_base(target, op, _begin)
    before = _settled(target, op.restore.database)
    failure = _migrate(target, host, op, execution)
    if failure is not None and not op.optional:
        raise failure
    if failure is None:
        _require_connected(target, op, before)
    _in_base(target, op, _end)
    with maintenance(target, execution) as connection:
        connection.execute(op.restore.marked("undecided" if failure else "base").encode())
    told = "" if failure is None else f"{failure.message}: {failure.tail.strip()[-600:]}"
    return OpResult(outputs={**result.outputs, "failure": told})


def _begin(base: "Connection") -> None:
    note_names(base)
    set_aside(base)


def _end(base: "Connection") -> None:
    take_back(base)
    settle_renames(base)


def _in_base(target: "PostgresTarget", op: MakeBase, change: Callable[["Connection"], None]) -> None:
    with closing(target.connect(op.restore.database)) as connection:
        change(connection)
        connection.commit()


def _migrate(target: "PostgresTarget", host: Host, op: MakeBase, execution: Execution) -> CommandFailed | None:
    output = CommandOutput(target.redactor, execution.write_output, keep=KEPT)
    given = {name: target.secrets.resolve(value) for name, value in op.environment.items()}
    launch = Launch(
        op.command,
        directory=op.directory,
        environment={**_address(target, host, op, execution), **given},
        confidential=True,
        timeout=execution.timeout,
        run_as=op.run_as,
        mark=execution.mark,
    )
    exited = host.launch(launch, output, execution.stopping)
    output.end()
    if not exited:
        return None
    failure = CommandFailed(
        f"the migrations ({op.command[0]} on {host.name}) ended with exit code {exited}",
        exited=exited,
        tail=output.tail,
        advice=f"It said: {output.tail.strip()[-600:] or 'nothing'}",
    )
    if exited in _NOT_FOUND:  # nothing was tried, so it says nothing of the migrations
        raise failure
    return failure


def _address(target: "PostgresTarget", host: Host, op: MakeBase, execution: Execution) -> Mapping[str, str]:
    """Give the variables that lead to the scratch database; with the password, never to be shown."""
    given = {**environment(target, host, execution), "PGDATABASE": op.restore.database}
    if not op.url_variable:
        return given
    url = address_from(target, host).set(drivername=op.scheme, database=op.restore.database)
    return {**given, op.url_variable: url.render_as_string(hide_password=False).replace(" ", "%20")}


def _sessions(target: "PostgresTarget", database: str) -> int:
    with closing(target.connect(target.postgres.maintenance)) as connection:
        row = connection.execute(_SESSIONS, (database,)).fetchone()
    return int(row[0]) if row else 0


def _settled(target: "PostgresTarget", database: str) -> int:
    """Count the sessions that the database has had, once the count of our own ones has arrived."""
    count, since = _sessions(target, database), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.1)
        now = _sessions(target, database)
        if now != count:
            count, since = now, time.monotonic()
    return count


def _require_connected(target: "PostgresTarget", op: MakeBase, before: int) -> None:
    until = time.monotonic() + _PATIENCE
    while _sessions(target, op.restore.database) <= before:
        if time.monotonic() > until:
            where = op.url_variable or "PGDATABASE, PGHOST, PGUSER and PGPASSWORD"
            raise TargetError(
                f"the migrations ended well and never connected to {op.restore.database}: what they migrated "
                "was another database",
                advice=f"Have the application's settings read {where}, and look which database it used.",
            )
        time.sleep(0.1)
