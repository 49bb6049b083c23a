"""Sets the sequences of the restored database at or above both sides' marks."""

from typing import TYPE_CHECKING

from ...postgres.catalog import Catalog, Sequence

if TYPE_CHECKING:
    from .session import Connection


def advance_sequences(restored: "Connection", ours: Catalog, live: Catalog) -> tuple[Sequence, ...]:
    """
    Advance each sequence to where live's is, if that is further; gives those that moved, as they are now.

    Sequences belong together when they fill the same column: names lie. Those that fill none go by their name.
    A sequence is set at once, transaction or not, and never back, so this may be done again.
    """
    moved = []
    for sequence in ours.sequences:
        marks = [one.next for one in live.sequences if _same(sequence, one)]
        further = max(marks, default=sequence.next) if sequence.step > 0 else min(marks, default=sequence.next)
        if (further - sequence.next) * sequence.step > 0:
            restored.execute("SELECT pg_catalog.setval(%s::regclass, %s, false)", (sequence.name.sql, further))
            moved.append(Sequence(sequence.name, further, sequence.step, sequence.users))
    return tuple(moved)


def _same(one: Sequence, other: Sequence) -> bool:
    if one.users and other.users:
        return bool({*one.users} & {*other.users})
    return one.name == other.name
