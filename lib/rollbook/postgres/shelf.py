"""The backups in a folder, whoever made them: how they are listed, and which of them is wanted."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol

from ..dataclass import dataclass
from .manifest import FILE
from .source import ARCHIVES, BackupKind

_PLAIN: Final = (".sql", ".sql.gz", ".sql.zst")
_ARCHIVES: Final = (".dump", ".pgdump", ".backup")
CONTENTS: Final = "toc.dat"  # of a folder that pg_dump made


class StoredFile(Protocol):
    """An object in a store."""

    @property
    def key(self) -> str:
        """Its name, with slashes for folders."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    @property
    def modified(self) -> datetime:
        """When it was written."""


@dataclass(frozen=True, slots=True)
class Listed:
    """
    A backup as it is listed, by its *path*, or its name in a store; *database* is empty where it does not tell.

    *started* is the instant of the snapshot where a manifest tells it, else when it was last written to, which is
    later; ISO 8601 UTC. What is not *complete* is no backup.
    """

    path: str
    kind: BackupKind
    started: str
    bytes: int
    database: str = ""
    complete: bool = True


def listed(folder: str, listing: str) -> Iterator[Listed]:
    """Read what the listing printed; what is no backup is left out."""
    for line in listing.split("\0"):
        if line.count("\t") < 4:
            continue
        sort, size, written, head, name = line.split("\t", 4)
        kind = _kind(sort, head, name)
        if kind is not None:
            at = told_instant(datetime.fromtimestamp(int(written), UTC))
            complete = sort != "partial"
            yield Listed(f"{folder}/{name}", kind, at, int(size) * 1024, complete=complete)


def _kind(sort: str, head: str, name: str) -> BackupKind | None:
    match sort:
        case "rollbook" | "directory":
            return sort
        case "partial":
            return "rollbook"
    if head in ARCHIVES:
        return ARCHIVES[head]
    return "plain" if name.endswith(_PLAIN) else None


def stored(objects: Iterable[StoredFile]) -> Iterator[Listed]:
    """Find the backups among a store's objects, in any folder: ours, halves of ours, and those of others."""
    files = tuple(objects)
    roots = _roots(files)
    inside: dict[str, list[StoredFile]] = {}
    for one in files:
        root = next((folder for folder in _above(one.key) if folder in roots), None)
        if root is not None:
            inside.setdefault(root, []).append(one)
        elif one.key.endswith((*_PLAIN, *_ARCHIVES)):
            kind: BackupKind = "plain" if one.key.endswith(_PLAIN) else "custom"
            yield Listed(one.key, kind, told_instant(one.modified), one.size)
    for root, parts in inside.items():
        kind, complete = ("rollbook", roots[root] == "rollbook") if roots[root] != "directory" else ("directory", True)
        last = max(one.modified for one in parts)
        yield Listed(root, kind, told_instant(last), sum(one.size for one in parts), complete=complete)


def _roots(files: Iterable[StoredFile]) -> dict[str, str]:
    """Find the folders that are backups: `rollbook`, a `half` of one, or a `directory` of pg_dump's."""
    found: dict[str, str] = {}
    for one in files:
        folder, _, name = one.key.rpartition("/")
        above, _, last = folder.rpartition("/")
        if name == FILE and folder:
            found[folder] = "rollbook"
        elif last == "dump" and above and (name == CONTENTS or ".dat" in name):
            found.setdefault(above, "half")
        elif name == CONTENTS and folder:
            found.setdefault(folder, "directory")
    return found


def _above(key: str) -> Iterator[str]:
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key


def parts_of(objects: Iterable[StoredFile], name: str) -> tuple[StoredFile, ...]:
    """Give the files of a backup of others in a store: its one file, or those of pg_dump's folder; or none."""
    found = tuple(one for one in objects if one.key == name or one.key.startswith(f"{name}/"))
    whole = tuple(one for one in found if one.key == name)
    return whole or (found if any(one.key == f"{name}/{CONTENTS}" for one in found) else ())


def told_instant(at: datetime) -> str:
    """Write an instant as manifests do: UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def newest_first(backups: Iterable[Listed]) -> tuple[Listed, ...]:
    """Put the newest first."""
    return tuple(sorted(backups, key=lambda one: (one.started, one.path), reverse=True))


def newest(backups: Iterable[Listed], database: str, before: datetime | None = None) -> Listed | None:
    """Give the newest complete backup of *database* from before an instant; one that tells no database may be it."""
    for one in newest_first(backups):
        if one.complete and one.database in ("", database) and (before is None or instant(one.started) < before):
            return one
    return None


def instant(text: str) -> datetime:
    """Read the instant of a backup."""
    return datetime.fromisoformat(text)
