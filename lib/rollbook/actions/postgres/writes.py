"""What was written to the live database since the counters were read once."""

from collections.abc import Mapping

from ...targets.base import PostgresReader

_COUNTERS = """
    SELECT n.nspname || '.' || c.relname AS name, pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS inserted,
           pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updated,
           pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS deleted,
           c.oid::bigint || ' ' || pg_catalog.pg_relation_filenode(c.oid) AS file
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"""

_ANEW = ", and it was emptied or written anew as a whole (TRUNCATE, VACUUM FULL): rows that went so are not counted"


def read_written(server: PostgresReader, before: Mapping[str, str]) -> tuple[str, ...]:
    """Say per table how many rows were written since; *before* as `targets.postgres.writes` reads it."""
    found = []
    for row in server.rows_in(server.database, _COUNTERS):
        now = (row["inserted"], row["updated"], row["deleted"])
        old = tuple(map(int, before[row["name"]].split()[2:])) if row["name"] in before else (0, 0, 0)
        new, changed, gone = (later - earlier for later, earlier in zip(now, old, strict=True))
        anew = row["name"] in before and row["file"] != " ".join(before[row["name"]].split()[:2])
        if anew or (new, changed, gone) != (0, 0, 0):
            more = _ANEW if anew else ""
            found.append(f"{row['name']}: {new} new, {changed} changed, {gone} deleted rows{more}")
    return tuple(found)
