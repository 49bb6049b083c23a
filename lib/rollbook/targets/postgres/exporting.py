"""Writes out as CSV what has no place in the restored database."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from typing import TYPE_CHECKING

from ...postgres.catalog import Table
from ...postgres.conflict import Conflict

if TYPE_CHECKING:
    from .session import Connection

Write = Callable[[bytes], object]

_HEADS = ("table", "key", "kind", "about", "settled", "live", "backup")


def export_table(connection: "Connection", table: Table, write: Write) -> None:
    """Write all rows of a table as CSV with a head, a piece at a time."""
    statement = f"COPY (SELECT * FROM {table.relation}) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for piece in copy:
            write(bytes(piece))


def export_conflicts(conflicts: Iterable[Conflict], write: Write) -> int:
    """Write conflicts as CSV with a head, both sides as JSON; gives how many there were."""
    written = 0
    write(_line(_HEADS))
    for one in conflicts:
        sides = _shown(one.live), _shown(one.backup)
        write(_line((str(one.table), json.dumps(one.key), one.kind, one.about, one.settled, *sides)))
        written += 1
    return written


def _line(cells: Iterable[str]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _shown(side: Mapping[str, str | None] | None) -> str:
    return "" if side is None else json.dumps(side, ensure_ascii=False, sort_keys=True)
