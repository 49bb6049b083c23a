"""How tables stand in a catalog, and what Django makes of them last: indexes, unique constraints and foreign keys."""

from collections.abc import Iterable, Mapping

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """A table in the catalog: its columns with whether they may be NULL, and the *names* of indexes and constraints."""

    columns: Mapping[str, bool]
    names: tuple[str, ...]


Catalog = Mapping[str, Standing]


@dataclass(frozen=True, slots=True)
class Late:
    """
    A statement that Django runs when all operations of a migration are over, and what it makes.

    *name* is that of the index or constraint, of *table*; empty where that cannot be told, nor then be seen.
    """

    sql: str
    table: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """What comes last on either way."""

    forwards: tuple[Late, ...] = ()
    backwards: tuple[Late, ...] = ()


def lacking(late: Iterable[Late], catalog: Catalog) -> tuple[Late, ...]:
    """Give those that the catalog does not show; servers do not mind how such a name is written."""
    there = {(table, name.lower()) for table, standing in catalog.items() for name in standing.names}
    return tuple(one for one in late if (one.table, one.name.lower()) not in there)
