"""The time axis: from moments to places, with idle stretches shortened and short steps kept visible."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, compress, pairwise
from math import ceil, floor
from operator import not_
from typing import Final, NamedTuple

BREAK: Final = 62.0
LEAST: Final = 9.0
ROOM: Final = 68.0
STEPS: Final = tuple(
    [base * 10.0**power for power in (-3, -2, -1, 0) for base in (1, 2, 5)]
    + [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200]
    + [86400.0 * days for days in (1, 2, 7, 14, 28, 91, 364)]
)


class Break(NamedTuple):
    """An idle stretch drawn shorter than it was."""

    began: datetime
    ended: datetime
    left: float
    right: float

    @property
    def seconds(self) -> float:
        """How long it really was."""
        return (self.ended - self.began).total_seconds()


class Tick(NamedTuple):
    """A labelled place on the axis."""

    place: float
    label: str


class Scale(NamedTuple):
    """Places for moments: *places[i]* belongs to *moments[i]*, straight in between."""

    moments: tuple[datetime, ...]
    places: tuple[float, ...]
    breaks: tuple[Break, ...]
    pace: float

    def place(self, at: datetime) -> float:
        """Give the place of a moment; those outside go to the ends."""
        index = bisect_right(self.moments, at) - 1
        if index < 0:
            return self.places[0]
        if index >= len(self.moments) - 1:
            return self.places[-1]
        whole = (self.moments[index + 1] - self.moments[index]).total_seconds()
        part = (at - self.moments[index]).total_seconds() / whole if whole else 0.0
        return self.places[index] + part * (self.places[index + 1] - self.places[index])

    def ticks(self) -> tuple[Tick, ...]:
        """Choose round times with room between them; both ends and the end of each break come first."""
        first, last = self.moments[0], self.moments[-1]
        room = ROOM if last - first < timedelta(days=1) else 1.4 * ROOM
        period = next((step for step in STEPS if step * self.pace >= room), STEPS[-1])
        taken: list[datetime] = []
        for at in (first, last, *(stop.ended for stop in self.breaks), *self._round(period)):
            place = self.place(at)
            # The labels at both ends stand inside the axis, so they take room on one side only.
            if all(abs(place - self.place(other)) >= room * (1.4 if other in (first, last) else 1) for other in taken):
                taken.append(at)
        taken.sort()
        return tuple(Tick(self.place(at), _label(at, taken, period)) for at in taken)

    def _round(self, period: float) -> Iterator[datetime]:
        midnight = self.moments[0].astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        edges = (self.moments[0], *(at for stop in self.breaks for at in (stop.began, stop.ended)), self.moments[-1])
        for began, ended in zip(edges[::2], edges[1::2], strict=True):
            low, high = ((at - midnight).total_seconds() / period for at in (began, ended))
            yield from (midnight + timedelta(seconds=index * period) for index in range(ceil(low), floor(high) + 1))


def scale_of(
    work: Iterable[tuple[datetime, datetime]], marks: Iterable[datetime], *, left: float, right: float
) -> Scale:
    """
    Lay out *work* stretches and *marks* between *left* and *right*.

    Time in which nothing works is drawn at most `BREAK` wide; working time is drawn at one pace, but
    for stretches that would be too thin to see.
    """
    stretches = list(work)
    moments = sorted({*marks, *(at for stretch in stretches for at in stretch)})
    if len(moments) < 2:
        at = moments[0] if moments else datetime.now(UTC)
        return Scale((at, at), (left, right), (), 0.0)
    busy = _busy(stretches, moments)
    lengths = [(after - at).total_seconds() for at, after in pairwise(moments)]
    widths, pace = _widths(lengths, busy, right - left)
    places = [left]
    for width in widths:
        places.append(places[-1] + width)
    places[-1] = right
    breaks = tuple(
        Break(moments[index], moments[index + 1], places[index], places[index + 1])
        for index, length in enumerate(lengths)
        if not busy[index] and length * pace > widths[index] * 1.05
    )
    return Scale(tuple(moments), tuple(places), breaks, pace)


def _busy(stretches: Sequence[tuple[datetime, datetime]], moments: Sequence[datetime]) -> list[bool]:
    changes: dict[datetime, int] = {}
    for began, ended in stretches:
        changes[began] = changes.get(began, 0) + 1
        changes[ended] = changes.get(ended, 0) - 1
    found, depth = [], 0
    for at in moments[:-1]:
        depth += changes.get(at, 0)
        found.append(depth > 0)
    return found


def _widths(lengths: Sequence[float], busy: Sequence[bool], room: float) -> tuple[list[float], float]:
    least = min(LEAST, 0.5 * room / max(sum(busy), 1))
    seen = 0.01 * sum(lengths)
    long = sum(length > seen for length, works in zip(lengths, busy, strict=True) if not works)
    most = min(BREAK, 0.45 * room / max(long, 1))

    spent = _Spent(lengths, busy, least, most)
    low, high = 0.0, room / max(min(lengths), 1e-6)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if spent.at(middle) < room else (low, middle)
    widths = [
        max(least, length * high) if works else min(most, length * high)
        for length, works in zip(lengths, busy, strict=True)
    ]
    stretch = room / sum(widths)
    return [width * stretch for width in widths], high


class _Spent:
    """How much room all stretches take at a pace: told by two look-ups, for there may be many thousand of them."""

    def __init__(self, lengths: Sequence[float], busy: Sequence[bool], least: float, most: float) -> None:
        self._least, self._most = least, most
        self._work = sorted(compress(lengths, busy))
        self._idle = sorted(compress(lengths, map(not_, busy)))
        self._work_sums = [0.0, *accumulate(self._work)]
        self._idle_sums = [0.0, *accumulate(self._idle)]

    def at(self, pace: float) -> float:
        """Give the room that work of at least *least* and idle time of at most *most* each takes."""
        thin = bisect_right(self._work, self._least / pace)
        short = bisect_right(self._idle, self._most / pace)
        work = thin * self._least + (self._work_sums[-1] - self._work_sums[thin]) * pace
        return work + self._idle_sums[short] * pace + (len(self._idle) - short) * self._most


def _label(at: datetime, ticks: Sequence[datetime], period: float) -> str:
    there = at.astimezone(UTC)
    first, last = ticks[0], ticks[-1]
    if (last - first).total_seconds() < 10:
        return f"+{(at - first).total_seconds() * 1000:.0f} ms"
    clock = f"{there:%H:%M}" if period >= 60 and not there.second else f"{there:%H:%M:%S}"
    days = [tick.astimezone(UTC).date() for tick in ticks]
    if days[0] != days[-1] and days.index(there.date()) == ticks.index(at):
        return f"{there.day} {there:%b} {clock}"
    return clock
