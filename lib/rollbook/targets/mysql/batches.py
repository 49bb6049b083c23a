"""Goes through a table by its key, a batch at a time; the keys never leave the server, so nothing becomes of them."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted
from ...mysql.names import listed, quote
from ...ops import Execution
from .session import run, texts

if TYPE_CHECKING:
    from .session import Connection

_BATCH: Final = 10_000
_PAUSE: Final = 0.1  # of the time that a batch took, so that others and replicas get their turn
_SLOWEST: Final = 60.0
_REPLICAS: Final = """
    SELECT COUNT(*) FROM information_schema.processlist
    WHERE command LIKE 'Binlog Dump%' AND state NOT LIKE '%has sent all binlog%'"""


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
    """Counts what was done, and gives others their turn between batches."""

    def __init__(self, connection: "Connection", execution: Execution) -> None:
        self._connection, self._execution = connection, execution
        self._began = time.monotonic()
        self.done = 0

    def rest(self, done: int, what: str) -> None:
        """Tell of a batch and wait a little, longer while replicas do not follow. Raises `Interrupted`."""
        self.done += done
        self._execution.progress(self.done, None, "rows")
        if self._execution.stopping():
            raise Interrupted(f"stopped {what}; what was done stays, and the rest follows on resume")
        took = time.monotonic() - self._began
        time.sleep(min(took * _PAUSE, 1.0))
        until = time.monotonic() + _SLOWEST
        while texts(self._connection, _REPLICAS)[0][0] != "0" and time.monotonic() < until:
            time.sleep(0.2)
        self._connection.commit()
        self._began = time.monotonic()
