"""
Writes new rows straight into their table, where the account may write as a replica does.

Over the stage they would be written twice, and looked up among each other. In the table they stand as those that an
earlier pass carried: what is settled moves one onto the stage when it must. A batch of which the table refuses a row
goes over the stage.
"""

from typing import Final

from ...postgres.names import Name
from .replicating import as_replica
from .resolving import Stages

# A replica would leave unchecked: constraints whose check may wait, keys of single partitions, keys to relations that
# the catalog does not list, and that either all columns of a key are filled or none. And it would fire some triggers.
_FIT: Final = """
    WITH RECURSIVE parts AS (
        SELECT o AS root, o AS oid FROM unnest(%(tables)s::oid[]) o
        UNION SELECT p.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN parts p ON p.oid = i.inhparent)
    SELECT root::bigint FROM parts
    EXCEPT SELECT p.root::bigint FROM parts p JOIN pg_catalog.pg_constraint o ON o.conrelid = p.oid
    WHERE o.contype IN ('p', 'u', 'x') AND o.condeferrable OR o.contype = 'f' AND o.conparentid = 0
        AND (p.oid <> p.root OR o.confmatchtype = 'f' OR o.confrelid <> ALL (%(tables)s::oid[]))
    EXCEPT SELECT p.root::bigint FROM parts p JOIN pg_catalog.pg_trigger t ON t.tgrelid = p.oid
    WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R')"""


def straight_tables(stages: Stages) -> frozenset[Name]:
    """Name the tables that new rows may be written straight into; none where the account may not write as a replica."""
    names = {table.oid: table.name for table in stages.catalog.tables.values()}
    with as_replica(stages.connection) as allowed:
        found = stages.connection.execute(_FIT, {"tables": list(names)}).fetchall() if allowed else []
    return frozenset(names[oid] for (oid,) in found)
