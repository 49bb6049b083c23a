"""What a backup holds, told by itself: per table the rows and the sums of their hashes, and every file's checksum."""

import json
from collections.abc import Mapping
from typing import Final, Literal

from ..dataclass import dataclass
from ..schema import build, encode
from ..values import Plain
from .catalog import Table
from .digest import Digest
from .horizon import Horizon
from .names import Name, quote
from .properties import Properties

Depth = Literal["none", "counts", "full"]

FILE: Final = "manifest.json"
SUMS: Final = "sums.txt"
DUMP: Final = "dump"
SNAPSHOT: Final = "snapshot"  # what the manifest of `sql.snapshot` says of its content
LIMIT: Final = 1 << 28  # bytes of a manifest or its sums that are read at most
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column and its type, as in `character varying(20)`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class TableContent:
    """
    How many rows a table has and, with sums, how they were hashed and where in the file of sums they stand.

    *columns* are in the order of their names. *quick* hashes values as the server holds them, apart from *texts*, else
    all of a row as text.
    """

    schema: str
    name: str
    rows: int
    key: tuple[str, ...] = ()
    columns: tuple[ColumnType, ...] = ()
    partitioned: bool = False
    ranged: bool = False
    buckets: int = 1
    quick: bool = False
    texts: tuple[str, ...] = ()
    offset: int = 0
    length: int = 0
    sha256: str = ""  # of its part of the file of sums; empty where only rows were counted

    @property
    def title(self) -> Name:
        """The table's name."""
        return Name(self.schema, self.name)

    def digest(self) -> Digest:
        """Give how its rows are hashed, to hash those of another database alike."""
        names = tuple(column.name for column in self.columns)
        return Digest(
            self.key,
            names,
            ranged=self.ranged,
            buckets=self.buckets,
            same_major=True,
            quick=self.quick,
            texts=self.texts,
        )

    def relation(self, table: Table) -> str:
        """
        Give what stands after FROM to hash *table* as this one was: columns of other types are cast to these.

        Every column of this must be there; rows that a cast refuses make the query fail.
        """
        types = {column.name: column.type for column in table.columns}
        if all(types[column.name] == column.type for column in self.columns):
            return table.relation
        listed = ", ".join(
            f"{quote(column.name)}::{column.type} AS {quote(column.name)}"
            if types[column.name] != column.type
            else quote(column.name)
            for column in self.columns
        )
        return f"(SELECT {listed} FROM {table.relation} AS t)"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the backup, by its path inside of it; *size* in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    A backup made by Rollbook. Its being there says that the backup is complete.

    *started* is the instant of the snapshot by the server's clock, ISO 8601 UTC. *settings* are those under which
    rows were hashed; hashes are the server's own, which only servers of one byte order share. *horizon* is where the
    snapshot stood among the server's transactions; manifests of before lack it.
    """

    run: str
    database: str
    version: int  # server_version_num
    started: str
    finished: str
    depth: Depth
    properties: Properties
    tables: tuple[TableContent, ...]
    files: tuple[FileEntry, ...]
    settings: Mapping[str, str]
    large_objects: int = 0
    horizon: Horizon | None = None
    hash: str = "sum of hash_record_extended, of some columns as text, or of hashtextextended"
    format: int = FORMAT

    @property
    def major(self) -> int:
        """The major version of the server."""
        return self.version // 10_000

    @property
    def rows(self) -> int:
        """The rows of all tables; 0 where none were counted."""
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)

    def text(self) -> str:
        """Write it as the JSON that `read` takes."""
        return json.dumps(encode(self), indent=1, ensure_ascii=False) + "\n"


def is_snapshot(content: bytes | None) -> bool:
    """Say whether a manifest is that of a snapshot of tables, which is no backup."""
    try:
        told: Plain = json.loads(content or b"")
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("content") == SNAPSHOT


def read_manifest(text: str) -> Manifest:
    """Read the JSON of a manifest. Raises ValueError or `SchemaError` where it is none, or of a later format."""
    content: Plain = json.loads(text)
    if is_snapshot(text.encode()):
        raise ValueError("it is of sql.snapshot, which sql.snapshot_load loads")
    if isinstance(content, dict) and content.get("format") != FORMAT:
        raise ValueError(f"its format is {content.get('format')!r}, and this version knows {FORMAT}")
    return build(Manifest, content)
