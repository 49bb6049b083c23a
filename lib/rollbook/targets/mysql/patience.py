"""Changes tables with a short wait for their locks, again and again, and says who holds them."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from ...errors import TargetError
from .session import LOCK_WAIT, run, texts

if TYPE_CHECKING:
    from .session import Connection

T = TypeVar("T")

_TRIES: Final = 10
_LOCKED: Final = frozenset({1205, 1213})
_NO_SUCH: Final = frozenset({1109, 1146, 1142, 1227})
_UNABLE: Final = frozenset({1845, 1846, 1221})
_WAYS: Final = ("ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE", "")

# Who holds a table: MariaDB's plugin, MySQL's performance schema, or else whoever has a transaction open.
_HOLDERS: Final = (
    """SELECT thread_id FROM information_schema.metadata_lock_info
       WHERE table_schema = DATABASE() AND table_name IN ({tables})""",
    """SELECT t.processlist_id FROM performance_schema.metadata_locks l
       JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
       WHERE l.object_schema = DATABASE() AND l.object_name IN ({tables}) AND l.lock_status = 'GRANTED'""",
    "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx",
)
_SESSIONS: Final = """
    SELECT CONCAT('session ', id, ' of ', user, ' from ', host, ', ', command, ' for ', time, ' s: ',
        COALESCE(LEFT(info, 80), state, ''))
    FROM information_schema.processlist WHERE id IN ({ids}) AND id <> CONNECTION_ID() LIMIT 5"""


def patiently(connection: "Connection", tables: Sequence[str], change: Callable[[], T]) -> T:
    """
    Make a change of tables of the live schema, or a transaction, up to ten times while others hold locks.

    A change that waits long for its lock keeps everybody waiting behind it. Raises `TargetError` naming who holds it.
    """
    import pymysql

    attempt = 0
    while True:
        attempt += 1
        try:
            found = change()
            connection.commit()
        except pymysql.err.OperationalError as error:
            connection.rollback()
            if error.args[0] not in _LOCKED:
                raise
            if attempt == _TRIES:
                holders = "; ".join(blockers(connection, tables)) or "they are gone now"
                raise TargetError(
                    f"{', '.join(tables)} stayed locked by others: {holders}",
                    advice="End those sessions, or wait for them; then resume.",
                ) from None
            time.sleep(min(attempt, LOCK_WAIT))
        else:
            return found


def sent(connection: "Connection", tables: Sequence[str], statement: str) -> int:
    """Send a statement that concerns *tables*, as patiently; gives how many rows it touched."""
    return patiently(connection, tables, lambda: run(connection, statement))


def altered(connection: "Connection", table: str, statement: str) -> None:
    """Alter a table in the way that keeps others waiting least of those that the server can."""
    import pymysql

    for way in _WAYS:
        try:
            sent(connection, (table,), f"{statement}, {way}" if way else statement)
        except (pymysql.err.OperationalError, pymysql.err.NotSupportedError) as error:
            if error.args[0] not in _UNABLE or not way:
                raise
        else:
            return


def blockers(connection: "Connection", tables: Sequence[str]) -> Iterator[str]:
    """Say who holds tables, as far as the account may see."""
    import pymysql

    holes = ", ".join(["%s"] * len(tables))
    for query in _HOLDERS:
        given = tables if "{tables}" in query else None
        try:
            ids = [row[0] for row in texts(connection, query.format(tables=holes), given) if row[0]]
        except pymysql.err.MySQLError as error:
            if error.args[0] not in _NO_SUCH:
                raise
            continue
        if ids:
            yield from (row[0] for row in texts(connection, _SESSIONS.format(ids=", ".join(sorted(set(ids))))))
            return
