"""
Makes the partitions that one database has and the other one lacks, so that rows written into them have a place.

Sites make them as time goes by, by a job of theirs: they are no doing of a migration's, and those of the days since a
backup are in none.
"""

from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.catalog import Check, Table
from ...postgres.names import Name, quote
from .session import connect, is_there

if TYPE_CHECKING:
    from .session import Connection

_PARTITIONED: Final = """
    SELECT n.nspname, c.relname, pg_catalog.pg_get_partkeydef(c.oid), pg_catalog.pg_get_userbyid(c.relowner)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'"""
_PARTS: Final = """
    SELECT n.nspname, c.relname, pn.nspname, p.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid),
           pg_catalog.pg_get_partkeydef(p.oid), CASE c.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relispartition AND c.relkind IN ('r', 'p')
    ORDER BY (SELECT count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)), 1, 2"""

_PLACE: Final = """
    SELECT coalesce(string_agg('(' || coalesce(pg_catalog.pg_get_partition_constraintdef(t.relid), 'true') || ')',
                               ' OR '), 'false')
    FROM pg_catalog.pg_partition_tree(%s::oid::regclass) t WHERE t.isleaf"""


@dataclass(frozen=True, slots=True)
class _Part:
    name: Name
    parent: Name
    bound: str
    split_as: str  # how the parent's rows are divided among its partitions
    divided: str | None

    def make(self, owner: str) -> tuple[str, str]:
        """Give the statements that make it; indexes, keys and triggers of its parent come with it."""
        tail = f" PARTITION BY {self.divided}" if self.divided else ""
        return (
            f"CREATE TABLE {self.name.sql} PARTITION OF {self.parent.sql} {self.bound}{tail}",
            f"ALTER TABLE {self.name.sql} OWNER TO {quote(owner)}",
        )


def make_partitions(url: str, live: str) -> tuple[Name, ...]:
    """
    Make in the database at *url* the partitions that only the one at *live* has, and commit; may be done again.

    One that does not go beside what is there (a table of its name, a partition of the same rows, a default one that has
    some of them) is left out: its rows have another place, or are refused when they are brought.
    """
    with closing(connect(live, reading=True)) as theirs:
        parts = tuple(
            _Part(Name(*row[:2]), Name(*row[2:4]), *row[4:]) for row in theirs.execute(_PARTS.encode()).fetchall()
        )
    with closing(connect(url)) as ours:
        made = tuple(part.name for part in parts if _make(ours, part))
        ours.commit()
    return made


def checks_of(connection: "Connection", table: Table) -> tuple[Check, ...]:
    """Give what a row must be to have a place in a table: its checks, and that one of its partitions takes it."""
    if not table.partitioned:
        return table.checks
    ((place,),) = connection.execute(_PLACE, (table.oid,)).fetchall()
    return (*table.checks, Check("its partitions", place))


def _make(ours: "Connection", part: _Part) -> bool:
    from psycopg import errors

    tables = {Name(*row[:2]): row[2:] for row in ours.execute(_PARTITIONED.encode()).fetchall()}
    split_as, owner = tables.get(part.parent, (None, ""))
    if is_there(ours, part.name.sql) or split_as != part.split_as:
        return False
    try:
        with ours.transaction():
            for statement in part.make(owner):
                ours.execute(statement.encode())
    except (errors.InvalidObjectDefinition, errors.CheckViolation, errors.InvalidSchemaName):
        return False
    return True
