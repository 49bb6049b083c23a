"""
The kinds of op: one write, as data.

An op renders every command and statement that it will send, survives JSON, and is carried
out by one method of one target. Times in parameters and documents are written `{"$date": …}`,
object ids `{"$oid": …}`, both as in MongoDB's Extended JSON, so that a plan is plain JSON.
"""

import json
import re
import shlex
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, Protocol, Self

from .configuration.place import Format, Scalar
from .dataclass import dataclass
from .values import NOW, Plain, Secret, Unknown

_LINES: Final = 20  # of a file that a plan shows


@dataclass(frozen=True, slots=True)
class OpResult:
    """What carrying out an op gave: *outputs* for later steps, *files* written with their SHA-256."""

    outputs: Mapping[str, Plain] = field(default_factory=dict)
    files: tuple["WrittenFile", ...] = ()
    output: "OutputRecord | None" = None


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that an op left behind; *size* in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """The redacted output of a command: its file relative to the run folder, and its last 4 KiB."""

    path: str
    size: int
    sha256: str
    tail: str = ""


class Execution(Protocol):
    """What an op may use while it is carried out."""

    @property
    def mark(self) -> str:
        """The run and step, `RUN/ADDRESS`: commands on this machine carry it in ROLLBOOK_STEP, to be found again."""

    @property
    def timeout(self) -> float | None:
        """Seconds the step may still take, or None."""

    @property
    def answers(self) -> Sequence[Plain]:
        """What people answered in this run to what the step asked at work (`AnswerNeeded`), the latest last."""

    def write_output(self, chunk: bytes) -> None:
        """Add redacted output of a running command to the step's output file and the screen."""

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Tell how far the op is; cheap, may be called often."""

    def stopping(self) -> bool:
        """Tell whether the operator asked to stop; long ops raise `Interrupted` at a safe place."""


class Carriers(Protocol):
    """The targets by name, able to write; an op gets them only when it is carried out."""

    def execute(self, op: "Op", execution: Execution) -> OpResult:
        """Hand *op* to the target that it names."""


class Op:
    """One write. Subclasses are frozen dataclasses and set *op*, their name in JSON."""

    __slots__ = ()
    op: ClassVar[str]
    kinds: ClassVar[dict[str, type["Op"]]] = {}
    target: str

    def __init_subclass__(cls) -> None:
        # A slotted dataclass is made twice; the second class takes the place of the first.
        name = cls.__dict__.get("op")
        if name is not None:
            Op.kinds[name] = cls

    @abstractmethod
    def render(self) -> tuple[str, ...]:
        """Give every command and statement that will be sent, for the plan; secrets as references."""

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        """Do it. Compound ops of one action may compose target methods here instead."""
        return carriers.execute(self, execution)


def instant(at: datetime | Unknown) -> Plain:
    """Write a time for an op's parameters or documents."""
    if isinstance(at, Unknown):
        return {"$date": at}
    return {"$date": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}


def object_id(text: str) -> Plain:
    """Write an ObjectId for a Mongo document."""
    return {"$oid": text}


def _compact(value: Plain) -> str:
    match value:
        case {"$date": when, **rest} if not rest:
            return when if isinstance(when, str) else _compact(when)
        case {"$oid": str(text), **rest} if not rest:
            return f'ObjectId("{text}")'
        case {"$unknown": str(source), **rest} if not rest:
            return str(Unknown(source))
        case {"$now": str(whose), **rest} if not rest:
            return f"‹now, by the clock {whose}›"
        case Unknown() | Secret():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{key}: {_compact(part)}" for key, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_compact(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Command(Op):
    """
    Run a program on a host or behind a command prefix.

    *argv* is never given to a shell unless *shell* says so (then it is one string for `sh -c`).
    *ok* lists the exit codes that mean success. *timeout* in seconds kills the process group. *label* is what people
    know it by where it fails, in place of a long script; they are then told more of what it said.
    """

    op: ClassVar[str] = "command"
    target: str
    argv: tuple[str, ...]
    shell: bool = False
    directory: str | None = None
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    stdin: str | None = None
    timeout: float | None = None
    ok: tuple[int, ...] = (0,)
    run_as: str | None = None
    detach: bool = False
    no_log: bool = False
    label: str = ""

    def render(self) -> tuple[str, ...]:
        """Give the line that a person would type."""
        line = self.argv[0] if self.shell else shlex.join(self.argv)
        settings = " ".join(f"{name}={_shown(value)}" for name, value in self.environment.items())
        line = f"{settings} {line}" if settings else line
        line = f"(cd {shlex.quote(self.directory)} && {line})" if self.directory else line
        return (f"[as {self.run_as}] {line}" if self.run_as else line,)


@dataclass(frozen=True, slots=True)
class Awaited(Command):
    """
    Run a program, then *look* with another one until what was wanted has come about.

    It has when the look's output fits *shows* and its exit code is one of *codes* (empty: any); it never will
    once the output fits *fails*. *patience* in seconds from the end of the program. The patterns are a kind's own.
    """

    op: ClassVar[str] = "command.awaited"
    look: tuple[str, ...] = ()
    shows: str = ""
    codes: tuple[int, ...] = ()
    fails: str = ""
    patience: float = 60.0

    def render(self) -> tuple[str, ...]:
        """Give the line that a person would type, and what is looked at afterwards."""
        wanted = f"shows {self.shows}" if self.shows else f"exits {' or '.join(map(str, self.codes))}"
        return (*Command.render(self), f"    until {shlex.join(self.look)} {wanted}, at most {self.patience:g} s")

    def come_about(self, exited: int, stdout: str) -> bool:
        """Tell whether a look shows what was wanted."""
        return (not self.codes or exited in self.codes) and re.search(self.shows, stdout) is not None

    def given_up(self, stdout: str) -> bool:
        """Tell whether a look shows that it will not come about."""
        return bool(self.fails) and re.search(self.fails, stdout) is not None


@dataclass(frozen=True, slots=True)
class Script(Command):
    """A fixed script of a kind's, in *argv* with its arguments; *says* is the line that tells what it does."""

    op: ClassVar[str] = "command.script"
    says: str = ""

    def render(self) -> tuple[str, ...]:
        """Say what the script does."""
        return (f"[as {self.run_as}] {self.says}" if self.run_as else self.says,)


def _shown(value: str | Secret) -> str:
    return str(value) if isinstance(value, Secret) else shlex.quote(value)


SERVER_NOW: Final[Mapping[str, Plain]] = {"$now": "of the server"}
"""A SQL parameter that is the server's time when its transaction is carried out, one for all of its statements."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with named `:parameters`; *rows* is how many rows it must touch, None for any number."""

    text: str
    parameters: Mapping[str, Plain] = field(default_factory=dict)
    rows: int | None = None

    def render(self) -> str:
        """Give the statement, its parameters and the rows it must touch."""
        shown = ", ".join(f"{name}={_compact(value)}" for name, value in self.parameters.items())
        rows = "" if self.rows is None else f"  -- must touch {self.rows} row{'' if self.rows == 1 else 's'}"
        return f"{self.text}{rows}" + (f"\n    with {shown}" if shown else "")


@dataclass(frozen=True, slots=True)
class Sql(Op):
    """Statements in one transaction; it is rolled back when one touches another number of rows than it must."""

    op: ClassVar[str] = "sql"
    target: str
    statements: tuple[Statement, ...]

    def render(self) -> tuple[str, ...]:
        """Give the transaction as it will be sent."""
        return ("BEGIN", *(statement.render() for statement in self.statements), "COMMIT")


@dataclass(frozen=True, slots=True)
class MongoWrite(Op):
    """
    One write of one document, on the primary, with majority write concern.

    *filter* and *document* are Extended JSON. The write fails with `ConflictError` when it
    matched another number of documents than *matched*.
    """

    op: ClassVar[str] = "mongo.write"
    target: str
    collection: str
    operation: Literal["update_one", "replace_one", "insert_one", "delete_one"]
    filter: Mapping[str, Plain] = field(default_factory=dict)
    document: Mapping[str, Plain] = field(default_factory=dict)
    matched: int = 1

    def render(self) -> tuple[str, ...]:
        """Give the call as the Mongo shell would have it."""
        parts = [_compact(dict(part)) for part in (self.filter, self.document) if part]
        name = f'db.getCollection("{self.collection}").{self.operation}'
        return (f"{name}({', '.join(parts)})  // majority; must match {self.matched}",)


@dataclass(frozen=True, slots=True)
class MongoLoad(Op):
    """
    Insert the documents with these ids from a dump file (BSON or Extended JSON lines) as they are.

    Documents that are there already are left alone, so it may be carried out twice.
    """

    op: ClassVar[str] = "mongo.load"
    target: str
    collection: str
    path: str
    ids: tuple[str, ...]

    def render(self) -> tuple[str, ...]:
        """Name the file and the ids."""
        return (f'insert into "{self.collection}" from {self.path}: {len(self.ids)} documents: {", ".join(self.ids)}',)


@dataclass(frozen=True, slots=True)
class SqlExport(Op):
    """Write a query's rows to a file on this machine, one JSON object a line, mode 0600; renamed in when complete."""

    op: ClassVar[str] = "sql.export"
    target: str
    query: str
    path: str
    parameters: Mapping[str, Plain] = field(default_factory=dict)

    def render(self) -> tuple[str, ...]:
        """Give the query and the file."""
        return (f"{Statement(self.query, self.parameters).render()}\n    to {self.path}",)


@dataclass(frozen=True, slots=True)
class MongoExport(Op):
    """Write matching documents to a file here as Extended JSON lines, mode 0600; renamed in when complete."""

    op: ClassVar[str] = "mongo.export"
    target: str
    collection: str
    filter: Mapping[str, Plain]
    path: str

    def render(self) -> tuple[str, ...]:
        """Give the query and the file."""
        return (f'db.getCollection("{self.collection}").find({_compact(dict(self.filter))}) to {self.path}',)


def _given_to(whose: str | None) -> str:
    return f"owner {whose} where this account may set that" if whose else ""


@dataclass(frozen=True, slots=True)
class FileWrite(Op):
    """
    Put a small text file in place: written beside it, fsynced, renamed; parents are made. *mode* is octal text.

    *whose* is user:group, to whom it is given where the account may do that; else it belongs to the account.
    """

    op: ClassVar[str] = "file.write"
    target: str
    path: str
    content: str
    mode: str = "0644"
    whose: str | None = None

    def render(self) -> tuple[str, ...]:
        """Name the file, its size and mode, and give what is put into it, up to twenty lines."""
        lines = self.content.splitlines()
        shown = [f"    | {line}" for line in lines[:_LINES]]
        more = [f"    … and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
        owner = f", {_given_to(self.whose)}" if self.whose else ""
        return (f"write {self.path} ({len(self.content.encode())} bytes, mode {self.mode}{owner})", *shown, *more)


@dataclass(frozen=True, slots=True)
class FileCopy(Op):
    """
    Copy a file on the same target: written beside, fsynced, renamed; *mode* None keeps the source's.

    *owner* is user:group, who must have it; *whose* is given it where the account may do that, else the account has it.
    """

    op: ClassVar[str] = "file.copy"
    target: str
    source: str
    path: str
    mode: str | None = None
    owner: str | None = None
    whose: str | None = None

    def render(self) -> tuple[str, ...]:
        """Name both files, and the mode and owner that are set."""
        owner = f"owner {self.owner}" if self.owner else _given_to(self.whose)
        given = (f"mode {self.mode}" if self.mode else "", owner)
        settings = ", ".join(part for part in given if part)
        return (f"copy {self.source} to {self.path}" + (f" ({settings})" if settings else ""),)


@dataclass(frozen=True, slots=True)
class FileEdit(Op):
    """Put one value into a configuration file, every other byte, the mode and the owner kept; renamed in."""

    op: ClassVar[str] = "file.edit"
    target: str
    path: str
    format: Format
    key: str
    value: Scalar

    def render(self) -> tuple[str, ...]:
        """Name the file, the key and the value."""
        return (f"set {self.key} in {self.path} to {json.dumps(self.value, ensure_ascii=False)}",)


@dataclass(frozen=True, slots=True)
class FileRemove(Op):
    """Remove one file; a file that is gone already is fine. Never a folder."""

    op: ClassVar[str] = "file.remove"
    target: str
    path: str

    def render(self) -> tuple[str, ...]:
        """Name the file."""
        return (f"remove {self.path}",)


@dataclass(frozen=True, slots=True)
class HttpCall(Op):
    """A request that writes; *url* may be relative to the target's. *ok* lists the statuses that mean success."""

    op: ClassVar[str] = "http.call"
    target: str
    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    url: str | Secret
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    body: Plain = None
    ok: tuple[int, ...] = (200, 201, 202, 204)
    timeout: float = 30.0

    def render(self) -> tuple[str, ...]:
        """Give the request line and the body."""
        headers = ", ".join(f"{name}: {value}" for name, value in self.headers.items())
        shown = f"{self.method} {self.url}" + (f"  [{headers}]" if headers else "")
        return (shown, _compact(self.body)) if self.body is not None else (shown,)


@dataclass(frozen=True, slots=True)
class Mail(Op):
    """One mail through an smtp target; *listed* is a CSV file whose column `email` has the recipients instead."""

    op: ClassVar[str] = "mail"
    target: str
    to: tuple[str, ...]
    subject: str
    text: str
    listed: str = ""
    approved_by: str = ""

    def render(self) -> tuple[str, ...]:
        """Give recipients, subject and text; of a list its path."""
        if self.listed:
            to = f"everybody in {self.listed}, hidden from each other, as {self.approved_by} approved"
            return (f"mail to {to}: {self.subject}", self.text)
        return (f"mail to {', '.join(self.to)}: {self.subject}", self.text)


@dataclass(frozen=True, slots=True)
class ChatMessage(Op):
    """One message through an apprise target, which knows the address."""

    op: ClassVar[str] = "chat.message"
    target: str
    title: str
    text: str

    def render(self) -> tuple[str, ...]:
        """Give title and text."""
        return (f"message to {self.target}: {self.title}" if self.title else f"message to {self.target}", self.text)


@dataclass(frozen=True, slots=True)
class Clock:
    """The two values that an op may leave to the run."""

    run_id: str
    now: str

    @classmethod
    def at(cls, run_id: str, moment: datetime) -> Self:
        """Take *moment* at millisecond precision, which every store can hold (MongoDB keeps no more)."""
        return cls(run_id, moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    def known(self) -> dict[str, Plain]:
        """Give what `values.bind` needs."""
        return {"run.id": self.run_id, NOW.source: self.now}
