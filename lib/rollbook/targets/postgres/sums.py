"""Reads what the chunks of a table's rows sum up to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...postgres.digest import Digest

if TYPE_CHECKING:
    from .session import Connection


def read_sums(connection: "Connection", digest: Digest, relation: str) -> Mapping[int, bytes]:
    """Read the rows and the sum of each chunk of *relation*, as COPY has them, by the chunk."""
    found: dict[int, bytes] = {}
    with hashed(connection), connection.cursor() as cursor, cursor.copy(digest.sums(relation).encode()) as copy:
        for read in copy:
            chunk, _, rest = bytes(read).partition(b"\t")
            found[int(chunk)] = rest[:-1]
    return found


def rows_in(found: bytes) -> int:
    """Give how many rows a chunk has, of what `read_sums` says of it."""
    return int(found.partition(b"\t")[0])


@contextmanager
def hashed(connection: "Connection") -> Iterator[None]:
    """
    Let queries group by hashing.

    The planner takes the chunk of each row for another one, and would sort all rows of a table on disk.
    """
    connection.execute("SET enable_sort = off; SET work_mem = '32MB'")
    yield
    connection.execute("RESET enable_sort; RESET work_mem")
