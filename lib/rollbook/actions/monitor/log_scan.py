"""`log.scan`: what the logs say since a mark."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...errors import StepFailed
from ...matching import check_pattern, matching_lines
from ...targets.base import HostReader
from ...values import Plain
from .absent import unlooked
from .journald import lines_since
from .logs import FileMark, LogFiles

ERRORS: Final = (r"\b(ERROR|CRITICAL|FATAL)\b", r"Traceback \(most recent call last\)")
_WIDTH: Final = 300


@dataclass(slots=True)
class _Count:
    """What was found so far: all are counted, the first ones kept."""

    most: int
    found: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unlooked: str = ""

    def add(self, place: str, lines: tuple[str, ...]) -> None:
        """Take lines that were found in *place*."""
        self.found[place] = self.found.get(place, 0) + len(lines)
        free = self.most - len(self.lines)
        self.lines += [f"{place}: {line.strip()[:_WIDTH]}" for line in lines[: max(free, 0)]]


@dataclass(frozen=True, slots=True)
class LogScan(Assertion):
    """
    See that no more than `limit` lines of the logs since a mark look like errors.

    A line counts when one of `patterns` is found in it and none of `allowed`. Rotated, copied and compressed files are
    followed. Where lines since the mark are gone, because a file was truncated, it fails, unless `lost` says `allow`.
    A file that was never there, neither at the mark nor now, is a warning; one that may not be read fails.
    """

    kind: ClassVar[str] = "log.scan"
    example: ClassVar[Mapping[str, Plain]] = {
        "since": "{{ steps.mark.outputs.mark }}",
        "allowed": ["BrokenPipeError"],
        "limit": 3,
    }
    by_hand: ClassVar[str] = "`tail -c +SIZE FILE | grep -E 'ERROR|CRITICAL|FATAL|Traceback'`, SIZE as noted before."

    since: Mapping[str, Plain] = field(metadata={"help": "the output `mark` of a log.mark step"})
    target: Ref[HostReader] = Ref("local")
    patterns: tuple[str, ...] = field(default=ERRORS, metadata={"help": "regular expressions of lines that count"})
    allowed: tuple[str, ...] = field(default=(), metadata={"help": "regular expressions of lines that do not"})
    limit: int = field(default=0, metadata={"help": "how many lines may be found"})
    shown: int = field(default=20, metadata={"help": "how many of them are told"})
    lost: Literal["fail", "allow"] = "fail"

    def __post_init__(self) -> None:
        if not self.patterns or not all((*self.patterns, *self.allowed)):
            raise ValueError("patterns: expected at least one, and none empty")
        for pattern in (*self.patterns, *self.allowed):
            check_pattern(pattern)
        if self.limit < 0 or self.shown < 0:
            raise ValueError("limit and shown: expected 0 or more")

    def subjects(self) -> frozenset[Subject]:
        """Name the logs of the target."""
        return frozenset({Subject(self.target.name, "log")})

    def describe(self) -> str:
        """Say what is looked for."""
        allowed = f", but for {' | '.join(self.allowed)}" if self.allowed else ""
        return f"at most {self.limit} lines with {' | '.join(self.patterns)}{allowed}"

    def probe(self, read: Readers) -> Outcome:
        """Look through what was written since the mark."""
        host, count = read[self.target], _Count(self.shown)
        if not {"files", "patterns", "units", "cursor"} <= self.since.keys():
            raise StepFailed("since: is not what log.mark gives.", advice="Write {{ steps.ID.outputs.mark }}.")
        for place, text in self._texts(host, count):
            read.pause(0)  # an operator who wants to stop need not wait for the end of the logs
            count.add(place, matching_lines(text, self.patterns, self.allowed))
        there = (path for path, mark in self.since["files"].items() if mark and FileMark.read(mark).there)
        count.unlooked = unlooked(host, tuple(self.since["patterns"]), there)
        return self._told(count)

    def _texts(self, host: HostReader, count: _Count) -> Iterator[tuple[str, str]]:
        files, marks = LogFiles(host), self.since["files"]
        for path in dict.fromkeys((*marks, *files.named(tuple(self.since["patterns"])))):
            mark = marks.get(path)
            grown = files.since(path, FileMark.read(mark) if mark else None)
            count.found.setdefault(path, 0)
            count.lost += [grown.lost] if grown.lost else []
            for part in grown.parts:
                for text in files.lines(part):
                    yield path, text
        for unit in self.since["units"]:
            yield f"journal of {unit}", lines_since(host, unit, self.since["cursor"])

    def _told(self, count: _Count) -> Outcome:
        total = sum(count.found.values())
        passed = total <= self.limit and (not count.lost or self.lost == "allow")
        places = ", ".join(f"{number} in {place}" for place, number in count.found.items() if number)
        head = f"{total} lines found since the mark, {self.limit} allowed"
        more = total - len(count.lines)
        lines = [*count.lines, *([f"… and {more} more"] if more > 0 else [])]
        seen: dict[str, Plain] = {"count": total, "found": count.found, "lines": count.lines, "lost": count.lost}
        missing = [count.unlooked] if count.unlooked else []
        told = "\n".join((f"{head}{f': {places}' if places else ''}", *count.lost, *missing, *lines))
        return Outcome(passed, told, seen, warning=count.unlooked)
