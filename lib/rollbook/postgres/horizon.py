"""
Tells which rows of a database were not written since a snapshot, by the transaction that PostgreSQL keeps on each.

A snapshot's oldest transaction in progress is its horizon: whatever an older one wrote, it saw as it is. A row that
is there now, and that a transaction before the horizon wrote, was there then, with the same cells. That holds for one
history of one database only, which the guards here make sure of; where one does not hold, every row is looked at.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Final

from ..dataclass import dataclass
from ..schema import encode
from .names import Name

_MOST: Final = 1 << 30  # transactions: a row has 32 bits of its own, half of which tell the older from the newer


@dataclass(frozen=True, slots=True)
class Place:
    """
    A table, and of each of its columns the OID of every part that holds rows, its number there, and its type.

    A column that was dropped and added again shows another value in rows that nobody wrote: it has another number.
    """

    schema: str
    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Horizon:
    """
    Where in the history of which database a snapshot was taken.

    *xid* and *next*, in 64 bits, are its oldest transaction in progress and the first that had not begun. *witness*
    are transactions that began after it, by whether they were committed, which was drawn by lot: in another history,
    as after the disk was set back, the same numbers ended otherwise. *seal* is the sum of all the rest.
    """

    system: str
    timeline: int
    database: int
    xid: int
    next: int
    places: tuple[Place, ...]
    witness: Mapping[str, bool] = field(default_factory=dict)
    seal: str = ""

    def sealed(self, witness: Mapping[str, bool]) -> "Horizon":
        """Add the witness, and seal it."""
        told = replace(self, witness=witness)
        return replace(told, seal=_sum(told))

    @property
    def is_whole(self) -> bool:
        """Say whether it is as it was sealed."""
        return self.seal == _sum(self)


def _sum(one: Horizon) -> str:
    told = json.dumps(encode(replace(one, seal="")), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Since:
    """Two snapshots of one database in one history: *now* is read from, and *then* is what it is compared with."""

    then: Horizon
    now: Horizon

    def newer(self, alias: str) -> str:
        """Say of a row of *now*'s database that it may have been written after *then*; of none else is it sure."""
        # The age of *then* is asked for once, and not for each row.
        return f"age({alias}.xmin) <= (SELECT age('{self.then.xid % 2**32}'::xid))"

    def refusal(self, table: Name, columns: Iterable[str]) -> str:
        """Give why rows of a table do not tell it in these columns; empty where they do."""
        before, after = _columns(self.then, table), _columns(self.now, table)
        if before is None or after is None:
            return "it was not there, or holds rows in another way"
        moved = sorted(name for name in columns if before.get(name) != after.get(name) or name not in after)
        return f"made anew or of another type: {', '.join(moved)}" if moved else ""


def _columns(one: Horizon, table: Name) -> Mapping[str, str] | None:
    return next((place.columns for place in one.places if (place.schema, place.name) == table), None)


def refusal(then: Horizon, now: Horizon) -> str:
    """Give why two snapshots are not known to be of one database in one history; empty where they are."""
    if then.system != now.system:
        return "it is of another cluster"
    if then.timeline != now.timeline:
        return "the cluster was recovered to a point in time, or failed over, since"
    if then.database != now.database:
        return "it is of another database"
    if now.next < then.next or now.xid < then.xid:
        return "the server counts transactions that are older"
    if now.next - then.xid >= _MOST:
        return "a thousand million transactions have begun since"
    return ""


def contradiction(then: Horizon, found: Mapping[str, bool | None]) -> str:
    """Give why what the server says of the witness is not what was noted; empty where it is. None is forgotten."""
    if not then.is_whole:
        return "it is not as it was written"
    if not then.witness:
        return "nothing tells whether the disk was set back since"
    if any(found.get(xid) is None for xid in then.witness):
        return "the server has forgotten how transactions of that time ended"
    if any(found[xid] != committed for xid, committed in then.witness.items()):
        return "transactions of that time ended otherwise: the disk was set back since"
    return ""
