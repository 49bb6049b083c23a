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
    return _load(connection, target, lines, 0) if lines else []


def load_all(connection: "Connection", target: str, lines: Sequence[bytes]) -> bool:
    """Load lines of COPY's text into *target*; False where a line is refused: then none of them is in."""
    from psycopg.errors import DataError, IntegrityError

    try:
        # A savepoint, for one refused value would otherwise end the pass.
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            copy.write(b"".join(lines))
    except (DataError, IntegrityError):
        return False
    return True


def _load(connection: "Connection", target: str, lines: Sequence[bytes], start: int) -> list[int]:
    if load_all(connection, target, lines):
        return []
    if len(lines) == 1:
        return [start]
    half = len(lines) // 2
    refused = _load(connection, target, lines[:half], start)
    return refused + _load(connection, target, lines[half:], start + half)
