"""What a run looks at before it works with whole databases: rights, a pooler in the way, standbys."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...errors import Unreachable
from ...postgres.names import quote
from ...postgres.rights import ACCESS, ACCOUNT, Access, Account
from ...schema import build
from ..base import Finding
from .room import room
from .uncarried import large_objects, obstacles

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_STANDBYS: Final = """
    SELECT coalesce(nullif(r.application_name, ''), host(r.client_addr), 'standby'), r.state,
           pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn)::bigint,
           extract(epoch FROM r.replay_lag)::float
    FROM pg_catalog.pg_stat_replication r JOIN pg_catalog.pg_stat_activity a USING (pid)
    WHERE a.datid IS NULL ORDER BY 1"""
_LAG: Final = 64 * 2**20  # bytes


def look(target: "PostgresTarget") -> tuple[Finding, ...]:
    """Look from the maintenance database; what cannot be reached is one finding."""
    try:
        with closing(target.connect(target.postgres.maintenance)) as connection:
            connection.autocommit = True
            return tuple(_look(target, connection))
    except Unreachable as error:
        return (target.finding("maintenance database", "missing", error.message, "Name another in maintenance:."),)


def _look(target: "PostgresTarget", connection: "Connection") -> Iterator[Finding]:
    if through_pooler(connection):
        yield target.finding(
            "direct connection",
            "missing",
            "the server is reached through a pooler, where snapshots, settings and locks of a session do not hold",
            "Give the target the server's own address and port, and name the pooler in pooler: of the swap.",
        )
        return
    yield from _rights(target, connection)
    yield from obstacles(target, connection)
    yield from room(target, connection)
    recovering = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
    if recovering == (False,):
        yield from _standbys(target, connection)


def through_pooler(connection: "Connection") -> bool:
    """
    Tell whether something between here and the server answers for it.

    A pooler gives every client a key of its own to cancel with, as its connections are nobody's; so the number of the
    process that it names is not that of the one that answers.
    """
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid


def read_rights(connection: "Connection", account: str, database: str) -> Account | None:
    """Read which rights an account has; None where there is no such database."""
    row = _asked(connection, ACCOUNT, account, database)
    return None if row is None else build(Account, row)


def read_access(connection: "Connection", account: str) -> Access:
    """Read what an account may do inside the database of a connection."""
    return build(Access, _asked(connection, ACCESS, account, ""))


def _asked(connection: "Connection", query: str, account: str, database: str) -> dict[str, object] | None:
    from psycopg.rows import dict_row

    given = query.replace(":account", "%(account)s").replace(":database", "%(database)s")
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(given.encode(), {"account": account, "database": database})
        return cursor.fetchone()


def _rights(target: "PostgresTarget", connection: "Connection") -> Iterator[Finding]:
    account = read_rights(connection, str(connection.info.user), target.database)
    if account is None:
        return
    rights = account.all()
    left: tuple[Finding, ...] = ()
    if not target.reader().closed():
        with closing(target.connect()) as live:
            rights = (*rights, *read_access(live, account.name).all())
            left = tuple(large_objects(target, live))
    for right in rights:
        yield target.finding(right.what, *right.told(account.name), kinds=right.kinds)
    yield from left


def _standbys(target: "PostgresTarget", connection: "Connection") -> Iterator[Finding]:
    for name, state, behind, seconds in connection.execute(_STANDBYS):
        if state is None:
            advice = (
                f"GRANT pg_read_all_stats TO {quote(str(connection.info.user))}; else filling does not wait for it."
            )
            message = "connected; its lag is not told to this account"
            yield target.finding(f"standby {name}", "warning", message, advice)
        elif behind is None:
            advice = "It has just connected, or copies a backup: look again before a step that writes much."
            yield target.finding(f"standby {name}", "warning", f"{state}; it has told no lag yet", advice)
        elif behind > _LAG:
            message = f"{state}, {behind / 2**20:.0f} MiB behind" + (f" ({seconds:.0f} s)" if seconds else "")
            advice = "A restore and a pass write that much and more: wait until it has caught up."
            yield target.finding(f"standby {name}", "warning", message, advice)
        else:
            yield target.finding(f"standby {name}", "ok", f"{state}, {behind / 2**10:.0f} KiB behind")
