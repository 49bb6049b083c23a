"""Locks in a database that exclude other machines, held by a session of their own and gone with it."""

from contextlib import suppress
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Final

from ..errors import LockHeld
from .sql_errors import explain

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_LONGEST: Final = 64


def mysql_name(database: str, name: str) -> str:
    """Name the lock: MySQL's hold for the whole server and have at most 64 characters."""
    full = f"rollbook {database} {name}"
    return full if len(full) <= _LONGEST else f"{full[:31]} {sha256(full.encode()).hexdigest()[:32]}"


def postgresql_key(name: str) -> int:
    """Give the 64-bit number of the lock; PostgreSQL's hold for one database."""
    return int.from_bytes(sha256(f"rollbook {name}".encode()).digest()[:8], signed=True)


class SqlLock:
    """One lock; entering takes it at once or raises `LockHeld` with who holds it, as far as the account may see."""

    def __init__(self, target: str, engine: "Engine", name: str) -> None:
        self._target = target
        self._engine = engine
        self._name = name
        self._session: Connection | None = None

    def __enter__(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        session = None
        try:
            session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            holder = self._take(session)
        except SQLAlchemyError as error:
            if session is not None:
                session.close()
            raise explain(self._target, f"taking the lock {self._name!r}", error) from error
        if holder is not None:
            session.close()
            raise LockHeld(
                f"{self._name!r} on {self._target} is locked" + (f" by {holder}" if holder else ""),
                holder=holder,
                advice="Another run works on it. Wait for it, or ask its operator; the lock goes when that run ends.",
            )
        self._session = session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        session, self._session = self._session, None
        if session is not None:
            # A server ends a closed session in its own time, and whoever comes next would find it locked until then.
            with suppress(SQLAlchemyError):
                self._release(session)
            # Closed for good instead of going back to the pool: the lock is the session's.
            session.invalidate()
            session.close()

    def _release(self, session: "Connection") -> None:
        from sqlalchemy import text

        if self._engine.dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": postgresql_key(self._name)})
        else:
            name = mysql_name(self._engine.url.database or "", self._name)
            session.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})

    def held(self) -> bool:
        """Tell whether the session that holds the lock still answers."""
        from sqlalchemy.exc import SQLAlchemyError

        if self._session is None:
            return False
        try:
            self._session.exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            return False
        return True

    def _take(self, session: "Connection") -> str | None:
        """Take the lock and return None, or say who holds it ('' where that cannot be seen)."""
        if self._engine.dialect.name == "postgresql":
            return _take_postgresql(session, postgresql_key(self._name))
        return _take_mysql(session, mysql_name(self._engine.url.database or "", self._name))


def _take_mysql(session: "Connection", name: str) -> str | None:
    from sqlalchemy import text

    if session.execute(text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar() == 1:
        return None
    number = session.execute(text("SELECT IS_USED_LOCK(:name)"), {"name": name}).scalar()
    if number is None:
        return ""
    # Without the PROCESS right one sees only one's own account's sessions.
    query = "SELECT user, host, time FROM information_schema.processlist WHERE id = :id"
    seen = session.execute(text(query), {"id": number}).first()
    return f"session {number}" if seen is None else f"{seen[0]} from {seen[1]} (session {number})"


def _take_postgresql(session: "Connection", key: int) -> str | None:
    from sqlalchemy import text

    if session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        return None
    query = """
        SELECT a.application_name, a.usename, coalesce(host(a.client_addr), 'local'), a.pid
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint) = :key
    """
    seen = session.execute(text(query), {"key": key}).first()
    return "" if seen is None else f"{seen[0] or '?'}, {seen[1]} from {seen[2]} (session {seen[3]})"
