"""What the manifests of backups and of snapshots have in common: enough to move a folder, and to clear it away."""

from ..dataclass import dataclass
from ..postgres.manifest import FileEntry, is_snapshot, read_manifest
from .manifest import read_snapshot


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder that is complete: of which *database*, from when, and its files without the manifest."""

    sort: str
    database: str
    started: str
    files: tuple[FileEntry, ...]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)


def read_kept(text: str) -> KeptFolder:
    """Read the JSON of either manifest. Raises ValueError or `SchemaError` where it is none, or of a later format."""
    if is_snapshot(text.encode()):
        snapshot = read_snapshot(text)
        return KeptFolder("snapshot", snapshot.database, snapshot.started, snapshot.files)
    backup = read_manifest(text)
    return KeptFolder("backup", backup.database, backup.started, backup.files)
