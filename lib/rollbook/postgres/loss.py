"""What a database would lose by going back to a backup: rows added, changed and deleted since, by table."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

from ..dataclass import dataclass
from .catalog import Column, Table
from .copytext import Cells

Depth = Literal["counts", "keys", "rows"]
ByWhat = Literal["", "count", "key", "row"]

_INSTANT: Final = re.compile(
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?(?! ?BC)(?!\d)"
)


@dataclass(frozen=True, slots=True)
class TableLoss:
    """
    One table, live against the backup.

    *backup* and *live* count rows, None where there is no such table. *by* says what rows were told apart by: their
    key, their whole content where the table has none (a changed row then counts as one deleted and one added), or not
    at all. What is not known is None. *note* says what else is to be known, *renamed* what live calls otherwise.
    """

    table: str
    backup: int | None
    live: int | None
    added: int | None = None
    changed: int | None = None
    deleted: int | None = None
    by: ByWhat = ""
    only_backup: tuple[str, ...] = ()
    only_live: tuple[str, ...] = ()
    note: str = ""
    renamed: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Say whether anything of it is not as in the backup, or not known to be."""
        return bool(self.renamed) or self.rows_differ

    @property
    def rows_differ(self) -> bool:
        """Say whether its rows are not as in the backup, or not known to be."""
        if self.backup is None or self.live is None:
            return True
        if self.by in ("key", "row"):
            return bool(self.added or self.changed or self.deleted)
        return self.backup != self.live


@dataclass(frozen=True, slots=True)
class Lining:
    """How the rows of a dump and of live are brought into one form: the same columns, the key at the same places."""

    columns: tuple[str, ...]
    picks: tuple[int, ...] | None  # positions in a row of the dump, None where it is taken as it is
    keyed: tuple[int, ...]
    zoned: tuple[int, ...]  # where instants may stand, which a dump may have in another time zone

    def dumped(self, row: bytes) -> bytes:
        """Bring a row of the dump into the common form."""
        if self.picks is None and not self.zoned:
            return row
        found = row.split(b"\t")
        if self.picks is not None:
            found = [found[at] for at in self.picks]
        for at in self.zoned:
            if not found[at].endswith(b"+00"):
                found[at] = _INSTANT.sub(_in_utc, found[at])
        return b"\t".join(found)

    def key(self, row: bytes) -> bytes:
        """Give what tells the row apart; the row itself where there is no key."""
        match self.keyed:
            case ():
                return row
            case (0,):
                return row.partition(b"\t")[0]
            case (at,):
                return row.split(b"\t", at + 1)[at]
        found: Cells = tuple(row.split(b"\t", max(self.keyed) + 1))
        return b"\t".join([found[at] for at in self.keyed])


def lining(table: Table, dumped: Sequence[str]) -> Lining:
    """Line up a live *table* with the columns *dumped*, in the order of the dump."""
    there = {column.name: column for column in table.written}
    columns = tuple(name for name in dumped if name in there)
    keys = (unique.columns for unique in table.keys if set(unique.columns) <= set(columns))
    key = next(keys, ())
    return Lining(
        columns=columns,
        picks=None if len(columns) == len(dumped) else tuple(dumped.index(name) for name in columns),
        keyed=tuple(columns.index(name) for name in key),
        zoned=tuple(at for at, name in enumerate(columns) if _may_hold_instants(there[name])),
    )


def _may_hold_instants(column: Column) -> bool:
    instants = "timestamp" in column.type and "without" not in column.type
    return instants or "tstz" in column.type or column.kind in "dc"


def _in_utc(found: re.Match[bytes]) -> bytes:
    shift = timedelta(hours=int(found[4]), minutes=int(found[5] or 0), seconds=int(found[6] or 0))
    try:
        zone = timezone(-shift if found[3] == b"-" else shift)
        moment = datetime.fromisoformat(found[1].decode()).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # beyond the calendar of this language
        return found[0]
    return moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0").encode() + (found[2] or b"") + b"+00"


def totals(losses: Iterable[TableLoss]) -> tuple[int, int, int]:
    """Add up what is known: rows added, changed and deleted."""
    found = tuple(losses)
    return (
        sum(one.added or 0 for one in found),
        sum(one.changed or 0 for one in found),
        sum(one.deleted or 0 for one in found),
    )
