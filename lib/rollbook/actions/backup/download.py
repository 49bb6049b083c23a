"""`backup.download`: a backup out of an object store, on this machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.keeping import BackupDownload
from ...postgres.manifest import FILE, LIMIT
from ...snapshots.kept import read_kept
from ...targets.base import HostReader, ObjectReader
from ...values import Plain


@dataclass(frozen=True, slots=True)
class FetchedBackup:
    """Whether the backup is on this machine, complete."""

    exists: bool
    path: str
    url: str = evidence(default="")
    bytes: int = evidence(default=0)
    started: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class BackupDownloaded(Action[FetchedBackup]):
    """
    Take a backup, or a snapshot, out of an object store, and compare every file with its manifest.

    The folder has its name when every file is there and right. A kill in between costs nothing: files that arrived
    whole are not fetched again.
    """

    kind: ClassVar[str] = "backup.download"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "name": "shop_20260102T030405.678Z-1a2b3c",
        "folder": "/var/backups/shop",
        "store": "backups",
    }
    by_hand: ClassVar[str] = """
- `aws s3 cp --recursive s3://BUCKET/PREFIX/<name> <folder>/<name>`
- `find <folder>/<name> -type f -exec sha256sum {} +`, to compare with `files` in its manifest.json
"""

    name: str = field(metadata={"help": "its name in the store"})
    folder: str = field(metadata={"help": "a folder on this machine for backups; made where it is not there"})
    store: Ref[ObjectReader] = Ref("backups")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def __post_init__(self) -> None:
        if not self.folder.startswith("/"):
            raise ValueError("folder: expected a path from the root on")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ValueError("name: expected the name of a backup, as backup.upload gave it")

    def subjects(self) -> frozenset[Subject]:
        """Name the folder."""
        return frozenset({Subject(self.local.name, "backup", f"{self.folder.rstrip('/')}/{self.name}")})

    def probe(self, read: Readers) -> FetchedBackup:
        """Look for it on both sides."""
        path = f"{self.folder.rstrip('/')}/{self.name}"
        own = read[self.local].read_file(f"{path}/{FILE}", limit=LIMIT)
        there = read[self.store].read_object(f"{self.name}/{FILE}", limit=LIMIT)
        url = read[self.store].url(self.name)
        if there is None:
            raise RefusedError(f"There is no complete backup {url}.", advice="Correct the name, or list the store.")
        if own is not None and hashlib.sha256(own).digest() != hashlib.sha256(there).digest():
            raise RefusedError(f"{path} is another backup than {url}.", advice="Name another folder.")
        manifest = read_kept(there.decode())
        return FetchedBackup(own is not None, path, url, manifest.bytes, manifest.started)

    def desired(self, before: FetchedBackup) -> FetchedBackup:
        """Want it here."""
        return replace(before, exists=True)

    def ops(self, old: FetchedBackup, new: FetchedBackup) -> tuple[Op, ...]:
        """Fetch it."""
        if old.exists or not new.exists:
            return ()
        return (BackupDownload(self.store.name, self.name, old.path.rpartition("/")[0]),)

    def undo(self, change: Change[FetchedBackup]) -> Undo[FetchedBackup]:  # noqa: ARG002  # a copy does no harm
        """Leave it: a copy does no harm."""
        return Leave("a backup stays")

    def details(self, change: Change[FetchedBackup]) -> tuple[str, ...]:
        """Say how much is fetched, and where from."""
        return (f"{change.before.bytes / 1e6:.1f} MB from {change.before.url}",) if change.ops else ()

    def outputs(self, after: FetchedBackup, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the state tells all
        """Give the folder, and the instant of the backup."""
        return {"path": after.path, "started": after.started, "bytes": after.bytes}
