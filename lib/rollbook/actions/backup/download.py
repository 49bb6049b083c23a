"""`backup.download`: a backup out of an object store, on this machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final, Literal

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.keeping import BackupDownload, DumpDownload
from ...postgres.manifest import FILE, LIMIT
from ...postgres.shelf import CONTENTS, parts_of, told_instant
from ...saved import check_saved_path
from ...snapshots.kept import read_kept
from ...targets.base import HostReader, ObjectReader
from ...values import Plain, Unknown

_LATER: Final = Unknown("run.fetch")


@dataclass(frozen=True, slots=True)
class FetchedBackup:
    """
    Whether the backup is on this machine, complete; *whose* tells whether it has a manifest.

    *here* is what a look at it showed, so not known of one that is still to come.
    """

    exists: bool
    path: str
    url: str = evidence(default="")
    bytes: int = evidence(default=0)
    started: str = evidence(default="")
    whose: Literal["ours", "others"] = evidence(default="ours")
    here: bool | Unknown = evidence(default=False)


@dataclass(frozen=True, slots=True)
class BackupDownloaded(Action[FetchedBackup]):
    """
    Take a backup, or a snapshot, out of an object store, and compare every file with its manifest.

    What others put there without a manifest, a dump in one file or the folder of a `pg_dump -Fd`, is taken by the size
    and checksum that the store tells, and keeps the time at which it was written there. It has its name when every
    file is there and right. A kill in between costs nothing: files that arrived whole are not fetched again. Where the
    store's is damaged, nothing of it stays.
    """

    kind: ClassVar[str] = "backup.download"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "name": "shop_20260102T030405.678Z-1a2b3c",
        "folder": "/var/backups/shop",
        "store": "backups",
    }
    by_hand: ClassVar[str] = """
- `aws s3 cp --recursive s3://BUCKET/PREFIX/<name> <folder>/<name>`; without `--recursive` where it is one file
- `find <folder>/<name> -type f -exec sha256sum {} +`, to compare with `files` in its manifest.json, where it has one
"""

    name: str = field(metadata={"help": "its name in the store, as postgres.backup_list gives it"})
    folder: str = field(metadata={"help": "a folder on this machine for backups; made where it is not there"})
    store: Ref[ObjectReader] = Ref("backups")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def __post_init__(self) -> None:
        check_saved_path("folder", self.folder)
        if any(not part or part.startswith(".") for part in self.name.split("/")):
            raise ValueError("name: expected the name of a backup, as postgres.backup_list or backup.upload gave it")

    @property
    def _path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.name}"

    def subjects(self) -> frozenset[Subject]:
        """Name the folder."""
        return frozenset({Subject(self.local.name, "backup", self._path)})

    def probe(self, read: Readers) -> FetchedBackup:
        """Look for it on both sides."""
        there = read[self.store].read_object(f"{self.name}/{FILE}", limit=LIMIT)
        if there is None:
            return self._of_others(read)
        own = read[self.local].read_file(f"{self._path}/{FILE}", limit=LIMIT)
        url = read[self.store].url(self.name)
        if own is not None and hashlib.sha256(own).digest() != hashlib.sha256(there).digest():
            raise self._other(url)
        manifest = read_kept(there.decode())
        return FetchedBackup(own is not None, self._path, url, manifest.bytes, manifest.started, here=own is not None)

    def _of_others(self, read: Readers) -> FetchedBackup:
        """Look for a dump without a manifest: its file's size, or that of its table of contents, tells it again."""
        store, host = read[self.store], read[self.local]
        url, parts = store.url(self.name), parts_of(store.objects(self.name), self.name)
        if not parts:
            raise RefusedError(f"There is no complete backup {url}.", advice="Correct the name, or list the store.")
        single = parts[0].key == self.name
        head = parts[0] if single else next(part for part in parts if part.key == f"{self.name}/{CONTENTS}")
        own = host.stat(self._path if single else f"{self._path}/{CONTENTS}")
        if own is not None and (own.kind, own.size) != ("file", head.size):
            raise self._other(url)
        started = told_instant(max(part.modified for part in parts))
        size = sum(part.size for part in parts)
        return FetchedBackup(own is not None, self._path, url, size, started, "others", here=own is not None)

    def _other(self, url: str) -> RefusedError:
        return RefusedError(f"{self._path} is another backup than {url}.", advice="Name another folder.")

    def desired(self, before: FetchedBackup) -> FetchedBackup:
        """Want it here."""
        return before if before.exists else replace(before, exists=True, here=_LATER)

    def ops(self, old: FetchedBackup, new: FetchedBackup) -> tuple[Op, ...]:
        """Fetch it."""
        if old.exists or not new.exists:
            return ()
        folder = self.folder.rstrip("/")
        if old.whose == "others":
            return (DumpDownload(self.store.name, self.name, folder, old.bytes),)
        return (BackupDownload(self.store.name, self.name, folder),)

    def undo(self, change: Change[FetchedBackup]) -> Undo[FetchedBackup]:  # noqa: ARG002  # a copy does no harm
        """Leave it: a copy does no harm."""
        return Leave("a backup stays")

    def details(self, change: Change[FetchedBackup]) -> tuple[str, ...]:
        """Say how much is fetched, where from, and what proves it."""
        found = change.before
        if not change.ops:
            return ()
        proof = ", without a manifest to compare it with" if found.whose == "others" else ""
        return (f"{found.bytes / 1e6:.1f} MB from {found.url}{proof}",)

    def outputs(self, after: FetchedBackup, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the state tells all
        """Give the path, and the instant of the backup."""
        # A path at which nothing is yet would be looked at by the plans of later steps.
        path = _LATER if isinstance(after.here, Unknown) else after.path
        return {"path": path, "started": after.started, "bytes": after.bytes}
