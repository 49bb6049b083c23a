"""Who holds what a change waits for, on MySQL and MariaDB: queries of sessions' ids, and of a sentence about each."""

from typing import Final

END: Final = "KILL {}"
CANCEL: Final = "KILL QUERY %s"

# Who holds a table: MariaDB's plugin, MySQL's performance schema, or else whoever has a transaction open.
OF_TABLES: Final = (
    """SELECT thread_id FROM information_schema.metadata_lock_info
       WHERE table_schema = DATABASE() AND table_name IN ({tables})""",
    """SELECT t.processlist_id FROM performance_schema.metadata_locks l
       JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
       WHERE l.object_schema = DATABASE() AND l.object_name IN ({tables}) AND l.lock_status = 'GRANTED'""",
    "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx",
)
OF_ROWS: Final = "SELECT blocking_pid FROM sys.innodb_lock_waits WHERE waiting_pid = %s"
STATE: Final = "SELECT COALESCE(state, '') FROM information_schema.processlist WHERE id = %s"
# Without the right PROCESS an account sees its own sessions only, and not which of them have a transaction open.
ASLEEP: Final = """
    SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND command = 'Sleep'
    ORDER BY time DESC LIMIT 5"""
SESSIONS: Final = """
    SELECT id, CONCAT('session ', id, ' of ', user, ' from ', host, ', ', command, ' for ', time, ' s, since ',
        CAST(UTC_TIMESTAMP() - INTERVAL time SECOND AS TIME), ' UTC',
        COALESCE(CONCAT(': ', LEFT(NULLIF(COALESCE(info, state), ''), 80)), ''))
    FROM information_schema.processlist WHERE id IN ({ids}) AND id <> CONNECTION_ID()
    ORDER BY time DESC LIMIT 5"""
UNKNOWN: Final = frozenset({1044, 1109, 1142, 1143, 1146, 1227, 1356})
"""What the server answers of a table that it does not have, or that the account may not read."""
