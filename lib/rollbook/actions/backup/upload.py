"""`backup.upload`: a backup of this machine in an object store."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.keeping import BackupUpload
from ...postgres.manifest import FILE, LIMIT
from ...snapshots.kept import read_kept
from ...targets.base import HostReader, ObjectReader
from ...values import Plain


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """Whether the store has this backup, complete: its manifest is there, and is the same."""

    exists: bool
    url: str
    name: str = evidence(default="")
    bytes: int = evidence(default=0)


@dataclass(frozen=True, slots=True)
class BackupUploaded(Action[StoredBackup]):
    """
    Put a backup of `postgres.backup`, or a snapshot of `sql.snapshot`, into an object store, the manifest last.

    Files go in parts, each with its SHA-256. A backup is complete in the store when its manifest is there. A kill in
    between costs nothing: files that arrived are not sent again, and parts of one that did not are taken away. What is
    in the folder is compared with the manifest before it is sent.
    """

    kind: ClassVar[str] = "backup.upload"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {"backup": "{{ steps.backup.outputs.path }}", "store": "backups"}
    by_hand: ClassVar[str] = """
- `aws s3 cp --recursive --exclude manifest.json --checksum-algorithm SHA256 <backup> s3://BUCKET/PREFIX/NAME`
- then the manifest: `aws s3 cp --checksum-algorithm SHA256 <backup>/manifest.json s3://BUCKET/PREFIX/NAME/`
"""

    backup: str = field(metadata={"help": "path of a backup's folder on this machine"})
    store: Ref[ObjectReader] = Ref("backups")
    name: str = field(default="", metadata={"help": "its name in the store; that of the folder unless given"})
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def subjects(self) -> frozenset[Subject]:
        """Name the backup in the store."""
        return frozenset({Subject(self.store.name, "backup", self.name or self.backup)})

    def probe(self, read: Readers) -> StoredBackup:
        """Compare the manifest in the store with the folder's."""
        path = self.backup.rstrip("/")
        own = read[self.local].read_file(f"{path}/{FILE}", limit=LIMIT)
        if own is None:
            raise RefusedError(
                f"{path} is no backup of postgres.backup and no snapshot: it has no {FILE}.",
                advice="Only such backups are known to arrive whole; put others into the store by hand.",
            )
        name = self.name or path.rpartition("/")[2]
        there = read[self.store].read_object(f"{name}/{FILE}", limit=LIMIT)
        if there is not None and hashlib.sha256(there).digest() != hashlib.sha256(own).digest():
            raise RefusedError(
                f"{read[self.store].url(name)} is another backup.", advice="Give this one another name in the store."
            )
        size = read_kept(own.decode()).bytes
        return StoredBackup(there is not None, read[self.store].url(name), name, size)

    def desired(self, before: StoredBackup) -> StoredBackup:
        """Want it there."""
        return replace(before, exists=True)

    def ops(self, old: StoredBackup, new: StoredBackup) -> tuple[Op, ...]:
        """Send it."""
        if old.exists or not new.exists:
            return ()
        return (BackupUpload(self.store.name, self.backup.rstrip("/"), old.name),)

    def undo(self, change: Change[StoredBackup]) -> Undo[StoredBackup]:  # noqa: ARG002  # whatever was sent stays
        """Leave it: going back may need it."""
        return Leave("a backup stays")

    def details(self, change: Change[StoredBackup]) -> tuple[str, ...]:
        """Say how much is sent, and where to."""
        return (f"{change.before.bytes / 1e6:.1f} MB to {change.before.url}",) if change.ops else ()

    def outputs(self, after: StoredBackup, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the state tells all
        """Give its address, its name in the store, and its size."""
        return {"url": after.url, "name": after.name, "bytes": after.bytes}
