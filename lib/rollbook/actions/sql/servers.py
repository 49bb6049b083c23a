"""What the kinds for snapshots ask of a server of either family."""

from ...action import Subject
from ...errors import RefusedError
from ...snapshots.contents import Server
from ...targets.base import RecoveryReader, SnapshotReader


def family_of(server: SnapshotReader) -> Server:
    """Tell a server's family. Raises `RefusedError` for one whose tables no snapshot saves."""
    dialect = server.dialect
    if dialect == "sqlite":
        raise RefusedError(f"{server.name} is SQLite: copy its file instead.")
    if dialect == "postgresql" and server.kind != "postgres":
        raise RefusedError(
            f"{server.name} is PostgreSQL as a target of kind sql.", advice="Give it `kind: postgres` in the inventory."
        )
    return dialect


def require_source(server: RecoveryReader, source: str) -> None:
    """Refuse a source that is not on the server at all."""
    if server.scratch_state(source) is None:
        raise RefusedError(
            f"{server.name} has no database {source}.",
            advice="Name one beside the live database, on the same server; a dump is to be restored there first.",
        )


def snapshot_subject(path: str) -> Subject:
    """Name a snapshot's folder on this machine, as `backup.download` names what it fetches."""
    return Subject("local", "backup", path.rstrip("/"))
