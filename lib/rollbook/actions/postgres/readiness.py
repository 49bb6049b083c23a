"""Whether a server can take a backup in (version, roles, extensions, room), and with what."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from ...dataclass import dataclass
from ...errors import RefusedError
from ...postgres.manifest import FILE
from ...postgres.names import quote
from ...postgres.programs import Programs
from ...postgres.properties import Properties
from ...postgres.restoring import RestoreDatabase
from ...postgres.rights import membership, missing, require
from ...postgres.scratch import Role
from ...postgres.source import Source
from ...postgres.superusers import Apart
from ...targets.base import HostReader, PostgresReader
from .reading import database_size, find_programs, free_on_server, read_properties, server_version
from .recognising import Backup, recognise
from .surroundings import read_account

_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles"
_MINE: Final = """
    SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(CAST(:account AS name), oid, 'MEMBER')"""
_EXTENSIONS: Final = "SELECT name FROM pg_catalog.pg_available_extensions"
_TABLESPACES: Final = """
    SELECT spcname FROM pg_catalog.pg_tablespace
    WHERE pg_catalog.has_tablespace_privilege(CAST(:account AS name), oid, 'CREATE')"""
_LEFT: Final = (
    "the schema public keeps the owner that the server gives it: the account is no member of the backup's owner of it,"
    " a superuser before PostgreSQL 15. Who may make things there is told by postgres.carry, where it differs"
)


_ANEW: Final = "set them anew after the swap: ALTER DEFAULT PRIVILEGES"
_MAKE: Final = "have a superuser make it anew after the swap; pg_restore --schema-only --file=- ARCHIVE prints how"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a restore is made with; *manifest* is the path of the backup's, *free* is None where that is not known."""

    source: Source
    tables: int
    manifest: str
    programs: Programs
    properties: Properties
    size: int
    free: int | None
    public: bool = True  # whether the account may give the schema public to the backup's owner of it
    strangers: tuple[str, ...] = ()  # roles with default privileges, of which it is no member
    apart: tuple[Apart, ...] = ()  # what only a superuser can make, of roles of which it is no member

    def restoring(self, target: str, host: str, database: str, role: Role, live: str, run: str) -> RestoreDatabase:
        """Give the op that makes *database* of the backup on *host*."""
        return RestoreDatabase(
            target=target,
            host=host,
            source=self.source,
            database=database,
            role=role,
            live=live,
            run=run,
            programs=self.programs,
            properties=self.properties,
            manifest=self.manifest,
            restricted=self.programs.restricts,
            public=self.public,
            strangers=self.strangers,
            apart=self.apart,
        )

    def details(self) -> tuple[str, ...]:
        """Say what the database is made from, and how much room there is."""
        told = f"from {self.source.path} ({self.source.kind}, {self.tables} tables)"
        free = "not known to this account" if self.free is None else f"{self.free / 1e9:.1f} GB free"
        room = f"room on the server: {free}; the live database has {self.size / 1e9:.2f} GB"
        defaults = (
            f"left out, for the account is no member: default privileges of {one}; {_ANEW}" for one in self.strangers
        )
        owned = {one.owner: [other.label for other in self.apart if other.owner == one.owner] for one in self.apart}
        apart = (
            f"left out, for the account is no member of {owner}: {', '.join(labels)}; {_MAKE}"
            for owner, labels in owned.items()
        )
        return (told, room, *(() if self.public else (_LEFT,)), *defaults, *apart)


def read_readiness(server: PostgresReader, host: HostReader, path: str) -> Readiness:
    """Look at the backup and at the server. Raises `RefusedError` for what would make a restore fail."""
    programs = find_programs(server, host, server_version(server) // 10_000)
    backup = recognise(host, path, programs)
    _require_ready(server, backup, programs)
    return Readiness(
        public=not _strange(server, [backup.public] if backup.public else []),
        strangers=_strange(server, backup.defaulting),
        apart=_apart(server, backup),
        source=backup.source,
        tables=backup.tables,
        manifest=f"{backup.source.path}/{FILE}" if backup.manifest else "",
        programs=programs,
        properties=_like(read_properties(server, server.database), backup),
        size=database_size(server, server.database),
        free=_room(server, host),
    )


def _like(live: Properties, backup: Backup) -> Properties:
    """Give owner, rights and settings of the live database, and encoding and locale of the backup's where it tells."""
    if backup.manifest is None:
        return live
    made = backup.manifest.properties
    return replace(
        live,
        encoding=made.encoding,
        collation=made.collation,
        ctype=made.ctype,
        provider=made.provider,
        locale=made.locale,
    )


def _require_ready(server: PostgresReader, backup: Backup, programs: Programs) -> None:
    """Raise `RefusedError` for what would make a restore of *backup* fail, before anything is made."""
    path = backup.source.path
    if backup.problems:
        raise RefusedError(
            f"{path} cannot be restored: {'; '.join(backup.problems)}.",
            advice="Take another backup, or make a corrected copy of the file.",
        )
    if backup.major > programs.major:
        raise RefusedError(
            f"{path} is of PostgreSQL {backup.major}, and {server.name} is of {programs.major}.",
            advice="An older version may not understand what a newer one wrote: restore it on a server of its version.",
        )
    _require(server, _ROLES, "rolname", backup.owners, "roles that own something in it", "CREATE ROLE {} for each")
    _require_rights(server, backup)
    _require(server, _EXTENSIONS, "name", backup.extensions, "extensions", "Install their packages on the server")


def _require_rights(server: PostgresReader, backup: Backup) -> None:
    """Raise `RefusedError` with the GRANTs that are missing: to make the database, and to give things their owners."""
    account = read_account(server)
    strange = _strange(server, sorted({*backup.owners}))
    ours = {row["spcname"] for row in server.rows(_TABLESPACES, {"account": account.name})}
    lacking = (
        *missing(account.rename()),
        *(
            f"may fill the tablespace {one}: GRANT CREATE ON TABLESPACE {quote(one)} TO {quote(account.name)};"
            for one in _tablespaces(server, backup)
            if one not in ours
        ),
        *(f"may make {owner} an owner: {membership(owner, account.name, account.version)}" for owner in strange),
    )
    if strange:
        raise RefusedError(
            f"the account {account.name} of {server.name} lacks rights that a restore takes: {' '.join(lacking)}",
            advice="Have them granted, or name an account that has them. What belongs to a superuser only a member "
            "of its role can restore: have it given to another role in the live database, and take a backup anew.",
        )
    require(lacking, f"the account {account.name} of {server.name}", "a restore")


def _strange(server: PostgresReader, roles: Collection[str]) -> tuple[str, ...]:
    """Name those of some roles that the account has no rights of."""
    account = read_account(server)
    mine = {row["rolname"] for row in server.rows(_MINE, {"account": account.name})}
    return () if account.superuser else tuple(one for one in roles if one not in mine)


def _apart(server: PostgresReader, backup: Backup) -> tuple[Apart, ...]:
    """Give what is set apart and belongs to a role that the account has no rights of."""
    strange = _strange(server, sorted({one.owner for one in backup.apart}))
    return tuple(one for one in backup.apart if one.owner in strange)


def _tablespaces(server: PostgresReader, backup: Backup) -> tuple[str, ...]:
    """Name those that are used: that of the live database, where it is not the server's default, and of tables."""
    own = read_properties(server, server.database).tablespace
    return tuple(dict.fromkeys((*([own] if own else []), *backup.tablespaces)))


def _require(server: PostgresReader, query: str, column: str, wanted: tuple[str, ...], what: str, advice: str) -> None:
    if not wanted:
        return
    lacking = sorted(set(wanted) - {row[column] for row in server.rows(query)})
    if lacking:
        raise RefusedError(
            f"{server.name} lacks {what} that the backup needs: {', '.join(lacking)}.",
            advice=f"{advice.format(lacking[0])}, then plan again.",
        )


def _room(server: PostgresReader, host: HostReader) -> int | None:
    """
    Give the bytes free where the server keeps its databases; None where this account or host cannot tell.

    Raises `RefusedError` where a second database of the live one's size does not fit.
    """
    free = free_on_server(server, host)
    size = database_size(server, server.database)
    if free is not None and free < size:
        raise RefusedError(
            f"{server.name} has {free / 1e9:.1f} GB free, and a second database of {size / 1e9:.1f} GB is to be made.",
            advice="Make room on the server first.",
        )
    return free
