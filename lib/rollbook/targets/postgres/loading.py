"""COPY into a table, with the lines that it does not take found and left out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Connection


def load(connection: "Connection", target: str, lines: Sequence[bytes]) -> list[int]:
    """
    Load lines of COPY's text into *target*, a table with its columns in parentheses.

    Gives the positions of the lines with a value that a column does not take; all the others are in.
    """
    return _load(connection, f"COPY {target} FROM STDIN", lines, 0) if lines else []


def _load(connection: "Connection", statement: str, lines: Sequence[bytes], start: int) -> list[int]:
    from psycopg.errors import DataError, IntegrityError

    try:
        # A savepoint, for one refused value would otherwise end the pass.
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join(lines))
    except (DataError, IntegrityError):
        if len(lines) == 1:
            return [start]
    else:
        return []
    half = len(lines) // 2
    refused = _load(connection, statement, lines[:half], start)
    return refused + _load(connection, statement, lines[half:], start + half)
