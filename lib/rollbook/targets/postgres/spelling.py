"""Tells a row whose key users spelled otherwise, which its type or collation takes for the same, from two rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from ...postgres.catalog import Table
from ...postgres.copytext import Cells, value
from ...postgres.digest import hashes_exactly
from ...postgres.names import beside_parameters, listed, quote
from .differences import Difference, Side

_AT_ONCE: Final = 5_000


def may_be_respelled(key: Sequence[str], ours: Table, theirs: Table) -> bool:
    """Say whether one key can be written in two ways, and both sides take the same ones for one."""
    pairs = [(ours.column(name), theirs.column(name)) for name in key]
    return any(not hashes_exactly(one) for one, _ in pairs) and all(one.type == other.type for one, other in pairs)


def respelled(found: Iterable[Difference], key: Sequence[str], live: Side) -> Iterator[Difference]:
    """
    Give the differences, those of one row under two spellings of its key as one.

    All of the others are held until the end: live is asked which of its rows has the key of one that seems gone.
    """
    gone: list[Difference] = []
    new: dict[Cells, Difference] = {}
    for one in found:
        if one.live is None:
            gone.append(one)
        elif one.base is None:
            new[one.key] = one
        else:
            yield one
    spelled = {tuple(map(value, cells)): cells for cells in new} if gone else {}
    left = iter(gone)
    while some := list(islice(left, _AT_ONCE)):
        there = _there(some, key, live)
        for at, one in enumerate(some):
            other = new.pop(spelled.get(there.get(at, ()), ()), None)
            yield one if other is None else one._replace(live=other.live)
    yield from new.values()


def _there(some: Sequence[Difference], key: Sequence[str], live: Side) -> Mapping[int, tuple[str | None, ...]]:
    """Give how live spells the keys of some rows, by their positions."""
    types = [live.table.column(name).type for name in key]
    given = ", ".join("%s::text[]" for _ in key)
    names = [f"k{at}" for at in range(len(key))]
    same = " AND ".join(
        f"t.{quote(name)} = (w.{one})::{type_}" for name, one, type_ in zip(key, names, types, strict=True)
    )
    shown = ", ".join(f"format('%%s', t.{quote(name)})" for name in key)
    relation = beside_parameters(live.relation)
    query = (
        f"SELECT w.at, {shown} FROM unnest({given}) WITH ORDINALITY AS w ({listed(names)}, at)"
        f" JOIN {relation} AS t ON {beside_parameters(same)}"
    )
    texts = [[value(one.key[at]) for one in some] for at in range(len(key))]
    return {at - 1: tuple(parts) for at, *parts in live.connection.execute(query.encode(), texts)}
