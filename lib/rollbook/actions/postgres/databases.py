"""The databases of a server as the server lists them, read from the maintenance database."""

from collections.abc import Mapping

from ...dataclass import dataclass
from ...errors import RefusedError
from ...postgres.scratch import Mark
from ...targets.base import PostgresReader

_LISTED = """
    SELECT d.oid::bigint AS oid, d.datname AS name, pg_catalog.pg_get_userbyid(d.datdba) AS owner,
           d.datallowconn AS accepts, d.datconnlimit AS connections,
           coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') AS comment
    FROM pg_catalog.pg_database d"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One database; *accepts* connections at all, up to *connections* of them (-1 is any number)."""

    oid: int
    name: str
    owner: str
    accepts: bool
    connections: int
    comment: str

    @property
    def mark(self) -> Mark | None:
        """What a run of ours wrote on it."""
        return Mark.parse(self.comment)


def list_databases(server: PostgresReader) -> Mapping[str, Listed]:
    """List the databases by name. Raises `RefusedError` where the live one is not among them."""
    found = {row["name"]: Listed(**row) for row in server.rows_in(server.maintenance, _LISTED)}
    if server.database not in found:
        raise RefusedError(
            f"{server.name} has no database {server.database!r}.", advice="Correct the name in the target's address."
        )
    return found


def was_swapped(server: PostgresReader, run: str) -> bool:
    """Tell whether *run* has put its restored database in the place of the live one, which it then kept."""
    marks = (one.mark for one in list_databases(server).values())
    return any(mark is not None and mark.run == run and mark.role == "kept" for mark in marks)
