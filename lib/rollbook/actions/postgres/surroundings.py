"""What stands around a live database that is to be fenced or swapped: sessions, roles, slots, rights."""

from collections.abc import Container, Iterable, Iterator, Mapping

from ...dataclass import dataclass
from ...errors import RefusedError
from ...postgres.obstacles import OBSTACLES
from ...postgres.rights import ACCOUNT, Account
from ...targets.base import PostgresReader

_ADMINISTERED = 160_000  # the first version in which CREATEROLE alone alters no other role
_SESSIONS = """
    SELECT usename AS role, coalesce(r.rolsuper, false) AS superuser, count(*) AS sessions,
           count(*) FILTER (WHERE coalesce(application_name, '') NOT LIKE 'rollbook%') AS others
    FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
    WHERE datname = :database AND backend_type = 'client backend' GROUP BY 1, 2 ORDER BY 1"""
_WRITERS = """
    SELECT r.rolname AS role, r.rolcanlogin AS may_log_in, r.rolsuper AS superuser,
           pg_catalog.pg_has_role(:account, r.oid, 'MEMBER WITH ADMIN OPTION') AS administered
    FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
    WHERE d.datname = current_database() AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
      AND (pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE') OR EXISTS (
           SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
             AND pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')))
    ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one role in the live database; *others* are not this tool's."""

    role: str
    superuser: bool
    sessions: int
    others: int


@dataclass(frozen=True, slots=True)
class Writer:
    """A role that may write to the live database; *administered* where the tool's account may alter it."""

    role: str
    may_log_in: bool
    superuser: bool
    administered: bool


def unruled(account: Account, writers: Iterable[Writer], spared: Container[str]) -> tuple[str, ...]:
    """
    Name the roles that a fence is to keep from logging in and that the account may not alter, which 16 began to ask.

    Superusers are not among them: nobody keeps them out, so their sessions are looked for instead.
    """
    if account.version < _ADMINISTERED:
        return ()
    shut = (one for one in writers if one.may_log_in and not one.superuser and one.role not in spared)
    return tuple(one.role for one in shut if not one.administered)


def read_obstacles(server: PostgresReader) -> tuple[str, ...]:
    """Name what forbids to rename the live database, or would be lost with it, each with what to do."""
    found = server.rows_in(server.maintenance, OBSTACLES, {"database": server.database})
    return tuple(row["text"] for row in found)


def read_sessions(server: PostgresReader) -> tuple[Sessions, ...]:
    """Count the sessions in the live database by role."""
    found = server.rows_in(server.maintenance, _SESSIONS, {"database": server.database})
    return tuple(Sessions(row["role"] or "?", row["superuser"], row["sessions"], row["others"]) for row in found)


def read_writers(server: PostgresReader) -> tuple[Writer, ...]:
    """Name the roles that may write to the live database, which must take connections."""
    return tuple(_writers(server, {"account": server.accounts()[0]}))


def _writers(server: PostgresReader, given: Mapping[str, str]) -> Iterator[Writer]:
    for row in server.rows_in(server.database, _WRITERS, given):
        yield Writer(**row)


def read_account(server: PostgresReader) -> Account:
    """Read which rights the account that writes has. Raises `RefusedError` where there is no live database."""
    given = {"account": server.accounts()[0], "database": server.database}
    for row in server.rows_in(server.maintenance, ACCOUNT, given):
        return Account(**row)
    raise RefusedError(
        f"{server.name} has no database {server.database!r}.", advice="Correct the name in the target's address."
    )
