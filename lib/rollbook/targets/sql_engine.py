"""Makes SQLAlchemy engines whose sessions speak UTC, wait for nothing for ever, and only read where they should."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import Unreachable
from .settings import SqlSettings
from .sql_address import Family, family
from .sql_values import from_text
from .surroundings import hush

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
    from sqlalchemy.pool import Pool

_IDLE_SECONDS: Final = 7 * 24 * 3600
_SLACK: Final = 30


def make_engine(url: "URL", settings: SqlSettings, *, reading: bool, label: str) -> "Engine":
    """Make an engine; *reading* makes every transaction of it read-only on the server. Connects to nothing yet."""
    hush("sqlalchemy")
    match family(url):
        case "mysql":
            return _mysql(url, settings, reading=reading, label=label)
        case "postgresql":
            return _postgresql(url, settings, reading=reading, label=label)
        case "sqlite":
            return _sqlite(url, settings, reading=reading)


def check_options(engine: "Engine", url: "URL") -> None:
    """Raise TypeError or ValueError for an option after the ? of *url* that MySQL's driver does not take."""
    from inspect import signature

    if url.query and engine.dialect.name in ("mysql", "mariadb"):
        arguments, options = engine.dialect.create_connect_args(url)
        signature(engine.dialect.loaded_dbapi.connect).bind(*arguments, **options)


def family_of(engine: "Engine") -> Family:
    """Give the family of the database behind an engine."""
    match engine.dialect.name:
        case "postgresql" | "sqlite" as found:
            return found
    return "mysql"


def _mysql(url: "URL", settings: SqlSettings, *, reading: bool, label: str) -> "Engine":
    from sqlalchemy import create_engine

    limit = round(settings.statement_timeout * 1000)
    session = [
        "time_zone = '+00:00'",
        f"innodb_lock_wait_timeout = {max(1, round(settings.lock_wait))}",
        f"lock_wait_timeout = {max(1, round(settings.lock_wait))}",
        f"wait_timeout = {_IDLE_SECONDS}",
    ]
    if reading:
        session.append("SESSION TRANSACTION READ ONLY")
    options: dict[str, object] = {
        "connect_timeout": max(1, round(settings.connect_timeout)),
        "read_timeout": round(settings.statement_timeout) + _SLACK,
        "write_timeout": round(settings.statement_timeout) + _SLACK,
        "program_name": label,
        "charset": "utf8mb4",
    }
    if url.password:
        # The driver would send a text in Latin-1, and servers keep passwords as their clients sent them: in UTF-8.
        options["password"] = str(url.password).encode()
    engine = create_engine(url, connect_args=options, hide_parameters=True, pool_pre_ping=True)
    # Each server reads the comment with its own word for it.
    ended = f"/*M!100101 , max_statement_time = {limit / 1000} */ /*!50708 , max_execution_time = {limit} */"
    statements = [f"SET {', '.join(session[:4])} {ended}", *(f"SET {part}" for part in session[4:])]
    _on_connect(engine, statements)
    return engine


def _postgresql(url: "URL", settings: SqlSettings, *, reading: bool, label: str) -> "Engine":
    from sqlalchemy import create_engine

    options = {
        "connect_timeout": max(2, round(settings.connect_timeout)),
        "application_name": label[:63],
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    engine = create_engine(url, connect_args=options, hide_parameters=True, pool_pre_ping=True)
    statements = [
        "SET TIME ZONE 'UTC'",
        "SET DateStyle = ISO",  # of these two the driver reads no other, which a database or an account may have
        "SET IntervalStyle = postgres",
        f"SET lock_timeout = {round(settings.lock_wait * 1000)}",
        f"SET statement_timeout = {round(settings.statement_timeout * 1000)}",
    ]
    if reading:
        statements.append("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        engine = engine.execution_options(postgresql_readonly=True)
    _on_connect(engine, statements)
    return engine


def _on_connect(engine: "Engine", statements: list[str]) -> None:
    from sqlalchemy import event

    def prepare(connection: "DBAPIConnection", _record: object) -> None:
        cursor = connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        finally:
            cursor.close()
        connection.commit()

    event.listen(engine, "connect", prepare)


def _sqlite(url: "URL", settings: SqlSettings, *, reading: bool) -> "Engine":
    from sqlalchemy import create_engine, event

    path = Path(url.database or "")
    sqlite3.register_converter("datetime", from_text)
    sqlite3.register_converter("timestamp", from_text)

    def connect() -> sqlite3.Connection:
        # mode=rw and ro make no file, so a misspelt path is an error and not an empty database.
        if not path.is_file():
            raise Unreachable(
                f"there is no SQLite database at {path}", advice="Correct the path in the target's address."
            )
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'ro' if reading else 'rw'}",
            uri=True,
            timeout=settings.lock_wait,
            isolation_level=None,
            detect_types=sqlite3.PARSE_DECLTYPES,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only = ON" if reading else "PRAGMA foreign_keys = ON")
        return connection

    def begin(connection: "Connection") -> None:
        # Take the write lock at the start: two writers then wait for each other instead of failing half-way.
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    engine = create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True, poolclass=_queue())
    event.listen(engine, "begin", begin)
    return engine


def _queue() -> "type[Pool]":
    from sqlalchemy.pool import QueuePool

    return QueuePool


@contextmanager
def read_to_its_end(cursor: "DBAPICursor | None") -> Iterator[None]:
    """
    Read rows; where PyMySQL's connection is lost meanwhile, tell its cursor that none are left.

    It would read on when it is collected, and complain on the screen.
    """
    try:
        yield
    finally:
        rows = getattr(cursor, "_result", None)
        if rows is not None and rows.unbuffered_active and not getattr(rows.connection, "open", True):
            rows.unbuffered_active = False
