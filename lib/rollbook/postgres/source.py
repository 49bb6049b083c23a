"""A backup as something to restore from, whoever made it."""

from typing import Literal

from ..dataclass import dataclass

BackupKind = Literal["rollbook", "directory", "custom", "plain"]
Packing = Literal["", "gz", "zst"]

UNPACK = {"": "cat", "gz": "gzip -dc", "zst": "zstd -dcq"}


@dataclass(frozen=True, slots=True)
class Source:
    """
    A backup that was recognised: *archive* is the file or folder for pg_restore or psql.

    *dropped* are the numbers of the lines of a plain dump that psql is not to get.
    """

    kind: BackupKind
    path: str
    archive: str
    packing: Packing = ""
    dropped: tuple[int, ...] = ()
