"""
Carries the rows of tables without a key, in the final pass only: nothing tells afterwards which rows it touched.

The passes before look at what will not fit, so that it is known while nothing is stopped yet.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ...errors import StepFailed
from ...postgres.conflict import Conflict, Kind, Policy, Settled
from ...postgres.copytext import line, value, values
from ...postgres.counted import Counted
from ...postgres.merge import Merged, left_behind, merge
from ...postgres.names import listed
from ...postgres.passes import Differing
from .differences import Difference
from .ledger import note_conflicts, note_exported
from .loading import load
from .merging import BATCH, Watch, tally
from .partitions import checks_of
from .resolving import Stages

if TYPE_CHECKING:
    from .session import Connection


def count_table(
    work: Stages, counted: Counted, policy: Policy, found: Iterable[Difference], watch: Watch, *, based: bool
) -> Differing:
    """
    Load the differences of a table without a key; gives how many there were.

    A final pass that was carried through may be done again while live has not changed: then there is nothing to do.
    Raises StepFailed where it has. Not *based* on another database than the restored one, what was carried is no
    difference any more.
    """
    work.run(*counted.make())
    total, digest, stream = Differing(), 0, iter(found)
    while batch := list(islice(stream, BATCH)):
        total += tally(batch)
        watch(len(batch))
        digest = (digest + sum(map(_mark, batch))) % 2**63
        _load(work, counted, policy, batch)
    if based and _was_done(work.connection, counted, digest):
        work.run(f"TRUNCATE {counted.more}, {counted.less}")
    work.run(counted.choose())
    return total


def settle_counted(work: Stages, counted: Counted) -> None:
    """Take from the new rows what has no parent, once it is known which parents there are."""
    work.run(counted.missed())
    for check in checks_of(work.connection, counted.table):
        work.run(*counted.failing(check))
    for unique in counted.table.uniques:
        work.run(*counted.clashing(unique))
    for key in work.catalog.foreign_keys:
        if key.child == counted.table.name:
            parent, free = work.catalog.tables[key.parent], work.catalog.nullable(key)
            work.run(*counted.orphans(key, parent, work.made.get(key.parent), free))


def _load(work: Stages, counted: Counted, policy: Policy, batch: list[Difference]) -> None:
    shape, name = counted.shape, counted.table.name
    width = len(shape.carried)
    lost = [one for one in batch if one.base is not None]
    gone = load(work.connection, f"{counted.less} ({listed(shape.carried)})", [line(one.key[:width]) for one in lost])
    merged = [
        (one, merge(shape, lambda kind: policy.side(kind, name), None, None, one.live)) for one in batch if one.live
    ]
    new = [(one, result.row) for one, result in merged if result.row is not None]
    unfit = load(work.connection, f"{counted.more} ({listed(shape.carried)})", [line(row) for _, row in new])
    note_conflicts(work.connection, _conflicts(counted, merged))
    # A value is none of the column's type in the backup: the row is listed, and what is to go cannot be there.
    note_conflicts(work.connection, (_refused(counted, new[at][0], "no_cast", "left_out") for at in unfit))
    note_conflicts(work.connection, (_refused(counted, lost[at], "edited_by_both", "backup") for at in gone))
    if shape.only_live:
        note_exported(work.connection, name, _exported(counted, batch))


def _conflicts(counted: Counted, merged: Iterable[tuple[Difference, Merged]]) -> Iterator[Conflict]:
    shape = counted.shape
    for one, result in merged:
        for found in result.found:
            key = tuple(value(cell) or "" for cell in one.key)
            shown = values(shape.compared, one.live)
            yield Conflict(found.kind, shape.table, key, ", ".join(found.columns), found.settled, shown, None)


def _refused(counted: Counted, one: Difference, kind: Kind, settled: Settled) -> Conflict:
    shape = counted.shape
    key = tuple(value(cell) or "" for cell in one.key)
    return Conflict(kind, shape.table, key, "", settled, values(shape.compared, one.live), None)


def _exported(
    counted: Counted, batch: Iterable[Difference]
) -> Iterator[tuple[Sequence[str], Mapping[str, str | None]]]:
    """Give the cells of new rows that have no place; what is carried of a row is all that tells it."""
    shape = counted.shape
    for one in batch:
        left = left_behind(shape, None, one.live)
        if left and one.live is not None:
            yield tuple(value(cell) or "" for cell in one.live[: len(shape.carried)]), left


def _mark(one: Difference) -> int:
    sign = b"+" if one.base is None else b"-"
    return int.from_bytes(hashlib.sha256(sign + line(one.key)).digest()[:8], "big")


def _was_done(connection: "Connection", counted: Counted, digest: int) -> bool:
    oid = counted.table.oid
    known = connection.execute("SELECT digest FROM rollbook.counted WHERE relation = %s", (oid,)).fetchone()
    if known is None:
        connection.execute("INSERT INTO rollbook.counted VALUES (%s, %s)", (oid, digest))
        return False
    if known != (digest,):
        raise StepFailed(
            f"{counted.table.name} has no key, and live was written to after the final pass",
            advice="Rows without a key can be carried only once into one database. Undo this run, which lets "
            "everybody in again, and go back in a new one: it restores the backup anew.",
        )
    return True
