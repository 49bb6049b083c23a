"""Opens connections to MySQL and MariaDB on which every value is written and read the same way."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from ...errors import Unreachable

if TYPE_CHECKING:
    import pymysql
    from sqlalchemy.engine import Engine

    Connection: TypeAlias = pymysql.connections.Connection[pymysql.cursors.Cursor]

Cell: TypeAlias = str | bytes | None
Row: TypeAlias = tuple[Cell, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

LOCK_WAIT: Final = 5  # seconds that a change of tables waits for others; everybody else waits behind it

# Zero dates, dates that are none and rows numbered 0 come back as they were; what does not fit is an error.
_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"
SETTINGS: Final = (
    f"sql_mode = '{_MODE}'",
    "time_zone = '+00:00'",
    "foreign_key_checks = 1",
    "unique_checks = 1",
    "sql_quote_show_create = 1",
    "group_concat_max_len = 1000000",
    f"lock_wait_timeout = {LOCK_WAIT}",
    f"innodb_lock_wait_timeout = {LOCK_WAIT}",
    "wait_timeout = 604800",
    "net_read_timeout = 3600",
    "net_write_timeout = 3600",
)


# Whatever time the server gives a statement, reading and writing much takes its own; each server reads its own word.
_UNLIMITED: Final = "/*M!100101 , max_statement_time = 0 */ /*!50708 , max_execution_time = 0 */"


def connect(engine: "Engine", *, label: str = "rollbook", reading: bool = False) -> "Connection":
    """
    Connect to where *engine* leads; cells are given as the server writes them, binary ones as bytes.

    *reading* opens one snapshot that cannot write. Raises `Unreachable`. What was not committed is taken back when
    the connection is closed; DDL commits by itself.
    """
    import pymysql
    from pymysql.converters import encoders

    arguments, options = engine.dialect.create_connect_args(engine.url)
    # Without what makes Python values of cells: some of them could not be given back as they were.
    given = {**options, "charset": "utf8mb4", "conv": dict(encoders), "program_name": label, "connect_timeout": 10}
    if engine.url.password:
        given["password"] = str(engine.url.password).encode()  # a text would be sent in Latin-1, and is kept in UTF-8
    try:
        opened = pymysql.connect(*arguments, **given)
    except pymysql.err.OperationalError as error:
        raise Unreachable(
            f"the database server did not answer: {error.args[-1]}", advice="Check the target's address."
        ) from error
    level = "REPEATABLE READ" if reading else "READ COMMITTED"
    with opened.cursor() as cursor:
        cursor.execute(f"SET {', '.join(SETTINGS)} {_UNLIMITED}")
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        if reading:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    return opened


def rows(connection: "Connection", query: str, parameters: Parameters | None = None) -> list[Row]:
    """Give all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def texts(connection: "Connection", query: str, parameters: Parameters | None = None) -> list[tuple[str, ...]]:
    """Give all rows of a query of the catalogs, NULL as an empty text."""
    return [tuple(map(_text, row)) for row in rows(connection, query, parameters)]


@contextmanager
def streamed(connection: "Connection", query: str) -> "Iterator[pymysql.cursors.SSCursor]":
    """
    Give a cursor of the rows of *query*, as the server sends them.

    What is left of them where it is left early is not waited for, however much it is: the connection is closed then.
    """
    from pymysql.cursors import SSCursor

    cursor = SSCursor(connection)
    try:
        cursor.execute(query)
        yield cursor
    except BaseException:
        result = getattr(cursor, "_result", None)  # there is no other way to have it not read to its end
        if result is not None:
            result.unbuffered_active = False
        connection._force_close()  # type: ignore[attr-defined]  # noqa: SLF001  # close() would write to the server
        raise
    cursor.close()


def number(connection: "Connection", query: str, parameters: Parameters | None = None) -> int:
    """Give the one number that a query gives; 0 for NULL."""
    found = texts(connection, query, parameters)
    return int(found[0][0] or 0) if found else 0


def run(connection: "Connection", statement: str, parameters: Parameters | None = None) -> int:
    """Send a statement; gives how many rows it touched."""
    with connection.cursor() as cursor:
        return cursor.execute(statement, parameters)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.decode() if isinstance(cell, bytes) else cell
