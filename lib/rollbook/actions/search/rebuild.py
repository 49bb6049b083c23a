"""`search.rebuild`: an index made anew, and found to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import ClassVar, Final

from ...action import (
    Action,
    Change,
    Effect,
    Family,
    Leave,
    Outcome,
    Readers,
    Ref,
    Subject,
    Undo,
    Verdict,
)
from ...dataclass import dataclass
from ...errors import Unreachable
from ...json_path import MissingPathError, find_path, parse_path
from ...matching import check_pattern
from ...ops import Op, OpResult
from ...parse import read_json
from ...targets.base import HostReader, HttpReader
from ...values import Plain, Secret
from .progress import ProgressCommand

_GONE_WRONG: Final = 400  # and above


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search that must find something: at *json* of the answer stands a list, or a number of results."""

    name: str
    url: str
    json: str
    at_least: int = 1

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.url:
            raise ValueError("expected a name, such as the type that is searched for, and a url")
        if self.at_least < 1:
            raise ValueError("at_least: expected 1 or more")
        parse_path(self.json)

    def ask(self, site: HttpReader) -> tuple[int | None, str]:
        """Give how many results there are, None where that cannot be told, and what was seen."""
        try:
            answer = site.get(self.url)
        except Unreachable as error:
            return None, error.message
        if answer.status >= _GONE_WRONG:
            return None, f"status {answer.status}"
        try:
            found = find_path(read_json(answer.body), self.json)
        except (ValueError, MissingPathError) as error:
            return None, str(error)
        if isinstance(found, list | dict):
            return len(found), f"{len(found)} results"
        if isinstance(found, int) and not isinstance(found, bool):
            return found, f"{found} results"
        return None, f"{self.json} is {found!r}, neither a list nor a count"


@dataclass(frozen=True, slots=True)
class RebuildState:
    """Whether the index was made anew; None where nothing can tell: an old one answers as well."""

    rebuilt: bool | None


@dataclass(frozen=True, slots=True)
class SearchRebuild(Action[RebuildState]):
    """
    Run the command that rebuilds a search index, then see that searches find something.

    `progress` is a pattern with the groups `done` and `total`, read from the output as it comes. `within` ends the
    command with everything that it started: a rebuild that hands its work to a queue waits for ever when no worker
    runs. Each of `queries` is asked until it gives results, at most until `settle` after the command's end.
    """

    kind: ClassVar[str] = "search.rebuild"
    family: ClassVar[Family] = "command"
    example: ClassVar[Mapping[str, Plain]] = {
        "command": ["python", "manage.py", "recreate_index", "--all"],
        "progress": r"indexed (?P<done>\d+) of (?P<total>\d+)",
        "within": "30m",
        "queries": [{"name": "post", "url": "/api/v0/search/?q=test&type=post", "json": "results"}],
    }
    by_hand: ClassVar[str] = "Run `<command>`; look that a worker runs, and that each search finds something."

    command: tuple[str, ...]
    queries: tuple[SearchQuery, ...] = field(metadata={"help": "searches that must find something, one for each type"})
    target: Ref[HostReader] = Ref("local")
    site: Ref[HttpReader] = Ref("site")
    progress: str = field(default="", metadata={"help": "a pattern with the named groups done and total"})
    within: timedelta = field(default=timedelta(hours=1), metadata={"help": "after that, the command is ended"})
    settle: timedelta = field(default=timedelta(seconds=30), metadata={"help": "how long queries may find nothing yet"})
    directory: str | None = field(default=None, metadata={"help": "the folder to start it in"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    run_as: str | None = None

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise ValueError("command: expected a list of words")
        if not self.queries:
            raise ValueError("queries: expected at least one, for only they show that there is an index")
        if self.within <= timedelta(0) or self.settle < timedelta(0):
            raise ValueError("within: expected more than 0 s, and settle no less")
        if self.progress:
            check_pattern(self.progress)
            if "(?P<done>" not in self.progress:
                raise ValueError("progress: expected a pattern with the group (?P<done>…)")

    def subjects(self) -> frozenset[Subject]:
        """Name the command."""
        return frozenset({Subject(self.target.name, self.kind, "\0".join(self.command))})

    def probe(self, read: Readers) -> RebuildState:  # noqa: ARG002  # an old index looks the same
        """Know nothing: an index that answers may be an old one."""
        return RebuildState(None)

    def desired(self, before: RebuildState) -> RebuildState:  # noqa: ARG002  # it is always the same
        """Want it made anew."""
        return RebuildState(True)

    def ops(self, old: RebuildState, new: RebuildState) -> tuple[Op, ...]:
        """Run the command."""
        if old.rebuilt or not new.rebuilt:
            return ()
        command = ProgressCommand(
            self.target.name,
            self.command,
            directory=self.directory,
            environment=dict(self.environment),
            timeout=self.within.total_seconds(),
            run_as=self.run_as,
            progress=self.progress,
        )
        return (command,)

    def proof(self, read: Readers) -> Outcome:
        """Ask each query until it gives results, or time is up."""
        site, started = read[self.site], read.monotonic()
        while True:
            answers = {query.name: (query.at_least, *query.ask(site)) for query in self.queries}
            silent = [name for name, (least, count, _) in answers.items() if count is None or count < least]
            left = self.settle.total_seconds() - (read.monotonic() - started)
            if not silent or left <= 0:
                break
            read.pause(min(1.0, left))
        lines = [f"{'FAILED' if name in silent else 'ok    '} {name}: {told}" for name, (_, _, told) in answers.items()]
        head = f"{len(answers) - len(silent)} of {len(answers)} searches give results"
        return Outcome(not silent, "\n".join((head, *lines)), {name: count for name, (_, count, _) in answers.items()})

    def undo(self, change: Change[RebuildState]) -> Undo[RebuildState]:  # noqa: ARG002  # it is always the same
        """Leave it: an index holds nothing of its own."""
        return Leave("an index is made of what the database holds, and can be made anew at any time")

    def outputs(self, after: RebuildState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give how the command ended."""
        given: dict[str, Plain] = {"rebuilt": after.rebuilt}
        for result in results:
            given |= {name: value for name, value in result.outputs.items() if name in ("exited", "seconds")}
        return given

    def verdict(self, change: Change[RebuildState]) -> Verdict:
        """Sort it: it runs."""
        return "run" if change.ops else "noop"

    def effect(self) -> Effect:
        """Allow it to be begun again: an index made twice is the same."""
        return "idempotent"

    def details(self, change: Change[RebuildState]) -> tuple[str, ...]:
        """Say what is asked afterwards."""
        limit = f"ended after {self.within.total_seconds():g} s"
        return (limit, *(f"afterwards: {query.name}: GET {query.url} has results" for query in self.queries)) * bool(
            change.ops
        )
