"""The backups in a folder, whoever made them: how they are listed, and which of them is wanted."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol

from ..dataclass import dataclass
from .manifest import FILE
from .source import ARCHIVES, BackupKind

# Of each entry: what it is, its size in KiB, when it was last written to, its first bytes, and its name.
LISTING: Final = """\
cd -- "$1" 2>/dev/null || exit 44
for name in * .*.partial; do
  head= last=$name
  case $name in
    .*.partial) if [ ! -d "$name" ]; then continue; fi; kind=partial ;;
    *) kind= ;;
  esac
  if [ "$kind" = partial ]; then :
  elif [ -f "$name/manifest.json" ]; then kind=rollbook last=$name/manifest.json
  elif [ -f "$name/toc.dat" ]; then kind=directory last=$name/toc.dat
  elif [ -f "$name" ]; then
    kind=file head=$(od -A n -t x1 -N 5 -- "$name" | tr -d ' \\n')
  else continue
  fi
  set -- $(du -skL -- "$name") 0
  printf '%s\\t%s\\t%s\\t%s\\t%s\\000' "$kind" "$1" "$(stat -L -c %Y -- "$last")" "$head" "$name"
done
"""
ABSENT: Final = 44
_PLAIN: Final = (".sql", ".sql.gz", ".sql.zst")
_ARCHIVES: Final = (".dump", ".pgdump", ".backup")


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
            at = _told(datetime.fromtimestamp(int(written), UTC))
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
    """Find the backups among a store's objects: those with a manifest, halves without one, and files of others."""
    folders: dict[str, list[StoredFile]] = {}
    for one in objects:
        name, inside, _ = one.key.partition("/")
        if inside:
            folders.setdefault(name, []).append(one)
        elif name.endswith((*_PLAIN, *_ARCHIVES)):
            yield Listed(name, "plain" if name.endswith(_PLAIN) else "custom", _told(one.modified), one.size)
    for name, files in folders.items():
        complete = any(one.key == f"{name}/{FILE}" for one in files)
        last = max(one.modified for one in files)
        yield Listed(name, "rollbook", _told(last), sum(one.size for one in files), complete=complete)


def _told(at: datetime) -> str:
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
