"""Targets that live in memory, for tests of actions and runbooks."""

import hashlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from ..action import Ref
from ..configuration.editing import put
from ..dataclass import dataclass
from ..errors import NotFoundError, TargetError, Unreachable
from ..ops import Awaited, Command, Execution, FileCopy, FileEdit, FileRemove, FileWrite, HttpCall, Op, OpResult
from ..targets.base import CommandResult, FileStat, Finding, HttpResponse
from ..values import Plain, Secret

START: Final = datetime(2024, 5, 1, 12, tzinfo=UTC)


class FakeTarget:
    """
    A target and its own reader; *executed* holds every op that it was handed, in order.

    *reachable* set to False makes everything raise `Unreachable`. Subclasses carry out ops in `_do`.
    """

    kinds: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.reachable = True
        self.executed: list[Op] = []

    def reader(self) -> Any:  # noqa: ANN401  # a reader of any kind
        """Give the read-only side, which a fake is itself."""
        return self

    def identity(self) -> Mapping[str, str]:
        """Say who it is."""
        self.answer()
        return {"name": self.name}

    def answer(self) -> None:
        """Raise `Unreachable` when it is not reachable."""
        if not self.reachable:
            raise Unreachable(f"{self.name} does not answer")

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Carry out an op and remember it."""
        self.answer()
        result = self._do(op, execution)
        self.executed.append(op)
        return result

    def _do(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # by default anything is accepted
        return OpResult()

    def misplaced(self, op: Op) -> TargetError:
        """Make the error for an op that it cannot carry out."""
        return TargetError(f"{self.name} ({self.kind}) cannot carry out {op.op!r}")

    def contents(self) -> Plain:
        """Give what would differ had something been written."""
        return len(self.executed)

    def check(self) -> tuple[Finding, ...]:
        """Find that all is well."""
        return (Finding(self.name, "reachable", "ok" if self.reachable else "missing", "answers"),)

    def lock(self, name: str) -> "AbstractContextManager[None] | None":  # noqa: ARG002  # it has none
        """Give no lock."""
        return None

    def close(self) -> None:
        """Close nothing."""


@dataclass(frozen=True, slots=True)
class FakeFile:
    """A file on a fake host."""

    content: bytes = b""
    mode: str = "0644"
    kind: Literal["file", "folder", "link", "other"] = "file"
    owner: str = "root:root"


class FakeHost(FakeTarget):
    """A host: files by path, and programs by their argv; a program may change the host."""

    kinds: ClassVar[tuple[str, ...]] = ("local", "ssh", "command")

    def __init__(
        self,
        name: str = "local",
        *,
        files: Mapping[str, FakeFile | bytes] | None = None,
        programs: Mapping[tuple[str, ...], CommandResult | Callable[["FakeHost"], CommandResult]] | None = None,
    ) -> None:
        super().__init__(name, "local")
        self.files = {
            path: file if isinstance(file, FakeFile) else FakeFile(file) for path, file in (files or {}).items()
        }
        self.programs = dict(programs or {})

    def contents(self) -> Plain:
        """Give its files."""
        return {path: (file.content, file.mode, file.kind) for path, file in self.files.items()}

    def run(
        self,
        argv: tuple[str, ...],
        *,
        timeout: float = 60.0,  # noqa: ARG002  # it takes no time
        directory: str | None = None,  # noqa: ARG002  # its programs know no folders
        environment: Mapping[str, str | Secret] | None = None,  # noqa: ARG002  # nor variables
        run_as: str | None = None,  # noqa: ARG002  # nor accounts
    ) -> CommandResult:
        """Run one of its programs; 127 for any other."""
        self.answer()
        program = self.programs.get(argv, CommandResult(127, "", f"{argv[0]}: not found"))
        return program if isinstance(program, CommandResult) else program(self)

    def lines(self, argv: tuple[str, ...]) -> Iterator[bytes]:
        """Give the output of one of its programs by lines."""
        return iter(self.run(argv).stdout.encode().splitlines(keepends=True))

    def stat(self, path: str) -> FileStat | None:
        """Look at a path."""
        self.answer()
        file = self.files.get(path)
        return FileStat(file.kind, len(file.content), file.mode, START, file.owner) if file else None

    def read_file(self, path: str, *, limit: int = 1_000_000) -> bytes | None:
        """Read a file."""
        self.answer()
        file = self.files.get(path)
        if file is not None and len(file.content) > limit:
            raise TargetError(f"{path} is larger than {limit} bytes")
        return file.content if file else None

    def sha256(self, path: str) -> str | None:
        """Hash a file."""
        content = self.read_file(path, limit=1 << 40)
        return None if content is None else hashlib.sha256(content).hexdigest()

    def list_folder(self, path: str) -> tuple[str, ...]:
        """Name the files of a folder."""
        self.answer()
        return tuple(sorted(posixpath.basename(name) for name in self.files if posixpath.dirname(name) == path))

    def _do(self, op: Op, execution: Execution) -> OpResult:
        match op:
            case FileWrite():
                self.files[op.path] = FakeFile(op.content.encode(), op.mode)
            case FileCopy():
                source = self.files[op.source]
                self.files[op.path] = replace(source, mode=op.mode or source.mode, owner=op.owner or "root:root")
            case FileEdit():
                file = self.files[op.path]
                edited = put(file.content.decode(), op.format, op.key, op.value)
                self.files[op.path] = replace(file, content=edited.encode())
            case FileRemove():
                self.files.pop(op.path, None)
            case Awaited():
                result = self._command(op, execution)
                look = self.run(op.look)
                if not op.come_about(look.exited, look.stdout):
                    raise TargetError(f"{op.argv[0]} did not bring it about")
                return result
            case Command():
                return self._command(op, execution)
            case _:
                raise self.misplaced(op)
        return OpResult()

    def _command(self, op: Command, execution: Execution) -> OpResult:
        result = self.run(op.argv)
        execution.write_output((result.stdout + result.stderr).encode())
        if result.exited not in op.ok:
            raise TargetError(f"{op.argv[0]} ended with exit code {result.exited}")
        return OpResult(outputs={"exited": result.exited, "stdout": result.stdout})


class FakeSite(FakeTarget):
    """A site: answers by address, each a list of which the last one stays; POSTs are accepted."""

    kinds: ClassVar[tuple[str, ...]] = ("http",)

    def __init__(
        self, name: str = "site", pages: Mapping[str, HttpResponse | list[HttpResponse]] | None = None
    ) -> None:
        super().__init__(name, "http")
        self.pages = {url: list(page) if isinstance(page, list) else [page] for url, page in (pages or {}).items()}

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # any are accepted
        timeout: float = 10.0,  # noqa: ARG002  # it takes no time
        redirects: int = 0,  # noqa: ARG002  # there are none
        method: Literal["GET", "HEAD"] = "GET",  # noqa: ARG002  # both give the same
    ) -> HttpResponse:
        """Give the next answer for *url*; 404 where there is none."""
        self.answer()
        answers = self.pages.get(url, [HttpResponse(404, {}, "", 0.01)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _do(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # there is no output
        if not isinstance(op, HttpCall):
            raise self.misplaced(op)
        return OpResult(outputs={"status": 200})


class FakeDatabase(FakeTarget):
    """A SQL database that knows the answers to some queries."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "postgres")
    dialect: Literal["mysql", "postgresql", "sqlite"] = "sqlite"

    def __init__(self, name: str = "database", answers: Mapping[str, list[dict[str, Plain]]] | None = None) -> None:
        super().__init__(name, "sql")
        self.answers = dict(answers or {})
        self.limits: list[float | None] = []

    def rows(
        self,
        query: str,
        parameters: Mapping[str, Plain] | None = None,  # noqa: ARG002  # the text tells
        *,
        within: float | None = None,
    ) -> Iterator[dict[str, Plain]]:
        """Give the rows for *query*, and note how long it might take."""
        self.answer()
        self.limits.append(within)
        if query not in self.answers:
            raise TargetError(f"{self.name} knows no answer to: {query}")
        return iter(self.answers[query])

    def tables(self) -> frozenset[str]:
        """Name no table."""
        return frozenset()


@dataclass(slots=True)
class FakeReaders:
    """Readers on fake targets, with a clock that moves only when somebody pauses."""

    targets: Mapping[str, FakeTarget]
    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def __getitem__(self, ref: Ref[Any] | str) -> Any:  # noqa: ANN401  # a reader of any kind
        name = ref.name if isinstance(ref, Ref) else ref
        if name not in self.targets:
            raise NotFoundError(f"there is no target {name!r}")
        return self.targets[name].reader()

    def __contains__(self, ref: object) -> bool:
        return (ref.name if isinstance(ref, Ref) else ref) in self.targets

    def pause(self, seconds: float) -> None:
        """Let time go by."""
        self.pauses.append(seconds)
        self.seconds += seconds

    def monotonic(self) -> float:
        """Give the seconds gone by."""
        return self.seconds

    def now(self) -> str:
        """Give the time."""
        at = START + timedelta(seconds=self.seconds)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class FakeExecution:
    """What an op is given; *output* collects what it wrote."""

    mark: str = "run/step"
    timeout: float | None = None
    output: bytearray = field(default_factory=bytearray)
    stopped: bool = False
    answers: tuple[Plain, ...] = ()

    def write_output(self, chunk: bytes) -> None:
        """Collect output."""
        self.output += chunk

    def progress(self, done: int, total: int | None, unit: Literal["B", "rows", "items"]) -> None:
        """Pass."""

    def stopping(self) -> bool:
        """Tell whether the test asked to stop."""
        return self.stopped


class FakeWorld:
    """An environment of fake targets: readers for probes, a carrier for ops, contents to compare."""

    def __init__(self, *targets: FakeTarget) -> None:
        self.targets = {target.name: target for target in targets}
        self.read = FakeReaders(self.targets)
        self.execution = FakeExecution()

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Hand *op* to the target that it names."""
        if op.target not in self.targets:
            raise NotFoundError(f"there is no target {op.target!r}")
        return self.targets[op.target].execute(op, execution)

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry out *ops* in order, as the engine would."""
        return tuple(op.carry_out(self, self.execution) for op in ops)

    def contents(self) -> Plain:
        """Give the contents of every target."""
        return {name: target.contents() for name, target in self.targets.items()}
