"""The ops that move a backup between this machine and an object store."""

from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op
from .manifest import FILE


@dataclass(frozen=True, slots=True)
class BackupUpload(Op):
    """
    Put the backup folder *path* of this machine into a store under *name*, its manifest last.

    Files that are there already, with the same SHA-256, are not sent again.
    """

    op: ClassVar[str] = "backup.upload"
    target: str
    path: str
    name: str

    def render(self) -> tuple[str, ...]:
        """Name the calls."""
        return (
            f"PUT {self.name}/… from {self.path}/…, each file in parts with its SHA-256",
            f"PUT {self.name}/{FILE}, last",
        )


@dataclass(frozen=True, slots=True)
class BackupDownload(Op):
    """Take the backup *name* out of a store into *folder*; it has its name when every file is as its manifest says."""

    op: ClassVar[str] = "backup.download"
    target: str
    name: str
    folder: str

    def render(self) -> tuple[str, ...]:
        """Name the calls and the folders."""
        above, _, last = f"{self.folder}/{self.name}".rpartition("/")
        return (
            f"GET {self.name}/{FILE} and each file in it to {above}/.{last}.partial/, compared by SHA-256",
            f"mv {above}/.{last}.partial {above}/{last}",
        )


@dataclass(frozen=True, slots=True)
class DumpDownload(Op):
    """
    Take a dump that others made out of a store: one file, or the folder of a `pg_dump -Fd`, of *bytes* in all.

    It has its name in *folder* when all of it is there, and keeps the time at which it was written to the store.
    """

    op: ClassVar[str] = "backup.download_dump"
    target: str
    name: str
    folder: str
    bytes: int

    def render(self) -> tuple[str, ...]:
        """Name the calls and the places."""
        above, _, last = f"{self.folder}/{self.name}".rpartition("/")
        return (
            f"GET {self.name} to {above}/.{last}.partial/, as the store tells size and checksum",
            f"rename it to {above}/{last}",
        )
