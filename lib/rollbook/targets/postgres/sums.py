"""Reads what the chunks of a table's rows sum up to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ...postgres.digest import Digest

if TYPE_CHECKING:
    from .session import Connection

_MOST: Final = 100_000  # chunks, some 15 MiB of them
_HASHED: Final = {
    "enable_sort": "off",
    "work_mem": "'32MB'",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
}


def read_sums(connection: "Connection", digest: Digest, relation: str) -> Mapping[int, bytes]:
    """Read the rows and the sum of each chunk of *relation*, as COPY has them, by the chunk."""
    found: dict[int, bytes] = {}
    with hashed(connection), connection.cursor() as cursor, cursor.copy(digest.sums(relation).encode()) as copy:
        for read in copy:
            chunk, _, rest = bytes(read).partition(b"\t")
            found[int(chunk)] = rest[:-1]
    return found


class Summed:
    """
    The sums of tables that nobody writes to, so that two comparisons in a row read them once.

    It holds so many of them as 15 MiB take; what was asked for again is forgotten.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Mapping[int, bytes]] = {}
        self._room = _MOST

    def read(self, connection: "Connection", digest: Digest, relation: str) -> Mapping[int, bytes]:
        """Give what `read_sums` gives."""
        asked = connection.info.dbname, digest.sums(relation)
        known = self._found.pop(asked, None)
        if known is not None:
            self._room += len(known)
            return known
        found = read_sums(connection, digest, relation)
        if len(found) <= self._room:
            self._found[asked] = found
            self._room -= len(found)
        return found


def rows_in(found: bytes) -> int:
    """Give how many rows a chunk has, of what `read_sums` says of it."""
    return int(found.partition(b"\t")[0])


@contextmanager
def hashed(connection: "Connection") -> Iterator[None]:
    """
    Let queries group by hashing, and by as many processes as the server allows for one query.

    The planner takes the chunk of each row for another one: it would sort all rows of a table on disk, and thinks that
    handing the groups over takes longer than making them alone.
    """
    connection.execute(f"SET {'; SET '.join(f'{name} = {value}' for name, value in _HASHED.items())}")
    yield
    connection.execute(f"RESET {'; RESET '.join(_HASHED)}")
