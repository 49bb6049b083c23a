"""Whether a server can take a backup in: version, roles, extensions, room."""

from typing import Final

from ...errors import RefusedError
from ...postgres.programs import Programs
from ...targets.base import HostReader, PostgresReader
from .reading import database_size, free_space
from .recognising import Backup

_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles"
_EXTENSIONS: Final = "SELECT name FROM pg_catalog.pg_available_extensions"
_FOLDER: Final = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'"


def require_ready(server: PostgresReader, backup: Backup, programs: Programs) -> None:
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
    _require(server, _EXTENSIONS, "name", backup.extensions, "extensions", "Install their packages on the server")


def _require(server: PostgresReader, query: str, column: str, wanted: tuple[str, ...], what: str, advice: str) -> None:
    if not wanted:
        return
    lacking = sorted(set(wanted) - {row[column] for row in server.rows(query)})
    if lacking:
        raise RefusedError(
            f"{server.name} lacks {what} that the backup needs: {', '.join(lacking)}.",
            advice=f"{advice.format(lacking[0])}, then plan again.",
        )


def room(server: PostgresReader, host: HostReader) -> int | None:
    """
    Give the bytes free where the server keeps its databases; None where this account or host cannot tell.

    Raises `RefusedError` where a second database of the live one's size does not fit.
    """
    folder = next((str(row["setting"]) for row in server.rows(_FOLDER) if row["setting"]), "")
    if not folder or host.stat(f"{folder}/PG_VERSION") is None:
        return None
    free = free_space(host, folder)
    size = database_size(server, server.database)
    if free is not None and free < size:
        raise RefusedError(
            f"{server.name} has {free / 1e9:.1f} GB free in {folder}, and a second database of {size / 1e9:.1f} GB "
            "is to be made.",
            advice="Make room on the server first.",
        )
    return free
