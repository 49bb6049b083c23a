"""Tells how far replicas are behind, so that filling a table does not leave them there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from ...errors import TargetError
from ...values import Plain
from .session import texts

if TYPE_CHECKING:
    from ..sql import SqlProbe, SqlTarget
    from .session import Connection

Lag = Callable[[], float]

# MariaDB calls it by either name since 10.5, MySQL by the newer one since 8.0.22 and by that alone since 8.4.
_STATUS: Final = ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
_SECONDS: Final = ("Seconds_Behind_Source", "Seconds_Behind_Master")
_SENDING: Final = """
    SELECT COUNT(*) FROM information_schema.processlist
    WHERE command LIKE 'Binlog Dump%' AND state NOT LIKE '%has sent all binlog%'"""
_UNSENT: Final = 60.0  # counted as so many seconds: how many it is, the sending side does not know


def replica_lag(target: "SqlTarget", name: str) -> Lag:
    """Give what asks the replica that the inventory calls *name* for its seconds. It raises `TargetError`."""
    probe = cast("SqlProbe", target.surroundings.others.target(name).reader())

    def behind() -> float:
        status = _status(probe)
        seconds = next((status[key] for key in _SECONDS if key in status), None)
        if seconds is None:
            raise TargetError(
                f"the replica {name} does not follow: its replication is stopped, or it is none",
                advice="Start it, or leave out replica: where nobody reads from it. What was done stays.",
            )
        return float(str(seconds))

    return behind


def sending_lag(live: "Connection") -> Lag:
    """Give what looks whether all was sent to those who replicate from here; what they did with it, this cannot see."""
    return lambda: _UNSENT if texts(live, _SENDING)[0][0] != "0" else 0.0


def _status(probe: "SqlProbe") -> dict[str, Plain]:
    newer, older = _STATUS
    try:
        return next(iter(probe.rows(newer)), {})
    except TargetError:
        return next(iter(probe.rows(older)), {})
