"""Writes out as CSV what has no place in the restored database."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...beside import make_folder
from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.conflict import Conflict
from ...postgres.names import Name, listed
from ...postgres.passes import Exported
from ..export import LinesFile

if TYPE_CHECKING:
    from .session import Connection

Write = Callable[[bytes], object]

ROWS_OF: Final = "rows of "  # begins what a file of whole rows is called, before the table's name
CELLS_OF: Final = "cells of "
COLUMNS_OF: Final = "columns of "
_HEADS = ("table", "key", "kind", "about", "settled", "live", "backup")


def export_table(connection: "Connection", table: Table, write: Write, *, where: str = "true") -> int:
    """Write the rows of a table, `t`, as CSV with a head, a piece at a time; gives how many there were."""
    shown = listed([column.name for column in table.columns], "t")
    return export_query(connection, f"SELECT {shown} FROM {table.relation} AS t WHERE {where}", write)


def export_query(
    connection: "Connection", query: str, write: Write, parameters: Mapping[str, object] | None = None
) -> int:
    """Write the rows of a query as CSV with a head, a row at a time; gives how many there were."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode(), parameters) as copy:
            for piece in copy:
                write(bytes(piece))
        return cursor.rowcount


def export_conflicts(conflicts: Iterable[Conflict], write: Write) -> int:
    """Write conflicts as CSV with a head, both sides as JSON; gives how many there were."""
    written = 0
    write(_line(_HEADS))
    for one in conflicts:
        sides = _shown(one.live), _shown(one.backup)
        write(_line((str(one.table), json.dumps(one.key), one.kind, one.about, one.settled, *sides)))
        written += 1
    return written


@dataclass(slots=True)
class Exports:
    """The files that a pass leaves in *folder*, for their owner only; *files* are those that are whole."""

    folder: Path
    files: list[Exported] = field(default_factory=list)

    def add(
        self, what: str, name: str, fill: Callable[[Write], int], refers: Mapping[str, tuple[str, str]] | None = None
    ) -> Exported:
        """Write one file by *fill*, which gives how many rows it wrote; in place once it is whole."""
        make_folder(self.folder)
        path = self.folder / name
        with LinesFile(path) as file:
            rows = fill(file.write)
        made = Exported(what, str(path), rows, file.size, file.sha256, refers or {})
        self.files.append(made)
        return made


def export_left_behind(cells: Iterable[tuple[Name, tuple[str, ...], Mapping[str, str | None]]], write: Write) -> int:
    """Write the cells of columns that only live has as CSV with a head; gives how many rows there were."""
    written = 0
    write(_line(("table", "key", "cells")))
    for table, key, found in cells:
        write(_line((str(table), json.dumps(key), _shown(found))))
        written += 1
    return written


def _line(cells: Iterable[str]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _shown(side: Mapping[str, str | None] | None) -> str:
    return "" if side is None else json.dumps(side, ensure_ascii=False, sort_keys=True)
