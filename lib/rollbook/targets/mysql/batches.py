"""Goes through a table by its key, a batch at a time; the keys never leave the server, so nothing becomes of them."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted
from ...mysql.names import listed, quote
from ...ops import Execution
from .lagging import Lag, sending_lag
from .session import run

if TYPE_CHECKING:
    from .session import Connection

_BATCH: Final = 10_000
_PAUSE: Final = 0.1  # of the time that a batch took, so that others and replicas get their turn
_LAG: Final = 10.0  # seconds that a replica may be behind before this waits for it
_LONGEST: Final = 60.0  # seconds that it waits for one that only its sender knows


def batches(connection: "Connection", relation: str, key: Sequence[str]) -> Iterator[str]:
    """Give conditions on the alias `s` of *relation* that together take each of its rows once; without a key, one."""
    if not key:
        yield "TRUE"
        return
    names = listed(key, "s")
    marks = ", ".join(f"@rb_to_{at}" for at in range(len(key)))
    lower = "TRUE"
    while True:
        found = (
            f"SELECT {names} INTO {marks} FROM {relation} s WHERE {lower} ORDER BY {names} LIMIT 1 OFFSET {_BATCH - 1}"
        )
        if run(connection, found) == 0:
            yield lower
            return
        yield f"{lower} AND NOT ({_beyond(key, 'to')})"
        run(connection, "SET " + ", ".join(f"@rb_from_{at} = @rb_to_{at}" for at in range(len(key))))
        lower = f"({_beyond(key, 'from')})"


def _beyond(key: Sequence[str], bound: str) -> str:
    """Say that the key of `s` comes behind a bound."""
    ways = []
    for at, name in enumerate(key):
        equal = [f"s.{quote(one)} = @rb_{bound}_{place}" for place, one in enumerate(key[:at])]
        ways.append(" AND ".join([*equal, f"s.{quote(name)} > @rb_{bound}_{at}"]))
    return " OR ".join(f"({way})" for way in ways)


class Pace:
    """Counts what was done, and gives others their turn between batches, replicas as well."""

    def __init__(self, live: "Connection", execution: Execution, lag: Lag | None = None) -> None:
        self._live, self._execution = live, execution
        self._lag = lag or sending_lag(live)
        self._patience = None if lag else _LONGEST
        self._began = time.monotonic()
        self.done = 0

    def rest(self, done: int, what: str) -> None:
        """Tell of a batch and wait a little, longer while replicas do not follow. Raises `Interrupted`."""
        self.done += done
        self._execution.progress(self.done, None, "rows")
        if self._execution.stopping():
            raise Interrupted(f"stopped {what}; what was done stays, and the rest follows on resume")
        time.sleep(min((time.monotonic() - self._began) * _PAUSE, 1.0))
        waiting = time.monotonic()
        while self._lag() > _LAG and not self._execution.stopping():
            if self._patience is not None and time.monotonic() - waiting > self._patience:
                break
            time.sleep(1)
        self._live.commit()
        self._began = time.monotonic()
