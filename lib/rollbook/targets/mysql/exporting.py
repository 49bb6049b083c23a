"""Writes out as CSV what has no place in the live schema."""

import csv
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ...mysql.names import listed, within
from ...ops import WrittenFile
from ..postgres.exporting import Exports, Write
from ..postgres.recovery import file_name
from .session import Cell, number, streamed

if TYPE_CHECKING:
    from .session import Connection


class Kept:
    """Tells of rows in files of a folder, for their owner only, and counts them."""

    def __init__(self, connection: "Connection", folder: str) -> None:
        self._connection, self._folder = connection, folder
        self.conflicts = 0
        self.files: list[WrittenFile] = []

    def tell(self, what: str, names: tuple[str, ...], query: str) -> int:
        """Write the rows of *query*, which are conflicts, if there are any; gives how many there are."""
        found = self._write(what, names, query)
        self.conflicts += found
        return found

    def _write(self, what: str, names: tuple[str, ...], query: str) -> int:
        found = number(self._connection, f"SELECT COUNT(*) FROM ({query}) q")
        if not found:
            return 0
        name = file_name(*names)
        again = [file for file in self.files if Path(file.path).name == name]
        made = Exports(Path(self._folder)).add(
            what, file_name(*names, str(len(self.files))) if again else name, exported(self._connection, query)
        )
        self.files.append(made.written())
        return found

    def tell_rowless(self, schema: str, table: str, names: Sequence[str], absent: str, key: Sequence[str]) -> int:
        """Write down the cells of *schema* whose rows are gone, which *absent* says of `s`; they are no conflicts."""
        query = f"SELECT {listed((*key, *names), 's')} FROM {within(schema, table)} s WHERE {absent}"
        what = f"cells of {table}: their rows are gone, these are the source's"
        return self._write(what, ("cells-without-row", table, *names), query)


def exported(connection: "Connection", query: str) -> Callable[[Write], int]:
    """Give what writes the rows of *query* as CSV with a head, bytes in hexadecimal, NULL as nothing at all."""

    def write_all(write: Write) -> int:
        written = 0
        with streamed(connection, query) as cursor:
            write(_line([str(column[0]) for column in cursor.description or ()]))
            for row in cursor:
                write(_line([_shown(cell) for cell in row]))
                written += 1
        return written

    return write_all


def _shown(cell: Cell) -> str | None:
    return f"0x{cell.hex()}" if isinstance(cell, bytes) else cell


def _line(cells: list[str | None] | list[str]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
