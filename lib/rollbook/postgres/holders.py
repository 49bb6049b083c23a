"""Who holds what a change waits for, on PostgreSQL: queries that give a process and a sentence about it."""

from typing import Final

END: Final = "SELECT pg_terminate_backend({})"
CANCEL: Final = "SELECT pg_catalog.pg_cancel_backend(%s)"

# Of other accounts' sessions the server hides most, unless this one is a member of pg_read_all_stats.
_SESSION: Final = """
    SELECT a.pid, concat(format('session %%s of %%s', a.pid, coalesce(a.usename, a.backend_type)),
        ' (' || nullif(concat_ws(', ', nullif(a.application_name, ''), host(a.client_addr)), '') || ')',
        coalesce(format(', %%s, in a transaction for %%s s, since %%s UTC', a.state,
            round(extract(epoch FROM clock_timestamp() - a.xact_start)),
            to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS')), ', ' || a.state),
        ': ' || regexp_replace(left(a.query, 80), '\\s+', ' ', 'g'))
    FROM pg_catalog.pg_stat_activity a"""

OF_TABLES: Final = f"""{_SESSION}
    WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.granted
        AND l.relation IN (SELECT name::regclass::oid FROM unnest(%s::text[]) name))
    ORDER BY a.xact_start LIMIT 5"""

OF_SESSION: Final = f"""{_SESSION}
    WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(%s))
    UNION ALL SELECT 0, format('the prepared transaction %%L of %%s, since %%s UTC (ROLLBACK PREPARED ends it)', gid,
        owner, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
    FROM pg_catalog.pg_prepared_xacts
    WHERE database = pg_catalog.current_database() AND 0 = ANY (pg_catalog.pg_blocking_pids(%s)) LIMIT 5"""
