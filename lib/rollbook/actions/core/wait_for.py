"""`wait.for`: until something is there, gone, empty, or idle."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import ClassVar, Final, Protocol

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...errors import CommandTimeout, RefusedError, TargetError, Unreachable
from ...queues import check_queue
from ...targets.base import BrokerReader, HostReader, HttpReader, Reader, SqlReader
from ...values import Plain

# Asked from the host itself, which may see other ports than this machine; $0 and $1 are its arguments.
_PORT_SCRIPT: Final = (
    "if command -v bash >/dev/null 2>&1; "
    'then exec bash -c \'exec 3<>"/dev/tcp/$0/$1"\' "$0" "$1" 2>/dev/null; '
    'else exec nc -z -w 5 "$0" "$1"; fi'
)


_THINGS: Final = ("port", "file", "command", "http", "sql", "queue")
_TARGETS: Final = {"http": "an http", "sql": "a sql", "queue": "a broker"}


class Watched(Reader, Protocol):
    """Anything that can be waited for."""

    kinds: ClassVar[tuple[str, ...]] = (
        *HostReader.kinds,
        *HttpReader.kinds,
        *SqlReader.kinds,
        *BrokerReader.kinds,
    )


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that accepts connections, as seen from the host `target`."""

    port: int
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:  # what a port is
            raise ValueError("expected a port between 1 and 65535")


@dataclass(frozen=True, slots=True)
class Page:
    """An address that answers with this status."""

    url: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Query:
    """A query whose first value is this one; without `equals`, one that is neither empty, 0, false nor null."""

    query: str
    parameters: Mapping[str, Plain] = field(default_factory=dict)
    equals: Plain = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of a broker in which messages wait; those that workers hold count as well, where the broker tells."""

    name: str
    reserved: bool = True

    def __post_init__(self) -> None:
        check_queue(self.name)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: there, not there, or None when it could not be told; and what was seen."""

    there: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class WaitFor(Assertion):
    """
    Wait until a port, file, command, page, query or queue says so; with `gone: true`, until it no longer does.

    Exactly one of `port`, `file`, `command`, `http`, `sql` and `queue` is looked at, every so often, until
    `timeout`; the last three need their `target`. A queue that is gone is one that is empty. With `idle`, it must
    say so, and nothing that is seen may change, for that long: a file that is written to, a queue that is filled
    again, are not idle. What cannot be told, because a host or a database does not answer, is neither there nor
    gone; a page that does not answer is gone.
    """

    kind: ClassVar[str] = "wait.for"
    example: ClassVar[Mapping[str, Plain]] = {"port": {"port": 5432}, "timeout": "2m"}

    port: Port | None = None
    file: str | None = field(default=None, metadata={"help": "a path on the host"})
    command: str | tuple[str, ...] = field(
        default=(), metadata={"help": "a looking command, a list or a line for `sh -c`; exit code 0 means there"}
    )
    http: Page | None = None
    sql: Query | None = None
    queue: Queue | None = None
    target: Ref[Watched] = field(
        default=Ref("local"), metadata={"help": "a host; an http, sql or broker target for those"}
    )
    gone: bool = False
    idle: timedelta | None = field(default=None, metadata={"help": "how long it must stay so, unchanged"})
    timeout: timedelta = timedelta(minutes=1)
    every: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        given = [name for name in _THINGS if getattr(self, name)]
        if len(given) != 1:
            named = f", not {' and '.join(given)}" if given else ""
            raise ValueError(f"expected exactly one of {', '.join(_THINGS[:-1])} and {_THINGS[-1]}{named}")
        if given[0] in _TARGETS and self.target.name == "local":
            raise ValueError(f"target: {given[0]} needs the name of {_TARGETS[given[0]]} target")
        if self.idle is not None and not timedelta(0) < self.idle <= self.timeout:
            raise ValueError("idle: expected more than 0 s, and no more than timeout")
        if self.every <= timedelta(0) or self.timeout < timedelta(0):
            raise ValueError("every: expected more than 0 s, and timeout no less")

    def subjects(self) -> frozenset[Subject]:
        """Name what is waited for."""
        return frozenset({Subject(self.target.name, self.kind, self._thing())})

    def describe(self) -> str:
        """Say what is waited for, and how long."""
        end = ("is empty" if self.queue else "is gone") if self.gone else "is there"
        idle = f" and idle for {self.idle.total_seconds():g} s" if self.idle else ""
        return f"until {self._thing()} {end}{idle}, at most {self.timeout.total_seconds():g} s"

    def _thing(self) -> str:
        if self.port:
            return f"port {self.port.host}:{self.port.port}"
        if self.file:
            return f"file {self.file}"
        if self.http:
            return f"{self.http.url} answering {self.http.status}"
        if self.queue:
            return f"queue {self.queue.name}"
        return f"query {self.sql.query}" if self.sql else f"command {' '.join(self._argv())}"

    def _argv(self) -> tuple[str, ...]:
        return ("sh", "-c", self.command) if isinstance(self.command, str) else self.command

    def probe(self, read: Readers) -> Outcome:
        """Look until it is so, or time is up."""
        started = read.monotonic()
        looks, since, last = 0, started, ""
        idle = self.idle.total_seconds() if self.idle else 0.0
        while True:
            left = self.timeout.total_seconds() - (read.monotonic() - started)
            look = self._look(read, max(left, 1.0))
            looks += 1
            waited = read.monotonic() - started
            seen: Mapping[str, Plain] = {"waited": round(waited, 3), "looks": looks, "last": look.seen}
            good = look.there is (not self.gone)
            if not good or look.seen != last:
                since, last = read.monotonic(), look.seen
            if good and read.monotonic() - since >= idle:
                return Outcome(True, f"{self._thing()}: {look.seen} after {waited:.1f} s", seen)
            left = self.timeout.total_seconds() - waited
            if left <= 0:
                wanted = "is not idle" if good else "still there" if self.gone else "not there"
                message = f"{self._thing()} {wanted} after {waited:.1f} s and {looks} looks: {look.seen}"
                return Outcome(False, message, seen)
            read.pause(min(self.every.total_seconds(), left))

    def _look(self, read: Readers, left: float) -> _Look:
        try:
            match read[self.target]:
                case HttpReader() as site if self.http:
                    return _look_page(site, self.http, min(left, 10.0))
                case SqlReader() as database if self.sql:
                    return _look_query(database, self.sql, max(self.timeout.total_seconds(), 10.0))
                case BrokerReader() as broker if self.queue:
                    return _look_queue(broker, self.queue)
                case HostReader() as host if not (self.http or self.sql or self.queue):
                    return self._look_host(host, min(left, 30.0))
                case other:
                    raise RefusedError(
                        f"wait.for cannot look for {self._thing()} through {other.name}, which is {other.kind}.",
                        advice="Name a target of the right kind: a host, an http, a sql or a broker target.",
                    )
        except CommandTimeout:
            return _Look(None, "the look itself took too long")
        except Unreachable as error:
            return _Look(None if not self.http else False, error.message)

    def _look_host(self, host: HostReader, seconds: float) -> _Look:
        if self.file:
            found = host.stat(self.file)
            if found is None:
                return _Look(False, "nothing is there")
            changed = f", changed {found.modified:%H:%M:%S}" if self.idle else ""
            return _Look(True, f"a {found.kind} of {found.size} bytes{changed}")
        if self.port:
            argv: tuple[str, ...] = ("sh", "-c", _PORT_SCRIPT, self.port.host, str(self.port.port))
            exited = host.run(argv, timeout=min(seconds, 5.0)).exited
            return _Look(exited == 0, "accepts connections" if exited == 0 else "accepts no connection")
        exited = host.run(self._argv(), timeout=seconds).exited
        return _Look(exited == 0, f"exit code {exited}")


def _look_page(site: HttpReader, page: Page, seconds: float) -> _Look:
    answer = site.get(page.url, timeout=seconds)
    return _Look(answer.status == page.status, f"status {answer.status}")


def _look_queue(broker: BrokerReader, queue: Queue) -> _Look:
    waiting = broker.length(queue.name)
    reserved = (broker.reserved(queue.name) or 0) if queue.reserved else 0
    return _Look(waiting + reserved > 0, f"{waiting} waiting, {reserved} with workers")


def _look_query(database: SqlReader, look: Query, seconds: float) -> _Look:
    try:
        row = next(iter(database.rows(look.query, look.parameters, within=seconds)), None)
    except Unreachable:
        raise
    except TargetError as error:
        return _Look(None, error.message)
    value = next(iter(row.values()), None) if row else None
    there = bool(value) if look.equals is None else type(value) is type(look.equals) and value == look.equals
    return _Look(there, "no row" if row is None else f"value {value!r}")
