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
        return (
            f"GET {self.name}/{FILE} and each file in it to {self.folder}/.{self.name}.partial/, compared by SHA-256",
            f"mv {self.folder}/.{self.name}.partial {self.folder}/{self.name}",
        )
