"""
What a target is: a reader to probe with, and a target that carries out ops.

Two capabilities, two types. A probe gets readers and has no method to write with; only the
engine holds targets. Kinds of target: local, ssh, command (hosts: things commands run on),
sql, mongo, http, smtp.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from ..dataclass import dataclass
from ..ops import Execution, MongoLoad, Op, OpResult
from ..values import Plain, Secret

if TYPE_CHECKING:
    from ..mysql import catalog as mysql_catalog
    from ..mysql.recovering import MysqlRecovery
    from ..postgres.catalog import Catalog
    from ..postgres.loss import Depth, TableLoss
    from ..postgres.manifest import Manifest
    from ..postgres.names import Name
    from ..postgres.objects import Objects
    from ..postgres.recovering import Recovery
    from ..postgres.renames import Renames
    from ..postgres.rights import Access
    from ..recovering import Asked
    from ..snapshots.contents import Choice
    from ..snapshots.manifest import ReadSnapshot

Severity = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One line of a preflight: what was looked at, how it stands, and what to do when it is missing.

    With *kinds* it concerns steps of these kinds alone.
    """

    target: str
    subject: str
    severity: Severity
    message: str
    advice: str = ""
    kinds: tuple[str, ...] = ()


class Reader(Protocol):
    """The side of a target that only reads. *kinds* are the inventory kinds that give such a reader."""

    kinds: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str:
        """The target's name in the inventory."""

    @property
    def kind(self) -> str:
        """The target's kind in the inventory."""

    def identity(self) -> Mapping[str, str]:
        """
        Read which system this is, for `expect:` (system_identifier, server_uuid, set name, host key …).

        Raises `Unreachable` when it does not answer.
        """


class Target(Protocol):
    """A target that can be written to; the engine alone calls `execute`."""

    @property
    def name(self) -> str:
        """The name in the inventory."""

    @property
    def kind(self) -> str:
        """The kind in the inventory."""

    def reader(self) -> Reader:
        """Give the read-only side; the same object each time."""

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """
        Carry out one op whose Unknowns are all bound.

        Raises `ConflictError`, `CommandFailed`, `CommandTimeout`, `Unreachable` or `TargetError`;
        a refused op has written nothing, except where the error says so.
        """

    def check(self) -> tuple[Finding, ...]:
        """Look at what a run needs of this target (reachable, identity, tools, rights); writes nothing."""

    def forbidden(self, op: Op) -> tuple[Finding, ...]:
        """Find what keeps the account from carrying *op* out, as far as that can be told without doing it."""

    def lock(self, name: str) -> "AbstractContextManager[None] | None":
        """
        Give a lock that excludes other machines too, or None where this kind has none.

        Entering raises `LockHeld` at once when somebody else holds it; the lock dies with the connection.
        """

    def close(self) -> None:
        """Close connections; may be called twice."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a probing command ended; *stdout* and *stderr* are redacted text."""

    exited: int
    stdout: str
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file or folder on a host; *size* in bytes, *mode* as octal text such as 0644, *owner* as user:group."""

    kind: Literal["file", "folder", "link", "other"]
    size: int
    mode: str
    modified: datetime
    owner: str = ""


class Owner(NamedTuple):
    """To whom a file is to be given, as user:group; one that is not *required* may be left out by who may not."""

    name: str
    required: bool

    @classmethod
    def of(cls, owner: str | None, whose: str | None) -> "Owner | None":
        """Give who must have it, or else whose it was; None for neither."""
        if owner:
            return cls(owner, required=True)
        return cls(whose, required=False) if whose else None


@runtime_checkable
class HostReader(Reader, Protocol):
    """Probes a host: this machine, one over ssh, or one behind a command prefix."""

    kinds: ClassVar[tuple[str, ...]] = ("local", "ssh", "command")

    def run(
        self,
        argv: tuple[str, ...],
        *,
        timeout: float = 60.0,
        directory: str | None = None,
        environment: Mapping[str, str | Secret] | None = None,
        run_as: str | None = None,
    ) -> CommandResult:
        """
        Run a command that only reads; nothing can hold it to that, so *argv* must be constant but for names.

        Never raises for an exit code. Raises `Unreachable` or `CommandTimeout`.
        """

    def lines(self, argv: tuple[str, ...]) -> Iterator[bytes]:
        """
        Stream the output of a command that only reads, by lines, as it is: it is not to be shown.

        Closing the iterator ends the command. Raises `CommandFailed` after the last line for an exit code other than 0,
        and `Unreachable`.
        """

    def stat(self, path: str) -> FileStat | None:
        """Look at a path without following a link; None when nothing is there."""

    def read_file(self, path: str, *, limit: int = 1_000_000) -> bytes | None:
        """Read a file of at most *limit* bytes; None when it is not there. Raises `TargetError` when it is larger."""

    def sha256(self, path: str) -> str | None:
        """Hash a file where it is; None when it is not there."""

    def list_folder(self, path: str) -> tuple[str, ...]:
        """Name the files of a folder, sorted; empty when it is not there."""


@runtime_checkable
class SqlReader(Reader, Protocol):
    """Queries a SQL database inside read-only transactions."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "postgres")

    @property
    def dialect(self) -> Literal["mysql", "postgresql", "sqlite"]:
        """The database's family; MariaDB is mysql."""

    def rows(
        self, query: str, parameters: Mapping[str, Plain] | None = None, *, within: float | None = None
    ) -> Iterator[dict[str, Plain]]:
        """
        Stream a query's rows; `:name` parameters, `{"$date": …}` for times.

        What takes longer than *within* seconds, by default the target's `statement_timeout`, the server ends.

        Times come back as aware UTC datetimes where the column is one (SQLite: ISO text columns too
        when declared datetime).
        """

    def tables(self) -> frozenset[str]:
        """Name the tables of the database's default schema."""


@runtime_checkable
class RecoveryReader(SqlReader, Protocol):
    """Compares the target's database with another of its server, on PostgreSQL, MySQL and MariaDB."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "postgres")

    @property
    def database(self) -> str:
        """The name of the target's database, MySQL's schema: the live one."""

    def scratch_state(self, name: str) -> str | None:
        """Read the mark on a database of the server; empty where it has none, None where there is no such database."""

    def recovery(self, wanted: "Asked") -> "Recovery | MysqlRecovery":
        """
        Read what a source beside live has and live lacks: tables, columns, and how each is made.

        Raises `Unreachable`, `TargetError`, or `RefusedError` where nothing tells what to fill.
        """

    def put_in(self, folder: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Name those of *parts*, tables and columns, into which a recovery put something; *folder* has its keys."""


@runtime_checkable
class MysqlReader(SqlReader, Protocol):
    """Queries MySQL or MariaDB: the target's database, and others of its server."""

    kinds: ClassVar[tuple[str, ...]] = ("sql",)

    @property
    def database(self) -> str:
        """The name of the target's database, MySQL's schema: the live one."""

    def mysql_catalog(self, schema: str) -> "mysql_catalog.Catalog":
        """Read what tables a schema of the server has and what holds between them. Raises `Unreachable`."""


@runtime_checkable
class SnapshotReader(SqlReader, Protocol):
    """Looks at what a snapshot would save, and at snapshots on this machine. PostgreSQL and MariaDB."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "postgres")

    @property
    def database(self) -> str:
        """The name of the target's database: the live one."""

    def doomed(self, tables: Collection[str], columns: Collection[str]) -> "Choice":
        """
        Choose what a snapshot saves, by patterns of tables and of table.column.

        Raises `RefusedError` for what no snapshot can make again, `Unreachable` or `TargetError`.
        """

    def scratch_state(self, name: str) -> str | None:
        """Read the mark on a database of the server; empty where it has none, None where there is no such database."""

    def saved(self, path: str, identity: Secret | None, *, rows: bool) -> "ReadSnapshot":
        """
        Read a snapshot on this machine back: its files and, with *rows*, every row of them.

        *identity* opens a sealed one. Raises `RefusedError` where it is none, `TargetError` where it cannot be opened.
        """


@runtime_checkable
class PostgresReader(SqlReader, Protocol):
    """Queries PostgreSQL: the target's database, and others of its server."""

    kinds: ClassVar[tuple[str, ...]] = ("postgres",)

    @property
    def database(self) -> str:
        """The name of the target's database: the live one."""

    @property
    def maintenance(self) -> str:
        """The name of the database from which others are made, renamed and dropped."""

    @property
    def programs(self) -> str | None:
        """The folder of PostgreSQL's own programs, where the inventory names one."""

    def rows_in(
        self, database: str, query: str, parameters: Mapping[str, Plain] | None = None
    ) -> Iterator[dict[str, Plain]]:
        """Stream a query's rows as `rows` does, from another database of the server. Raises as `rows` does."""

    def together(self) -> "AbstractContextManager[None]":
        """Let the queries inside, of this thread, share one session for each other database; it ends with them."""

    def accounts(self) -> tuple[str, ...]:
        """Name the roles that Rollbook itself uses, the one that writes first."""

    def access(self, database: str) -> "Access":
        """Read what the account that writes may do inside a database of the server. Raises `Unreachable`."""

    def catalog(self, database: str) -> "Catalog":
        """Read what tables a database of the server has and what holds between them. Raises `Unreachable`."""

    def renames(self, database: str) -> "Renames":
        """Read what was renamed in a restored copy since; nothing where that is not known. Raises `Unreachable`."""

    def objects(self, database: str) -> "Objects":
        """Read what a database of the server is made of besides rows. Raises `Unreachable` or `TargetError`."""

    def losses(self, against: str, *, depth: "Depth") -> "tuple[TableLoss, ...]":
        """
        Compare the live database with *against*, a database of the server that a backup was restored into.

        Tables in the order of their names. Raises `Unreachable` or `TargetError`.
        """

    def manifest_losses(
        self, manifest: "Manifest", sums: bytes, dump: "Callable[[Name | None], Iterable[bytes]]", *, depth: "Depth"
    ) -> "tuple[TableLoss, ...]":
        """
        Compare the live database with a backup's manifest and its *sums*.

        *dump* gives the lines of the backup's rows of one table, or of all for None; asked for only where needed.
        """

    def dump_losses(self, dump: Iterable[bytes], *, depth: "Depth") -> "tuple[TableLoss, ...]":
        """
        Compare the live database with the lines of a dump; nothing is written on the server.

        Tables in the order of their names. Raises `Unreachable`, or `TargetError` for a dump that breaks off.
        """


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool of a pooler, by the name that its clients use."""

    name: str
    paused: bool


@runtime_checkable
class PoolerReader(Reader, Protocol):
    """Asks a pooler about its pools."""

    kinds: ClassVar[tuple[str, ...]] = ("pgbouncer",)

    def pools(self, database: str) -> tuple[PoolState, ...]:
        """List the pools that lead to a database of the server. Raises `Unreachable`."""


@runtime_checkable
class MongoReader(Reader, Protocol):
    """Queries a MongoDB database on the primary with majority read concern."""

    kinds: ClassVar[tuple[str, ...]] = ("mongo",)

    def find(
        self,
        collection: str,
        wanted: Mapping[str, Plain],
        *,
        fields: Mapping[str, Plain] | None = None,
        order: tuple[tuple[str, int], ...] = (),
        limit: int = 0,
    ) -> Iterator[dict[str, Plain]]:
        """Stream documents as pymongo gives them (ObjectId, aware datetime); *wanted* is Extended JSON."""

    def count(self, collection: str, wanted: Mapping[str, Plain]) -> int:
        """Count matching documents."""

    def collections(self) -> frozenset[str]:
        """Name the database's collections."""

    def dumped(self, path: str, ids: Collection[str], by: str = "_id") -> Iterator[dict[str, Plain]]:
        """
        Stream those documents that a dump file on this machine holds whose field *by* is one of *ids*.

        In its order, as `find` does. The file is read once, one document at a time. Raises `TargetError` when it is
        not there, cut off, or no dump.
        """

    def after(self, loads: Sequence[MongoLoad]) -> "MongoReader":
        """Give a reader that finds by its id what *loads* will have inserted, too; whatever else it is asked is now."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer; *seconds* is the time to the last byte, *body* at most 1 MB of it, redacted."""

    status: int
    headers: Mapping[str, str]
    body: str
    seconds: float


@runtime_checkable
class HttpReader(Reader, Protocol):
    """Asks a site with GET and HEAD."""

    kinds: ClassVar[tuple[str, ...]] = ("http",)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        redirects: int = 0,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> HttpResponse:
        """Ask *url*, relative to the target's or absolute below it. Raises `Unreachable` when nothing answers."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a store, by its key below the target's prefix; *size* in bytes."""

    key: str
    size: int
    modified: datetime


@runtime_checkable
class ObjectReader(Reader, Protocol):
    """Looks into an object store. Keys are below the target's prefix."""

    kinds: ClassVar[tuple[str, ...]] = ("s3",)

    def objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Stream the objects whose key begins with *prefix*, in the order of their keys. Raises `Unreachable`."""

    def read_object(self, key: str, *, limit: int = 1_000_000) -> bytes | None:
        """Read an object; None when it is not there. Raises `TargetError` when it is larger than *limit* bytes."""

    def url(self, key: str = "") -> str:
        """Give the s3:// address of an object, to be shown."""


@runtime_checkable
class MailReader(Reader, Protocol):
    """Knows an smtp server; reading from one means asking whether it answers."""

    kinds: ClassVar[tuple[str, ...]] = ("smtp",)


@runtime_checkable
class ChannelReader(Reader, Protocol):
    """Knows a way to tell people something, of any kind that can; there is nothing to read from one."""

    kinds: ClassVar[tuple[str, ...]] = ("http", "smtp", "apprise")


@runtime_checkable
class BrokerReader(Reader, Protocol):
    """Looks into the queues of a message broker, and takes nothing out."""

    kinds: ClassVar[tuple[str, ...]] = ("broker",)

    def length(self, queue: str) -> int:
        """Count what waits."""

    def reserved(self, queue: str) -> int | None:
        """Count what workers hold and have not ended; None where the transport does not tell."""

    def tasks(self, queue: str, *, most: int, hold: str = "") -> Mapping[str, int]:
        """Count the first *most* waiting messages, or those of a hold, by the name of their task."""

    def is_held(self, queue: str, hold: str) -> bool:
        """Tell whether a hold of that name is there: what a purge took out and has not settled."""

    def is_returned(self, queue: str, hold: str) -> bool:
        """Tell whether the messages of a hold were put back."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """
    One entry under `targets:` of an inventory.

    *settings* are the kind's own keys, strictly converted by the kind; secrets are `values.Secret`.
    """

    name: str
    kind: str
    settings: Mapping[str, Plain] = field(default_factory=dict)
    expect: Mapping[str, str] = field(default_factory=dict)
    reader: Mapping[str, Plain] | None = None
