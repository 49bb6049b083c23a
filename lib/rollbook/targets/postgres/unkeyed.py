"""
Rows that nothing tells apart, of which the parent goes: settled in the final pass, as all that is carried of them is.

Until then such a foreign key does not hold in the restored database. Where the server would enforce it, it is dropped
by the first pass and waits in the ledger; the final pass adds it again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...postgres.catalog import Catalog, ForeignKey
from ...postgres.conflict import Policy
from ...postgres.counted import Counted
from ...postgres.keyless import Loose
from ...postgres.names import Name
from ...schema import build, encode
from .ledger import last_pass
from .resolving import Stages

if TYPE_CHECKING:
    from .session import Connection

_STRAY = "DROP TABLE IF EXISTS pg_temp.stray"


def is_loose(catalog: Catalog, key: ForeignKey) -> bool:
    """Say whether a foreign key is of a table whose rows nothing tells apart; one that does not hold yet is none."""
    return key.validated and not catalog.tables[key.child].keys


def loose_keys(stages: Stages, counted: Sequence[Counted]) -> Iterator[Loose]:
    """Give those to staged parents."""
    leaving: Mapping[Name, str] = {one.table.name: one.leaving for one in counted}
    for key in stages.catalog.foreign_keys:
        if key.parent in stages.made and is_loose(stages.catalog, key):
            table, free = stages.catalog.tables[key.child], stages.catalog.nullable(key)
            yield Loose(key, table, stages.made[key.parent], free, leaving.get(key.child))


def bring_parents(stages: Stages, policy: Policy, counted: Sequence[Counted]) -> bool:
    """Bring parents back where the backup wins and no column may be emptied; says whether any came."""
    found = [_brought(stages, one) for one in loose_keys(stages, counted) if _backup_wins(policy, one)]
    return any(found)


def _backup_wins(policy: Policy, one: Loose) -> bool:
    return not one.free and policy.side("parent_gone", one.key.child) == "backup"


def _brought(stages: Stages, one: Loose) -> bool:
    if not stages.run(_STRAY, one.stray()):
        return False
    stages.run(one.note("backup"))
    return stages.run(one.restore_parents()) > 0


def note_strays(stages: Stages, counted: Sequence[Counted]) -> None:
    """Write down which rows lose their parent, once it is known which parents there will be."""
    for one in loose_keys(stages, counted):
        if stages.run(_STRAY, one.stray()):
            stages.run(one.note("null" if one.free else "removed"))


def settled_for_good(connection: "Connection", catalog: Catalog) -> tuple[Name, ...]:
    """Name the tables without a key once a final pass was carried through: a further one finds their rows settled."""
    last = last_pass(connection)
    if last is None or not last.final:
        return ()
    return tuple(name for name, table in catalog.tables.items() if not table.keys)


def waiting_keys(connection: "Connection") -> tuple[ForeignKey, ...]:
    """Give the foreign keys that an earlier pass dropped, and that are to hold again."""
    return tuple(build(ForeignKey, told) for (told,) in connection.execute("SELECT told FROM rollbook.waiting"))


def with_waiting(connection: "Connection", catalog: Catalog) -> Catalog:
    """Give the catalog with those that wait."""
    return replace(catalog, foreign_keys=(*catalog.foreign_keys, *waiting_keys(connection)))


def let_wait(connection: "Connection", key: ForeignKey) -> None:
    """Note a foreign key that was dropped."""
    connection.execute("INSERT INTO rollbook.waiting (told) VALUES (%s::jsonb)", (json.dumps(encode(key)),))


def forget_waiting(connection: "Connection") -> None:
    """Forget them all: they hold again, or are dropped and noted anew."""
    connection.execute("DELETE FROM rollbook.waiting")
