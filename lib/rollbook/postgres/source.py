"""A backup as something to restore from, whoever made it."""

from collections.abc import Mapping
from typing import Final, Literal

from ..dataclass import dataclass

BackupKind = Literal["rollbook", "directory", "custom", "tar", "plain"]
Packing = Literal["", "gz", "zst"]

ARCHIVES: Final[Mapping[str, BackupKind]] = {"5047444d50": "custom", "746f632e64": "tar"}
"""What kind of archive a file is, by its first five bytes: PGDMP, and toc.d, which is what a tar begins with."""
UNPACK = {"": "cat", "gz": "gzip -dc", "zst": "zstd -dcq"}


@dataclass(frozen=True, slots=True)
class Source:
    """
    A backup that was recognised: *archive* is the file or folder for pg_restore or psql.

    *dropped* are the numbers of the lines of a plain dump that psql is not to get, *public* those of them that give the
    schema public to somebody, *apart* those that make what only a superuser can.
    """

    kind: BackupKind
    path: str
    archive: str
    packing: Packing = ""
    dropped: tuple[int, ...] = ()
    public: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()
