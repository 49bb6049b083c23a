"""Which database this is, and what the account may do in it."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..mysql.rights import Grants
from ..ops import SERVER_NOW, Statement
from ..values import Plain
from .base import Severity

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Line: TypeAlias = tuple[str, Severity, str, str]

_MYSQL_NAMES: Final = ("server_uuid", "server_uid", "server_id", "hostname", "datadir")
_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<place>\S+) TO ", re.IGNORECASE)
_GRANT_ADVICE: Final = "Have SELECT, INSERT and UPDATE granted to this account on the tables of the runbook."


def identify(session: "Connection") -> dict[str, str]:
    """Read what tells this database from every other."""
    match session.engine.dialect.name:
        case "postgresql":
            return _identify_postgresql(session)
        case "mysql" | "mariadb":
            return _identify_mysql(session)
    path = _sqlite_path(session)
    number = session.exec_driver_sql("PRAGMA application_id").scalar()
    return {"path": str(path.resolve()), "application_id": str(number)}


def _identify_postgresql(session: "Connection") -> dict[str, str]:
    allowed = "SELECT current_database(), has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
    database, may_ask = session.exec_driver_sql(allowed).one()
    found = {"database": str(database)}
    if may_ask:
        query = "SELECT system_identifier::text FROM pg_control_system()"
        found["system_identifier"] = str(session.exec_driver_sql(query).scalar())
    return found


def _identify_mysql(session: "Connection") -> dict[str, str]:
    names = ", ".join(f"'{name}'" for name in _MYSQL_NAMES)
    rows = session.exec_driver_sql(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")  # constants
    found = {str(name): str(value) for name, value in rows if value != ""}
    found["database"] = str(session.exec_driver_sql("SELECT DATABASE()").scalar())
    return found


def _sqlite_path(session: "Connection") -> Path:
    rows = session.exec_driver_sql("PRAGMA database_list")
    return Path(next(str(row[2]) for row in rows if row[1] == "main"))


def clock(session: "Connection") -> datetime | None:
    """Read the server's clock; None where the database is a file."""
    from sqlalchemy import text

    match session.engine.dialect.name:
        case "postgresql":
            query = "SELECT extract(epoch FROM clock_timestamp())"
        case "sqlite":
            return None
        case _:
            query = "SELECT unix_timestamp(now(6))"
    return datetime.fromtimestamp(float(session.execute(text(query)).scalar_one()), UTC)


def dated(statements: Sequence[Statement], session: "Connection") -> Sequence[Statement]:
    """Put the server's time where statements want it: this machine's may be wrong, and history is read by its times."""
    if not any(value == SERVER_NOW for statement in statements for value in statement.parameters.values()):
        return statements
    now: Plain = {"$date": (clock(session) or datetime.now(UTC)).isoformat()}
    return [
        replace(one, parameters={name: now if value == SERVER_NOW else value for name, value in one.parameters.items()})
        for one in statements
    ]


def rights(session: "Connection") -> Iterator[Line]:
    """Say whether this database takes writes, and whether the account may write."""
    match session.engine.dialect.name:
        case "postgresql":
            yield from _rights_postgresql(session)
        case "sqlite":
            yield _rights_sqlite(_sqlite_path(session))
        case _:
            yield from _rights_mysql(session)


def _rights_postgresql(session: "Connection") -> Iterator[Line]:
    query = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
    yield _writable(bool(session.exec_driver_sql(query).scalar()))
    query = """
        SELECT count(*), count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')  -- any of them
                                             OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (current_schemas(false))
    """
    tables, writable = session.exec_driver_sql(query).one()
    if writable < tables:
        message = f"the account may write to {writable} of {tables} tables"
        yield ("write rights", "warning" if writable else "missing", message, _GRANT_ADVICE)
    else:
        yield ("write rights", "ok", f"the account may write to all {tables} tables", "")


def _rights_mysql(session: "Connection") -> Iterator[Line]:
    read_only = str(session.exec_driver_sql("SELECT @@global.read_only").scalar())
    yield _writable(read_only not in ("0", "OFF"))
    database = str(session.exec_driver_sql("SELECT DATABASE()").scalar())
    granted = [str(row[0]) for row in session.exec_driver_sql("SHOW GRANTS")]
    if any(_grants_writes(line, database) for line in granted):
        yield ("write rights", "ok", f"the account may write in {database}", "")
    else:
        # Rights may also come from a role, whose own grants are not listed.
        yield ("write rights", "warning", f"no grant to write in {database} was found", _GRANT_ADVICE)


def grants(session: "Connection") -> Grants | None:
    """Read what the account may do; None for others than MySQL and MariaDB."""
    if session.engine.dialect.name not in ("mysql", "mariadb"):
        return None
    account = str(session.exec_driver_sql("SELECT CURRENT_USER()").scalar())
    lines = [str(row[0]) for row in session.exec_driver_sql("SHOW GRANTS")]
    query = "SELECT DISTINCT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1"
    definers = [str(row[0]) for row in session.exec_driver_sql(query)]
    mariadb = "MariaDB" in str(session.exec_driver_sql("SELECT VERSION()").scalar())
    return Grants.read(account, lines, definers=definers, mariadb=mariadb)


def _grants_writes(line: str, database: str) -> bool:
    found = _GRANT.match(line)
    if found is None:
        return False
    granted = {part.strip().upper() for part in re.sub(r"\([^)]*\)", "", found["rights"]).split(",")}
    schema = found["place"].split(".")[0].strip("`").replace("\\", "")
    return schema in ("*", database) and bool({"ALL PRIVILEGES", "UPDATE"} & granted)


def _rights_sqlite(path: Path) -> Line:
    # Its folder too: the rollback journal is made beside it.
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return ("write rights", "ok", f"{path} and its folder can be written to", "")
    message = f"{path} or its folder cannot be written to"
    return ("write rights", "missing", message, "Run as the user who owns it, or correct its mode.")


def _writable(read_only: bool) -> Line:
    if read_only:
        message = "the database is read-only, or a replica"
        return ("takes writes", "missing", message, "Point the target at the primary, or end its read-only mode.")
    return ("takes writes", "ok", "the database takes writes", "")
