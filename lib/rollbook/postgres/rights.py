"""The rights that going back needs, one a line, with what to run where one is missing. No superuser is assumed."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ..dataclass import dataclass
from ..errors import RefusedError
from .names import quote


@dataclass(frozen=True, slots=True)
class Right:
    """A right of an account: whether it is *held*, the statement that grants it, and the kinds that need it."""

    what: str
    held: bool
    grant: str
    kinds: tuple[str, ...] = ()

    def told(self, account: str) -> tuple[str, str, str]:
        """Say whether an account has it, as a preflight does: severity, message and advice."""
        if self.held:
            return "ok", f"granted: {account} {self.what}", ""
        needed = ", ".join(self.kinds)
        return "warning", f"missing: {account} does not have it: {self.what} (needed by {needed})", self.grant


_MAKE: Final = ("postgres.restore", "postgres.base", "postgres.swap", "sql.snapshot_load")
_CLOSE: Final = ("postgres.fence", "postgres.swap")
_READ: Final = ("postgres.backup", "postgres.carry", "postgres.data_loss", "sql.snapshot")
_WRITE: Final = ("postgres.restore", "postgres.carry", "sql.recover")
_STAGE: Final = ("postgres.carry", "sql.recover")
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Account:
    """What the server says of the account that writes, and of the live database."""

    name: str
    superuser: bool
    creates_databases: bool
    creates_roles: bool
    signals: bool
    owns: bool
    owner: str
    version: int = 0

    def rename(self) -> tuple[Right, ...]:
        """Give what renaming the live database and closing it takes."""
        return (
            Right("owns the live database", self.owns, membership(self.owner, self.name, self.version), _CLOSE),
            Right(
                "may make and rename databases",
                self.creates_databases,
                f"ALTER ROLE {quote(self.name)} CREATEDB;",
                _MAKE,
            ),
        )

    def end_sessions(self) -> tuple[Right, ...]:
        """Give what ending other accounts' sessions takes."""
        granted = f"GRANT pg_signal_backend TO {quote(self.name)};"
        return (Right("may end other accounts' sessions", self.signals, granted, _CLOSE),)

    def shut_out(self, roles: Iterable[str] = ()) -> tuple[Right, ...]:
        """Give what keeping *roles* from logging in takes; a superuser needs none of it."""
        may = self.superuser or self.creates_roles
        granted = f"ALTER ROLE {quote(self.name)} CREATEROLE;"
        created = Right("may keep roles from logging in", may, granted, ("postgres.fence",))
        options = (
            Right(f"administers role {role}", False, f"GRANT {quote(role)} TO {quote(self.name)} WITH ADMIN OPTION;")
            for role in roles
        )
        return (created, *options)

    def all(self) -> tuple[Right, ...]:
        """Give everything that the kinds together need of the server."""
        return (*self.rename(), *self.end_sessions(), *self.shut_out())


@dataclass(frozen=True, slots=True)
class Access:
    """
    What an account may do inside a database.

    *unread* names what it cannot read, *hidden* tables whose policies keep rows from it, *strange* gives the owner of
    each table whose owner it is no member of.
    """

    name: str
    database: str
    version: int
    unread: tuple[str, ...]
    hidden: tuple[str, ...]
    strange: Mapping[str, str]
    temporary: bool

    def read_all(self) -> tuple[Right, ...]:
        """Give what reading every row takes: a dump, a comparison, a pass."""
        name = quote(self.name)
        granted = f"GRANT pg_read_all_data TO {name};" if self.version >= 140000 else self._reading()
        return (
            Right(f"may read every table{_some(self.unread)}", not self.unread, granted, _READ),
            Right(
                f"is kept from no rows by policies{_some(self.hidden)}",
                not self.hidden,
                f"ALTER ROLE {name} BYPASSRLS;",
                _READ,
            ),
        )

    def own(self, tables: Collection[str] | None = None) -> tuple[Right, ...]:
        """Give what writing *tables* takes, or all of them, with their keys and triggers."""
        strange = {one: owner for one, owner in self.strange.items() if tables is None or one in tables}
        owners = tuple(sorted({*strange.values()}))
        return (Right(f"is a member of every owner{_some(owners)}", not strange, self._memberships(strange), _WRITE),)

    def _reading(self) -> str:
        """Give what lets the account read what it cannot, on servers without a role for that."""
        schemas = sorted({quote(one.rpartition(".")[0] or "public") for one in self.unread})
        name = quote(self.name)
        return f"in {self.database}: " + " ".join(
            f"GRANT USAGE ON SCHEMA {one} TO {name}; GRANT SELECT ON ALL TABLES IN SCHEMA {one} TO {name};"
            f" GRANT SELECT ON ALL SEQUENCES IN SCHEMA {one} TO {name};"
            for one in schemas
        )

    def _memberships(self, strange: Mapping[str, str]) -> str:
        owners = sorted({*strange.values()})
        return " ".join(membership(owner, self.name, self.version) for owner in owners)

    def stage(self) -> tuple[Right, ...]:
        """Give what holding rows in temporary tables takes."""
        granted = f"GRANT TEMPORARY ON DATABASE {quote(self.database)} TO {quote(self.name)};"
        return (Right("may make temporary tables", self.temporary, granted, _STAGE),)

    def all(self) -> tuple[Right, ...]:
        """Give everything that the kinds together need inside the live database."""
        return (*self.read_all(), *self.own(), *self.stage())


def membership(role: str, account: str, version: int) -> str:
    """
    Give the GRANT by which *account* has the rights of *role*, on a server of this *version* (`server_version_num`).

    Since PostgreSQL 16 a membership may stand without them, as that of a role in those it made, and a plain GRANT
    leaves it so.
    """
    options = " WITH INHERIT TRUE, SET TRUE" if version >= 160000 else ""
    return f"GRANT {quote(role)} TO {quote(account)}{options};"


def _some(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" (not {', '.join(names[:_NAMED])}{more})"


_NAME: Final = "CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname"
_OURS: Final = """
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e'
                      AND e.classid = 'pg_catalog.pg_class'::regclass)"""
ACCESS = f"""
    SELECT r.rolname::text AS name, current_database()::text AS database,
           pg_catalog.current_setting('server_version_num')::int AS version,
           ARRAY(SELECT {_NAME} {_OURS}
                 AND NOT (pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
                          AND pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')) ORDER BY 1) AS unread,
           ARRAY(SELECT {_NAME} {_OURS} AND c.relrowsecurity
                 AND NOT (r.rolsuper OR r.rolbypassrls OR (pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')
                          AND NOT c.relforcerowsecurity)) ORDER BY 1) AS hidden,
           (SELECT coalesce(jsonb_object_agg({_NAME}, pg_catalog.pg_get_userbyid(c.relowner)), '{{}}') {_OURS}
                 AND NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')) AS strange,
           pg_catalog.has_database_privilege(r.oid, current_database(), 'TEMPORARY') AS temporary
    FROM pg_catalog.pg_roles r WHERE r.rolname = :account"""
ACCOUNT = """
    SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolsuper OR r.rolcreatedb AS creates_databases,
           r.rolsuper OR r.rolcreaterole AS creates_roles,
           pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS signals,
           pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE') AS owns, pg_catalog.pg_get_userbyid(d.datdba) AS owner,
           pg_catalog.current_setting('server_version_num')::int AS version
    FROM pg_catalog.pg_roles r, pg_catalog.pg_database d WHERE r.rolname = :account AND d.datname = :database"""


def require(lacking: Collection[str], account: str, what: str) -> None:
    """Raise `RefusedError` where *account* lacks rights that *what* takes, with the statements that grant them."""
    if lacking:
        raise RefusedError(
            f"{account} lacks rights that {what} takes: {' '.join(lacking)}",
            advice="Have them granted, or name an account that has them.",
        )


def missing(rights: Iterable[Right]) -> tuple[str, ...]:
    """Say which rights are missing, each with the statement that grants it."""
    return tuple(f"{right.what}: {right.grant}" for right in rights if not right.held)
