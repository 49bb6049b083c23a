"""What a snapshot tells of itself: of what it is, when it was taken, and every file's rows and checksum."""

import json
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from ..dataclass import dataclass
from ..postgres.manifest import SNAPSHOT, FileEntry
from ..schema import build, encode
from ..tally import Tally
from ..values import Plain
from .contents import BESIDE, Contents, Server

CONTENTS: Final = "contents.json"
FORMAT: Final = 1

Sealed = Literal["", "age", "gpg"]

# What tells a server from every other, the surest first.
_IDENTITIES: Final = ("system_identifier", "server_uuid", "server_uid", "server_id", "datadir", "hostname")


@dataclass(frozen=True, slots=True)
class SavedRows:
    """How many rows of which table a file holds; *columns* is empty for a whole table, else *doomed* are to go."""

    table: str
    rows: int
    file: str
    columns: tuple[str, ...] = ()
    doomed: tuple[str, ...] = ()

    @property
    def things(self) -> tuple[str, ...]:
        """Name what it saves: the table, or each column."""
        return tuple(f"{self.table}.{name}" for name in self.doomed or self.columns) or (self.table,)


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """
    A snapshot made by Rollbook. Its being there says that the snapshot is complete.

    *started* and *finished* are ISO 8601 UTC by the server's clock, *version* is server_version_num or as MariaDB
    tells it. *identity* is what tells the server from others, *settings* those under which values were written.
    *missing* are tables and columns that were to be saved and were not there: nothing of them can come back.
    """

    run: str
    environment: str
    server: Server
    version: str
    identity: Mapping[str, str]
    database: str
    started: str
    finished: str
    settings: Mapping[str, str]
    tables: tuple[SavedRows, ...]
    files: tuple[FileEntry, ...]
    sealed: Sealed = ""
    packed: Literal["gzip"] = "gzip"
    missing: tuple[str, ...] = ()
    content: Literal["snapshot"] = SNAPSHOT
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(one.rows for one in self.tables)

    @property
    def tally(self) -> tuple[Tally, ...]:
        """Tell what was saved, and each file's checksum; not what was saved beside it."""
        sums = {file.path: file.sha256 for file in self.files}
        own = [one for one in self.tables if one.table not in BESIDE]
        return tuple(
            Tally(name, "saved", one.rows, sums.get(one.file, ""), "values" if one.columns else "rows")
            for one in own
            for name in one.things
        )

    @property
    def contents(self) -> str:
        """The name of the file that tells how the tables are made."""
        return f"{CONTENTS}.gz{f'.{self.sealed}' if self.sealed else ''}"

    def text(self) -> str:
        """Write it as the JSON that `read_snapshot` takes."""
        return json.dumps(encode(self), indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class ReadSnapshot:
    """
    A snapshot as it was read; *contents* is None where it is sealed and nobody gave the key.

    *sha256* is the manifest's own, *problems* is what is not as the manifest says.
    """

    manifest: SnapshotManifest
    sha256: str
    contents: Contents | None
    problems: tuple[str, ...]


def read_snapshot(text: str) -> SnapshotManifest:
    """Read the JSON of a manifest. Raises ValueError or `SchemaError` where it is none, or of a later format."""
    content: Plain = json.loads(text)
    if not isinstance(content, dict) or content.get("content") != SNAPSHOT:
        raise ValueError("it is the manifest of no snapshot")
    if content.get("format") != FORMAT:
        raise ValueError(f"its format is {content.get('format')!r}, and this version knows {FORMAT}")
    return build(SnapshotManifest, content)


def strangers(
    manifest: SnapshotManifest, server: Server, identity: Mapping[str, str], database: str, environment: str
) -> Iterator[str]:
    """Say in what a snapshot is of something else than this: both sides of each."""
    if manifest.server != server:
        yield f"it is of {manifest.server}, and this is {server}"
        return
    if environment and manifest.environment and manifest.environment != environment:
        yield f"it is of the environment {manifest.environment!r}, and this is {environment!r}"
    if manifest.database != database:
        yield f"it is of the database {manifest.database!r}, and this is {database!r}"
    for name in _IDENTITIES:
        if name in manifest.identity and name in identity:
            if manifest.identity[name] != identity[name]:
                yield f"it is of the server with {name} {manifest.identity[name]}, and this one's is {identity[name]}"
            return
