"""Changes tables with a short wait for their locks, again and again, and says who holds them."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from ...migrations.holding import held
from ...mysql.holders import END, OF_TABLES, SESSIONS, UNKNOWN
from .session import LOCK_WAIT, run, texts

if TYPE_CHECKING:
    from .session import Connection

T = TypeVar("T")

_TRIES: Final = 10
_LOCKED: Final = frozenset({1205, 1213})
_UNABLE: Final = frozenset({1845, 1846, 1221})
_WAYS: Final = ("ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE", "")


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
                raise held(", ".join(tables), dict(blockers(connection, tables)), END) from None
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


def blockers(connection: "Connection", tables: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give the sessions that hold tables, each with what is to be said of it, as far as the account may see."""
    import pymysql

    holes = ", ".join(["%s"] * len(tables))
    for query in OF_TABLES:
        given = tables if "{tables}" in query else None
        try:
            ids = [row[0] for row in texts(connection, query.format(tables=holes), given) if row[0]]
        except pymysql.err.MySQLError as error:
            if error.args[0] not in UNKNOWN:
                raise
            continue
        if ids:
            told = texts(connection, SESSIONS.format(ids=", ".join(sorted(set(ids)))))
            yield from ((int(id_), said) for id_, said in told)
            return
