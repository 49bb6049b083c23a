"""The rights that going back needs, one a line, with what to run where one is missing. No superuser is assumed."""

from collections.abc import Iterable

from ..dataclass import dataclass
from .names import quote


@dataclass(frozen=True, slots=True)
class Right:
    """A right of an account: whether it is *held*, and the statement that grants it."""

    what: str
    held: bool
    grant: str


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
            Right("owns the live database", self.owns, f"GRANT {quote(self.owner)} TO {quote(self.name)};"),
            Right("may make and rename databases", self.creates_databases, f"ALTER ROLE {quote(self.name)} CREATEDB;"),
        )

    def end_sessions(self) -> tuple[Right, ...]:
        """Give what ending other accounts' sessions takes."""
        granted = f"GRANT pg_signal_backend TO {quote(self.name)};"
        return (Right("may end other accounts' sessions", self.signals, granted),)

    def shut_out(self, roles: Iterable[str] = ()) -> tuple[Right, ...]:
        """Give what keeping *roles* from logging in takes; a superuser needs none of it."""
        may = self.superuser or self.creates_roles
        created = Right("may keep roles from logging in", may, f"ALTER ROLE {quote(self.name)} CREATEROLE;")
        options = (
            Right(f"administers role {role}", False, f"GRANT {quote(role)} TO {quote(self.name)} WITH ADMIN OPTION;")
            for role in roles
        )
        return (created, *options)

    def all(self) -> tuple[Right, ...]:
        """Give everything that the kinds together need."""
        return (*self.rename(), *self.end_sessions(), *self.shut_out())


ACCOUNT = """
    SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolsuper OR r.rolcreatedb AS creates_databases,
           r.rolsuper OR r.rolcreaterole AS creates_roles,
           pg_catalog.pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS signals,
           pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE') AS owns, pg_catalog.pg_get_userbyid(d.datdba) AS owner,
           pg_catalog.current_setting('server_version_num')::int AS version
    FROM pg_catalog.pg_roles r, pg_catalog.pg_database d WHERE r.rolname = :account AND d.datname = :database"""


def missing(rights: Iterable[Right]) -> tuple[str, ...]:
    """Say which rights are missing, each with the statement that grants it."""
    return tuple(f"{right.what}: {right.grant}" for right in rights if not right.held)
