"""Where a number comes from that is watched: lines of logs, a page, a query."""

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from ...dataclass import dataclass
from ...errors import RefusedError
from ...json_path import MissingPathError, find_path, parse_path
from ...matching import check_pattern, matching_lines
from ...parse import read_json
from ...targets.base import HostReader, HttpReader, Reader, SqlReader
from ...values import Plain
from .absent import unlooked
from .log_scan import ERRORS
from .logs import FileMark, LogFiles
from .prometheus import metric, read_selector


class Unreadable(Exception):
    """There is no number just now; the text says why."""


class Gauge(Protocol):
    """Gives the present number."""

    def __call__(self) -> float:
        """Read it; raises `Unreadable`, or a `TargetError`."""


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """How many lines the logs have got that look like errors; written as in `log.mark` and `log.scan`."""

    files: tuple[str, ...]
    patterns: tuple[str, ...] = ERRORS
    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.files or any(not path or path.startswith("-") for path in self.files):
            raise ValueError("files: expected paths")
        if not self.patterns or not all((*self.patterns, *self.allowed)):
            raise ValueError("patterns: expected at least one, and none empty")
        for pattern in (*self.patterns, *self.allowed):
            check_pattern(pattern)

    @property
    def label(self) -> str:
        """What people read."""
        return f"lines with {' | '.join(self.patterns)} in {', '.join(self.files)}"


@dataclass(frozen=True, slots=True)
class WatchedPage:
    """A number on a page: at a path of its JSON, or in a line as Prometheus collects them."""

    url: str
    json: str | None = None
    metric: str | None = field(default=None, metadata={"help": 'name{label="value"}; its series are added up'})

    def __post_init__(self) -> None:
        if (self.json is None) == (self.metric is None):
            raise ValueError("expected either json, a path, or metric, a name")
        if self.json is not None:
            parse_path(self.json)
        if self.metric is not None:
            read_selector(self.metric)

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.json or self.metric} of {self.url}"


@dataclass(frozen=True, slots=True)
class WatchedQuery:
    """A query whose first value is the number."""

    query: str
    parameters: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people read."""
        return self.query


def gauge_of(reader: Reader, source: WatchedLog | WatchedPage | WatchedQuery, within: float | None) -> Gauge:
    """
    Give what reads *source* through *reader*; of logs it counts what comes from now on.

    A query gets *within* seconds for each look.
    """
    match reader, source:
        case HostReader(), WatchedLog():
            return LogGauge(reader, source)
        case HttpReader(), WatchedPage():
            return lambda: _of_page(reader, source)
        case SqlReader(), WatchedQuery():
            return lambda: _of_query(reader, source, within)
    raise RefusedError(
        f"{source.label} cannot be watched through {reader.name}, which is {reader.kind}.",
        advice="Name a target of the right kind: a host, an http or a sql target.",
    )


class LogGauge:
    """Counts the matching lines since it was made, reading each once; *unlooked* warns of logs that are not there."""

    def __init__(self, host: HostReader, source: WatchedLog) -> None:
        self._host = host
        self._files = LogFiles(host)
        self._source = source
        self._there = set[str]()
        self.unlooked = ""
        self._marks = {path: self._files.mark(path) for path in self._files.named(source.files)}
        self._count = 0

    def __call__(self) -> float:
        """Look through what came since the last look."""
        for path in self._files.named(self._source.files):
            # The next mark is set first: what is written meanwhile is then counted the next time.
            mark, now = self._marks.get(path), self._files.mark(path)
            self._marks[path] = now
            self._count += sum(self._matching(path, mark, now))
        self._there |= {path for path, mark in self._marks.items() if mark.there}
        self.unlooked = unlooked(self._host, self._source.files, self._there)
        return float(self._count)

    def _matching(self, path: str, mark: FileMark | None, now: FileMark) -> list[int]:
        source, found = self._source, []
        for part in self._files.since(path, mark).parts:
            end = now.offset if part.path == path else part.end
            for text in self._files.lines(part.until(end)):
                found.append(len(matching_lines(text, source.patterns, source.allowed)))
        return found


def _of_page(site: HttpReader, page: WatchedPage) -> float:
    answer = site.get(page.url)
    if answer.status >= 400:  # what HTTP calls an error
        raise Unreadable(f"status {answer.status}")
    try:
        found = metric(answer.body, page.metric) if page.metric else find_path(read_json(answer.body), page.json or "")
    except (ValueError, MissingPathError) as error:
        raise Unreadable(str(error)) from error
    if found is None and page.metric:
        raise Unreadable(f"{page.url} has no metric {page.metric}")
    return number(found)


def _of_query(database: SqlReader, query: WatchedQuery, within: float | None) -> float:
    row = next(iter(database.rows(query.query, query.parameters, within=within)), None)
    if not row:
        raise Unreadable("the query gives no row")
    return number(next(iter(row.values())))


def number(value: Plain) -> float:
    """Take a number, also one written as text (as databases give exact ones). Raises `Unreadable`."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
    raise Unreadable(f"{value!r} is no number")
