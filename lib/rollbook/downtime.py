"""The stretches for which a run closed a site, at most one open at a time in each environment."""

from dataclasses import replace
from datetime import datetime

from .dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Downtime:
    """
    A stretch of downtime; *ended_at* None: still open. *began_by* and *ended_by* are addresses.

    *environment* says where, in a run that has several: each has a site of its own.
    """

    began_at: datetime
    began_by: str
    ended_at: datetime | None = None
    ended_by: str = ""
    environment: str = ""


def with_begin(stretches: tuple[Downtime, ...], begun: Downtime) -> tuple[Downtime, ...]:
    """Add a stretch, unless one is open there."""
    is_down = any(one.environment == begun.environment and one.ended_at is None for one in stretches)
    return stretches if is_down else (*stretches, begun)


def with_end(stretches: tuple[Downtime, ...], there: str, at: datetime, by: str) -> tuple[Downtime, ...]:
    """End what is open in the environment *there*."""
    return tuple(
        replace(one, ended_at=at, ended_by=by) if one.environment == there and one.ended_at is None else one
        for one in stretches
    )
