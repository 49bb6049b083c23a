"""
Writes as a replica does, where the account may: triggers stay silent, and foreign keys are looked up for all rows.

The server looks a foreign key up row by row and locks each parent for it, which takes longer than writing the rows.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ...errors import StepFailed
from ...postgres.catalog import ForeignKey
from ...postgres.counted import Counted
from ...postgres.names import Name
from ...postgres.rechecking import astray, kept_aside, left_alone
from ...postgres.staging import THERE
from .resolving import Stages
from .unkeyed import is_loose, waiting_keys

if TYPE_CHECKING:
    from .session import Connection

# What a replica would leave unchecked, and is not looked up afterwards: constraints whose check may wait, and keys
# from or to relations that the catalog does not list, such as single partitions.
_UNWATCHED: Final = """
    WITH RECURSIVE parts AS (
        SELECT unnest(%(touched)s::oid[]) AS oid
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN parts ON parts.oid = i.inhparent)
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_constraint o
        WHERE o.contype IN ('p', 'u', 'x') AND o.condeferrable AND o.conrelid IN (SELECT oid FROM parts)
        OR o.contype = 'f' AND o.conparentid = 0
            AND (o.conrelid IN (SELECT oid FROM parts) OR o.confrelid IN (SELECT oid FROM parts))
            AND NOT (o.conrelid = ANY (%(known)s::oid[]) AND o.confrelid = ANY (%(known)s::oid[])))"""


def becomes_replica(stages: Stages, touched: Collection[Name], counted: Sequence[Counted]) -> bool:
    """Let the transaction write as a replica; False where the account may not, or not all could be looked up."""
    without_key = {one.table.name for one in counted}
    if any(key.parent in without_key for key in stages.catalog.foreign_keys) or waiting_keys(stages.connection):
        return False
    tables = stages.catalog.tables
    oids = {"touched": [tables[name].oid for name in touched], "known": [one.oid for one in tables.values()]}
    return stages.connection.execute(_UNWATCHED, oids).fetchone() == (False,) and _allowed(stages.connection)


@contextmanager
def as_replica(connection: "Connection") -> Iterator[bool]:
    """Write as a replica does inside; gives whether the account may."""
    may = _allowed(connection)
    yield may
    if may:
        connection.execute("SET LOCAL session_replication_role TO DEFAULT")


def _allowed(connection: "Connection") -> bool:
    from psycopg.errors import InsufficientPrivilege

    try:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
    except InsufficientPrivilege:
        return False
    return True


@contextmanager
def looked_up(stages: Stages, touched: Collection[Name], counted: Sequence[Counted], *, final: bool) -> Iterator[None]:
    """
    Look every foreign key of what is written inside up; one of a table without a key in the *final* pass, for all rows.

    Raises StepFailed naming one that does not hold.
    """
    tables = stages.catalog.tables
    concerned = [key for key in stages.catalog.foreign_keys if key.child in touched or key.parent in touched]
    keys = [key for key in concerned if final or not is_loose(stages.catalog, key)]
    for at, key in enumerate(keys):
        if key.parent in stages.made:
            stages.run(kept_aside(key, at, stages.made[key.parent].leaving(key.parent_columns)))
    yield
    for at, key in enumerate(keys):
        found = any(stages.run(astray(key, tables[key.parent], one)) for one in _written(stages, key, counted))
        if not found and is_loose(stages.catalog, key):
            found = stages.run(astray(key, tables[key.parent], f"{tables[key.child].relation} s WHERE true")) > 0
        if not found and key.parent in stages.made:
            found = stages.run(*left_alone(key, at, tables[key.child], tables[key.parent])) > 0
        if found:
            raise StepFailed(
                f"{key.child}: rows break the constraint {key.name} of the restored database; nothing of this pass was"
                " kept",
                advice="Settle the rows by hand in the live or the restored database, then carry again.",
            )


def _written(stages: Stages, key: ForeignKey, counted: Sequence[Counted]) -> Iterator[str]:
    if key.child in stages.made:
        yield f"{stages.made[key.child].name} s WHERE s.{THERE}"
    yield from (f"{one.more} s WHERE true" for one in counted if one.table.name == key.child)
