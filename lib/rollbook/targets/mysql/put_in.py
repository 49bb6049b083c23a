"""Writes down the keys of what is put into tables that were there, and reads them into a table of the session."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...mysql.catalog import Table
from ...mysql.names import listed, quote
from ..postgres.put_in import PutIn
from .session import Cell, rows, run

if TYPE_CHECKING:
    from .session import Connection

_AT_ONCE: Final = 1000


def write_keys(connection: "Connection", file: PutIn, table: Table, key: Sequence[str], chosen: str) -> int:
    """Add the keys of the table *chosen* to the file, a line each; they are on the disk when it returns."""
    # A FLOAT is written with six digits, but added to a DOUBLE with all of them.
    parts = [quote(name) + (" + 0e0" if table.column(name).family == "float" else "") for name in key]
    found = rows(connection, f"SELECT {', '.join(parts)} FROM {chosen}")
    with file.adding() as write:
        for row in found:
            write(json.dumps([_plain(cell) for cell in row]).encode() + b"\n")
    return len(found)


def read_keys(connection: "Connection", file: PutIn, table: str, key: Sequence[str], name: str) -> None:
    """Make the temporary table *name* of the keys in the file, as columns of *table*, each once."""
    run(connection, f"CREATE TEMPORARY TABLE {name} AS SELECT {listed(key)} FROM {quote(table)} WHERE FALSE")
    run(connection, f"ALTER TABLE {name} ADD UNIQUE KEY ({listed(key)})")
    lines = file.lines()
    holes = f"({', '.join(['%s'] * len(key))})"
    while some := list(islice(_read(lines), _AT_ONCE)):
        given = [cell for row in some for cell in row]
        run(connection, f"INSERT IGNORE INTO {name} VALUES {', '.join([holes] * len(some))}", given)


def _read(lines: Iterator[bytes]) -> Iterator[list[Cell]]:
    for line in lines:
        yield [bytes.fromhex(cell["x"]) if isinstance(cell, dict) else cell for cell in json.loads(line)]


def _plain(cell: Cell) -> object:
    return {"x": cell.hex()} if isinstance(cell, bytes) else cell
