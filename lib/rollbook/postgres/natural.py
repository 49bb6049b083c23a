"""
Maps rows by what they mean where ids of two databases clash: a content type is its application and its model.

Each side numbered such rows by itself, so that the same id may be another row. Whoever points at one is given the id
that the row has, or will have, in the restored database.
"""

from collections.abc import Callable, Mapping

from ..dataclass import dataclass
from .catalog import Catalog, Table
from .copytext import Cells
from .names import Name
from .rules import Rules

Natural = Mapping[Cells, Cells]  # the natural key of a row → its id, as one cell


@dataclass(frozen=True, slots=True)
class Named:
    """A table whose rows are known by *natural* columns, beside the *key* that other tables point at."""

    table: Name
    key: str
    natural: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the key and the natural columns."""
        return (self.key, *self.natural)


@dataclass(frozen=True, slots=True)
class Translation:
    """The ids of one such table that are others in the restored database, for rows of live and of the base."""

    named: Named
    live: Mapping[bytes, bytes]
    base: Mapping[bytes, bytes]
    missing: frozenset[bytes]  # ids, as translated, of live's rows that the backup does not have


def named_tables(rules: Rules, *catalogs: Catalog) -> tuple[Named, ...]:
    """Give the tables with the rule `referenced` whose rows every catalog knows by the same columns, parents first."""
    restored = catalogs[0]
    found = {}
    for name, table in restored.tables.items():
        one = _named(table) if rules.of(name) == "referenced" else None
        if one is not None and all(_knows(catalog, one) for catalog in catalogs):
            found[name] = one
    first = [one for name, one in found.items() if not {*parents(restored, name).values()} & found.keys()]
    return tuple(first + [one for one in found.values() if one not in first])


def parents(catalog: Catalog, child: Name) -> Mapping[str, Name]:
    """Give the columns of *child* that point at a table by themselves, with that table."""
    return {key.columns[0]: key.parent for key in catalog.foreign_keys if key.child == child and len(key.columns) == 1}


def _named(table: Table) -> Named | None:
    keys = [one.columns[0] for one in table.uniques if one.primary and len(one.columns) == 1]
    others = [one.columns for one in table.uniques if not one.primary and one.columns and one.predicate is None]
    return Named(table.name, keys[0], others[0]) if keys and others else None


def _knows(catalog: Catalog, named: Named) -> bool:
    table = catalog.tables.get(named.table)
    return table is not None and {*named.columns} <= {column.name for column in table.columns}


def translate(named: Named, restored: Natural, live: Natural, base: Natural) -> Translation:
    """
    Find the id of each row of live and of the base in the restored database.

    A row that is not there keeps its id, or gets the next free one where another row has it. One that a migration gave
    another natural key, as it does for a renamed model, is the row that the backup has under its id in the base.
    """
    taken = {key for (key,) in restored.values()}
    ids = taken | {key for (key,) in live.values()}
    fresh = _counter(ids)
    ours: dict[Cells, bytes] = {natural: key for natural, (key,) in restored.items()}
    gone = {key for natural, (key,) in restored.items() if natural not in base}
    ours |= {natural: key for natural, (key,) in base.items() if natural not in ours and key in gone}
    missing = set()
    for natural, (key,) in sorted(live.items()):
        if natural not in ours:
            ours[natural] = fresh() if key in taken else key
            taken.add(ours[natural])
            missing.add(ours[natural])
    return Translation(named, _moved(live, ours), _moved(base, ours), frozenset(missing))


def _moved(side: Natural, ours: Mapping[Cells, bytes]) -> Mapping[bytes, bytes]:
    return {key: ours[natural] for natural, (key,) in side.items() if ours.get(natural, key) != key}


def _counter(ids: set[bytes]) -> Callable[[], bytes]:
    highest = max((int(one) for one in ids if one.isdigit()), default=0)

    def fresh() -> bytes:
        nonlocal highest
        highest += 1
        return b"%d" % highest

    return fresh
