"""
Notes, before the first pass, which rows the migration left otherwise than the backup has them.

In all others live and restored can differ only by a conflict, which is listed. So the swap need not compare the two to
know how a row stood then that the kept database has otherwise. Where it was noted which rows base had before it was
migrated, only those written since are looked at; else this takes a sum over base and restored. The site still runs.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...postgres.catalog import Catalog, Table
from ...postgres.copytext import line
from ...postgres.horizon import Since
from ...postgres.names import Name, listed
from ...postgres.renames import Renames, called_before, stood_before
from ...postgres.rules import Rules
from ...postgres.shape import Shape, shape
from .carry import Sources
from .catalog import read_catalog
from .differences import Difference, Side, differences
from .horizons import since_restored
from .ledger import last_pass, open_ledger
from .loading import load
from .newer import Newer, look_newer
from .renaming import base_renames
from .session import connect, connect_beside, is_there
from .stood_rows import note_touched
from .wording import worded

if TYPE_CHECKING:
    from .session import Connection

_MADE: Final = "CREATE TABLE rollbook.apart (relation bigint PRIMARY KEY, touched boolean NOT NULL)"
_BATCH: Final = 20_000


def note_apart(sources: Sources, rules: Rules) -> None:
    """Note it in the ledger of the restored database, once; may be done again. Raises as `carry` does."""
    with worded(), closing(connect(sources.restored)) as ours:
        open_ledger(ours)
        if last_pass(ours) is not None or is_there(ours, "rollbook.apart"):
            return
        ours.execute(_MADE.encode())
        counted: dict[int, bool] = {}
        with (
            closing(connect(sources.base or sources.restored, reading=True)) as base,
            closing(connect(sources.restored, reading=True)) as restored,
            closing(connect_beside(sources.base or sources.restored, base)) as beside,
        ):
            catalog, since = read_catalog(restored), since_restored(base).since
            renamed = base_renames(base) if sources.base else Renames()
            if since is not None:
                since = replace(since, now=stood_before(since.now, renamed))
            old = called_before(read_catalog(base), renamed)
            for table in catalog.tables.values():
                there = old.tables.get(table.name)
                # Columns that the deploy added are nothing that the two could differ in.
                lined = None if there is None else replace(shape(table, there, there, decided=True), only_live=())
                if there is None or lined is None or rules.of(table.name) in ("leave", "referenced"):
                    continue
                sides = (
                    Side(base, there, there.relation, sources.summed, beside),
                    Side(restored, table, table.relation),
                )
                found = iter(()) if sources.base is None else _found(since, lined, *sides, sources.counted)
                other = _is_other(catalog, table, there, rules)
                if lined.key:
                    _note(ours, table, lined, found, touched=other)
                elif lined.carried:
                    # Read to the end: the connections are busy until then.
                    counted[table.oid] = other or sum(1 for _ in found) > 0
            note_touched(ours, counted)
        ours.commit()


def _found(
    since: Since | None, lined: Shape, base: Side, restored: Side, counted: dict[Name, int]
) -> Iterator[Difference]:
    newer = None if since is None else look_newer(since, lined, restored, restored, base)
    if not isinstance(newer, Newer):
        return differences(lined, base, restored)
    counted[lined.table] = newer.there
    return newer.rows(restored, base, beyond=True)


def _is_other(catalog: Catalog, table: Table, there: Table, rules: Rules) -> bool:
    """Tell whether a row that is carried whole may still differ: other types, or ids that are others here."""
    types = {column.name: column.type for column in there.columns}
    return any(types.get(one.name, one.type) != one.type for one in table.columns) or any(
        key.child == table.name and rules.of(key.parent) == "referenced" for key in catalog.foreign_keys
    )


def _note(ours: "Connection", table: Table, lined: Shape, found: Iterator[Difference], *, touched: bool) -> None:
    name, key = f"rollbook.apart_{table.oid}", listed(lined.key)
    made = f"CREATE TABLE {name} AS SELECT {key} FROM {table.relation} WITH NO DATA"
    ours.execute(made.encode())
    while batch := list(islice(found, _BATCH)):
        load(ours, f"{name} ({key})", [line(one.key) for one in batch])
    ours.execute("INSERT INTO rollbook.apart VALUES (%s, %s)", (table.oid, touched))
