"""What going back does not carry over, or is refused for, named while there is time to do something about it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ...postgres.obstacles import LARGE_OBJECTS, OBSTACLES, SUBSCRIBE_ANEW, SUBSCRIBED
from ..base import Finding

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_FENCED: Final = ("postgres.fence", "postgres.swap")


def obstacles(target: "PostgresTarget", connection: "Connection") -> Iterator[Finding]:
    """Name what stands around the live database, from beside it."""
    given = {"database": target.database}
    for at, (text,) in enumerate(connection.execute(_bound(OBSTACLES), given).fetchall(), 1):
        told, _, advice = str(text).partition(": ")
        yield target.finding(f"obstacle {at}", "warning", f"a fence is refused: {told}", advice, kinds=_FENCED)
    for (name,) in connection.execute(_bound(SUBSCRIBED), given).fetchall():
        message = "a swap does not carry it over: it stays with the database that is kept"
        advice = f"{SUBSCRIBE_ANEW[0].upper()}{SUBSCRIBE_ANEW[1:]}."
        yield target.finding(f"subscription {name}", "warning", message, advice, kinds=("postgres.swap",))


def large_objects(target: "PostgresTarget", live: "Connection") -> Iterator[Finding]:
    """Tell of large objects, where there are any."""
    (many,) = live.execute(LARGE_OBJECTS).fetchone() or (0,)
    if many:
        message = f"{many}: going back leaves those of the backup, and carries none that were written since"
        advice = "Write those that are needed to files before (lo_export), and bring them in afterwards (lo_import)."
        yield target.finding("large objects", "warning", message, advice, kinds=("postgres.carry",))


def _bound(query: str) -> bytes:
    return query.replace(":database", "%(database)s").encode()
