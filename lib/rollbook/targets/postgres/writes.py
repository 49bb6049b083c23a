"""
Counts what was ever written to each table of a database, so that two looks prove that nothing was between them.

The server's own counters of inserted, updated and deleted rows, and the file that holds the rows (TRUNCATE and
rewriting change it). Sessions add to the counters when they end their transaction, at the latest when they end: so a
look after every other session has ended misses nothing. A server that crashes begins to count anew, as it does when
somebody resets its statistics: the instant of that is kept beside the counters, which prove nothing across it.

Before PostgreSQL 15 sessions hand their counters to a process that tells them half a second late: that is waited out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ...errors import StepFailed

if TYPE_CHECKING:
    from .session import Connection

_COUNTERS: Final = """
    SELECT n.nspname || '.' || c.relname, c.oid::bigint || ' ' || pg_catalog.pg_relation_filenode(c.oid) || ' '
           || pg_catalog.pg_stat_get_tuples_inserted(c.oid) || ' ' || pg_catalog.pg_stat_get_tuples_updated(c.oid)
           || ' ' || pg_catalog.pg_stat_get_tuples_deleted(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND (n.nspname !~ '^pg_' OR c.relname = 'pg_largeobject')
      AND n.nspname NOT IN ('information_schema', 'rollbook') ORDER BY 1"""

# A crash resets the statistics of the whole server, pg_stat_reset() those of the database.
_BEGAN: Final = """
    SELECT pg_catalog.concat_ws(' ', (SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_bgwriter),
        (SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_database
         WHERE datname = pg_catalog.current_database()))"""

_AT_ONCE: Final = 150_000  # the first version in which counters are in memory that all sessions share
_LATE: Final = "SELECT pg_catalog.pg_sleep(1)"  # twice the time for which they may be old

BEGAN: Final = "when the counting began"
"""The name, among the counters, of the instant since which they count."""


def read_writes(connection: "Connection") -> Mapping[str, str]:
    """Read the counters by table, and `BEGAN`. Raises StepFailed where the server does not count."""
    counting = connection.execute("SELECT pg_catalog.current_setting('track_counts')").fetchone()
    if counting != ("on",):
        raise StepFailed(
            "The server does not count what is written to tables (track_counts is off), so nothing proves that"
            " nobody writes.",
            advice="ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();",
        )
    if connection.info.server_version < _AT_ONCE:
        connection.execute(_LATE)
    connection.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
    found = {str(name): str(counters) for name, counters in connection.execute(_COUNTERS)}
    began = connection.execute(_BEGAN).fetchone()
    return {**found, BEGAN: str(began[0]) if began else ""}


def counted_anew(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Tell whether the counters of two looks cannot be compared."""
    return before.get(BEGAN) != after.get(BEGAN)


def written(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """
    Name the tables that were written to between two looks, made, or dropped.

    Where the server began to count anew in between, `BEGAN` is among the names, and any table may have been.
    """
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
