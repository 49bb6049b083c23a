"""
Counts what was ever written to each table of a database, so that two looks prove that nothing was between them.

The server's own counters of inserted, updated and deleted rows, and the file that holds the rows (TRUNCATE and
rewriting change it). Sessions add to the counters when they end their transaction, at the latest when they end: so a
look after every other session has ended misses nothing. Counters that were reset differ too, and are no proof.
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
      AND n.nspname <> 'information_schema' ORDER BY 1"""


def read_writes(connection: "Connection") -> Mapping[str, str]:
    """Read the counters by table. Raises StepFailed where the server does not count."""
    counting = connection.execute("SELECT pg_catalog.current_setting('track_counts')").fetchone()
    if counting != ("on",):
        raise StepFailed(
            "The server does not count what is written to tables (track_counts is off), so nothing proves that"
            " nobody writes.",
            advice="ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();",
        )
    connection.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
    return {str(name): str(counters) for name, counters in connection.execute(_COUNTERS)}


def written(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Name the tables that were written to between two looks, made, or dropped."""
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
