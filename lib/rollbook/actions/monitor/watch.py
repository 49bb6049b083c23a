"""`monitor.watch`: a number held within a limit for a time."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import ClassVar, Final, Protocol

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...errors import TargetError
from ...targets.base import HostReader, HttpReader, Reader, SqlReader
from ...values import Plain
from .absent import foretold
from .gauge import LogGauge, Unreadable, WatchedLog, WatchedPage, WatchedQuery, gauge_of
from .growth import Growth
from .samples import Sample, sparkline

_MOST: Final = 5000
_PATIENCE: Final = 10.0
_SECONDS: Final = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


class Watched(Reader, Protocol):
    """Anything that a number can be read from."""

    kinds: ClassVar[tuple[str, ...]] = (*HostReader.kinds, *HttpReader.kinds, *SqlReader.kinds)


@dataclass(frozen=True, slots=True)
class MonitorWatch(Assertion):
    """
    Watch a number for a time: it must stay `below` or `above` a limit at every look.

    It comes from exactly one of `log` (matching lines of log files), `http` (a path of a JSON answer, or a metric as
    Prometheus collects them) and `sql` (the first value of a query). With `per` it is a counter, and its growth in that
    time is what is watched; lines of logs are, per minute. A look that gives no number counts as one outside of the
    limit, and so does one with a query that takes longer than all of `for`, 10 s at the least. More than `outside` of
    those fail at once. All samples are kept, and drawn in the report. A log that is not there from beginning to end is
    a warning; one that may not be read gives no number.
    """

    kind: ClassVar[str] = "monitor.watch"
    example: ClassVar[Mapping[str, Plain]] = {
        "log": {"files": ["/var/log/app/web.log"]},
        "below": 5,
        "for": "5m",
        "every": "15s",
    }
    by_hand: ClassVar[str] = "`watch -n 15 'tail -100 FILE | grep -c ERROR'`, for the time given, noting what it shows."

    log: WatchedLog | None = None
    http: WatchedPage | None = None
    sql: WatchedQuery | None = None
    target: Ref[Watched] = field(default=Ref("local"), metadata={"help": "a host; an http or sql target for those"})
    per: timedelta | None = field(default=None, metadata={"help": "the number is a counter: watch its growth in this"})
    below: float | None = None
    above: float | None = None
    for_: timedelta = field(default=timedelta(minutes=5), metadata={"help": "how long it is watched"})
    every: timedelta = timedelta(seconds=15)
    outside: int = field(default=0, metadata={"help": "how many looks may be outside of the limit"})

    def __post_init__(self) -> None:
        given = [name for name in ("log", "http", "sql") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("expected exactly one of log, http and sql")
        if not self.log and self.target.name == "local":
            raise ValueError(f"target: {given[0]} needs the name of {'an http' if self.http else 'a sql'} target")
        if self.below is None and self.above is None:
            raise ValueError("expected below or above: the limit")
        if (
            self.every <= timedelta(0)
            or self.for_ < timedelta(0)
            or (self.per is not None and self.per <= timedelta(0))
        ):
            raise ValueError("every and per: expected more than 0 s, and for no less")
        if self.for_ / self.every > _MOST:
            raise ValueError(f"expected at most {_MOST} looks; look less often")
        if self.outside < 0:
            raise ValueError("outside: expected 0 or more")

    @property
    def _source(self) -> WatchedLog | WatchedPage | WatchedQuery:
        source = self.log or self.http or self.sql
        if source is None:  # as the check above holds
            raise ValueError("expected exactly one of log, http and sql")
        return source

    @property
    def _per(self) -> float | None:
        return 60.0 if self.log and self.per is None else self.per.total_seconds() if self.per else None

    @property
    def _patience(self) -> float | None:
        """Give the seconds that a query may take; where there is one look only, the target's own limit holds."""
        seconds = self.for_.total_seconds()
        return max(seconds, _PATIENCE) if seconds else None

    @property
    def _unit(self) -> str:
        if self._per is None:
            return ""
        return f"per {_SECONDS.get(int(self._per), f'{self._per:g} s')}"

    @property
    def _limit(self) -> str:
        parts = [f"below {self.below:g}"] if self.below is not None else []
        parts += [f"above {self.above:g}"] if self.above is not None else []
        return " and ".join(parts)

    def subjects(self) -> frozenset[Subject]:
        """Name what is watched."""
        return frozenset({Subject(self.target.name, self.kind, self._source.label)})

    def describe(self) -> str:
        """Say what is watched, how long, and what it must be."""
        unit = f" {self._unit}" if self._unit else ""
        more = f", but for {self.outside} looks" if self.outside else ""
        seconds, every = self.for_.total_seconds(), self.every.total_seconds()
        return f"{self._source.label}{unit}: {self._limit} for {seconds:g} s, looked at every {every:g} s{more}"

    def foretell(self, read: Readers) -> tuple[str, ...]:
        """Tell which logs are not there, while there is time to look for them."""
        host = read[self.target]
        return tuple(foretold(host, self.log.files)) if self.log and isinstance(host, HostReader) else ()

    def probe(self, read: Readers) -> Outcome:
        """Look until the time is over, or too much was outside of the limit."""
        source = gauge_of(read[self.target], self._source, self._patience)
        gauge = Growth(source, self._per, read)
        started, samples = read.monotonic(), list[Sample]()
        while True:
            if gauge.ready:
                samples.append(self._sample(gauge, started, read))
                left = self.for_.total_seconds() - samples[-1].at
                if left <= 0 or self._outside(samples) > self.outside:
                    return self._told(samples, source.unlooked if isinstance(source, LogGauge) else "")
                read.pause(min(self.every.total_seconds(), left))
            else:
                gauge.prepare()
                read.pause(min(self.every.total_seconds(), self.for_.total_seconds()) or 1.0)

    @staticmethod
    def _sample(gauge: Growth, started: float, read: Readers) -> Sample:
        try:
            value = gauge.read()
        except (TargetError, Unreadable) as error:
            why = error.message if isinstance(error, TargetError) else str(error)
            return Sample(round(read.monotonic() - started, 3), None, why)
        return Sample(round(read.monotonic() - started, 3), round(value, 6))

    def _fits(self, sample: Sample) -> bool:
        if sample.value is None:
            return False
        return (self.below is None or sample.value < self.below) and (self.above is None or sample.value > self.above)

    def _outside(self, samples: Sequence[Sample]) -> int:
        return sum(not self._fits(sample) for sample in samples)

    def _told(self, samples: Sequence[Sample], unlooked: str) -> Outcome:
        outside = self._outside(samples)
        values = [sample.value for sample in samples if sample.value is not None]
        between = f"between {min(values):g} and {max(values):g}" if values else "no number at all"
        label = f"{self._source.label}{f' {self._unit}' if self._unit else ''}"
        looks = "1 look" if len(samples) == 1 else f"{len(samples)} looks"
        head = f"{label}: {looks} in {samples[-1].at:.0f} s, {between}, wanted {self._limit}"
        worst = next((sample for sample in samples if not self._fits(sample)), None)
        first = () if worst is None else (f"{outside} outside, the first after {worst.at:.0f} s: {worst.label}",)
        seen: dict[str, Plain] = {
            "samples": [[sample.at, sample.value] for sample in samples],
            "below": self.below,
            "above": self.above,
            "outside": outside,
        }
        told = (head, sparkline(samples), *first, *([unlooked] if unlooked else []))
        return Outcome(outside <= self.outside, "\n".join(told), seen, warning=unlooked)
