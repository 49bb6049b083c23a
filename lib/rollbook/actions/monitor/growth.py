"""A counter's growth in a time, out of looks at it."""

from ...action import Readers
from ...errors import TargetError
from .gauge import Gauge, Unreadable


class Growth:
    """Reads a gauge as it is, or as the growth of a counter in *per* seconds."""

    def __init__(self, gauge: Gauge, per: float | None, read: Readers) -> None:
        self._gauge = gauge
        self._per = per
        self._read = read
        self._last: tuple[float, float] | None = None
        self._tried = False

    @property
    def ready(self) -> bool:
        """Whether a look can give a number: the growth of a counter needs one before."""
        return self._per is None or self._tried

    def prepare(self) -> None:
        """Look for the first time; where that fails, the first sample says so."""
        self._tried = True
        try:
            self._last = self._read.monotonic(), self._gauge()
        except (TargetError, Unreadable):
            self._last = None

    def read(self) -> float:
        """Give the number."""
        value, now = self._gauge(), self._read.monotonic()
        if self._per is None:
            return value
        last, self._last = self._last, (now, value)
        if last is None:
            raise Unreadable("the look before gave no number to compare with")
        # A counter that fell was started anew, from nothing.
        grown = value - last[1] if value >= last[1] else value
        return grown / max(now - last[0], 0.001) * self._per
