"""
Keeps, at a swap, in which rows the new live database and the kept one differ, of tables whose rows nothing tells apart.

By how many of each row they differ is all that there is to know. It lies in the schema `rollbook` of the kept database,
beside what `stood` keeps. A table that is known here, and has no rows kept, held the same rows in both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.copytext import Cells, cells, line
from ...postgres.names import Name
from ...postgres.renames import Renames, called_before
from ...postgres.shape import Shape, shape
from .catalog import read_catalog
from .differences import Difference, Side, differences
from .session import is_there

if TYPE_CHECKING:
    from .session import Connection

MOST: Final = 100_000
"""Rows of a table that are kept."""
MADE: Final = (
    # With keys, for a publication for all tables has them as well, and lets no row without one be deleted.
    """CREATE TABLE IF NOT EXISTS rollbook.alike (
        namespace text, relation text, columns text[], PRIMARY KEY (namespace, relation))""",
    """CREATE TABLE IF NOT EXISTS rollbook.unlike (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, namespace text, relation text, row text, more integer)""",
)
_NOTED: Final = "CREATE TABLE IF NOT EXISTS rollbook.apart_rows (relation bigint PRIMARY KEY, touched boolean NOT NULL)"
_CONFLICTS: Final = "SELECT DISTINCT namespace, relation FROM rollbook.conflicts"


@dataclass(frozen=True, slots=True)
class Apart:
    """By how many of each row a table that becomes live has more than the one that is kept, in these *columns*."""

    table: Name
    columns: tuple[str, ...]
    more: Counter[Cells]

    def keep(self, kept: "Connection") -> None:
        """Write it down in the kept database."""
        kept.execute("DELETE FROM rollbook.alike WHERE (namespace, relation) = (%s, %s)", self.table)
        kept.execute("DELETE FROM rollbook.unlike WHERE (namespace, relation) = (%s, %s)", self.table)
        kept.execute("INSERT INTO rollbook.alike VALUES (%s, %s, %s)", (*self.table, list(self.columns)))
        rows = [(*self.table, line(row)[:-1].decode(), by) for row, by in self.more.items() if by]
        with kept.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO rollbook.unlike (namespace, relation, row, more) VALUES (%s, %s, %s, %s)", rows
            )


def only_shared(backup: Table, live: Table) -> Shape:
    """Line two tables up by the columns that both have: by these, rows without a key are counted."""
    return replace(shape(backup, live, backup, decided=True), only_live=())


def counted_apart(found: Iterable[Difference], most: int) -> Counter[Cells] | None:
    """Count by how many of each row the second side has more, reading all of them; None where these are too many."""
    more: Counter[Cells] = Counter()
    read = 0
    for one in found:
        read += 1
        if read <= most:
            more[one.key] += 1 if one.base is None else -1
    return more if read <= most else None


def note_touched(connection: "Connection", found: Mapping[int, bool]) -> None:
    """Note by the OIDs of tables without a key whether the migration left their rows otherwise than the backup has."""
    connection.execute(_NOTED)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO rollbook.apart_rows VALUES (%s, %s)", list(found.items()))


def rows_apart(incoming: "Connection", live: "Connection", there: Renames) -> Iterator[Apart]:
    """
    Give it of each table of which it was noted, before the first pass, whether the migration touched it.

    *there* is what live calls what *incoming* has: it is kept under live's names.
    Where it did not, and nothing was left out, the two hold the same rows and are not compared.
    """
    if not is_there(incoming, "rollbook.apart_rows"):
        return
    noted: dict[int, bool] = dict(incoming.execute("SELECT relation, touched FROM rollbook.apart_rows").fetchall())
    if not noted:
        return
    fought = {Name(*row) for row in incoming.execute(_CONFLICTS)}
    ours, theirs = called_before(read_catalog(live), there.other_way()), read_catalog(incoming)
    for name, table in theirs.tables.items():
        kept = ours.tables.get(name)
        lined = None if kept is None or table.oid not in noted else only_shared(kept, table)
        if kept is None or lined is None or lined.key:
            continue
        sides = Side(live, kept, kept.relation), Side(incoming, table, table.relation)
        unlike = noted[table.oid] or name in fought
        more = counted_apart(differences(lined, *sides), MOST) if unlike else Counter[Cells]()
        if more is not None:
            carried = tuple(there.column(name, one, table.names) for one in lined.carried)
            yield Apart(there.table(name, theirs.tables), carried, more)


def read_apart(kept: "Connection", lined: Shape) -> Counter[Cells] | None:
    """Give by how many of each row a table had more when it became live; None where that is not known."""
    if not is_there(kept, "rollbook.alike"):
        return None
    of = "WHERE (namespace, relation) = (%s, %s)"
    known = kept.execute(f"SELECT columns FROM rollbook.alike {of}".encode(), lined.table).fetchone()
    if known is None or tuple(known[0]) != lined.carried:
        return None
    rows = kept.execute(f"SELECT row, more FROM rollbook.unlike {of}".encode(), lined.table)
    return Counter({cells(f"{row}\n".encode()): by for row, by in rows})


def note_rows_again(kept: "Connection") -> None:
    """Note it of the kept database, once rows were carried back into it, for the swap that takes that back in turn."""
    if not is_there(kept, "rollbook.alike"):
        return
    touched = {Name(*row) for row in kept.execute("SELECT DISTINCT namespace, relation FROM rollbook.unlike")}
    known = {Name(*row) for row in kept.execute("SELECT namespace, relation FROM rollbook.alike")}
    tables = read_catalog(kept).tables
    kept.execute("DROP TABLE IF EXISTS rollbook.apart_rows")
    note_touched(kept, {table.oid: name in touched for name, table in tables.items() if name in known})
