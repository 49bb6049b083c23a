"""What the kinds for snapshots ask of a server of either family."""

from ...errors import RefusedError
from ...snapshots.contents import Server
from ...targets.base import SnapshotReader


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
