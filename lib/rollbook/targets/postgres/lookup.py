"""Looks foreign keys up, row by row: a constraint that the catalog calls valid proves nothing about the rows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, ForeignKey
from ...postgres.names import paired, quote

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Broken:
    """A foreign key with rows that point at nothing."""

    key: ForeignKey
    rows: int


def broken_keys(connection: "Connection", catalog: Catalog) -> tuple[Broken, ...]:
    """Give the validated foreign keys that rows break, each with how many; reads a child table once for each key."""
    found = [Broken(key, _orphans(connection, catalog, key)) for key in catalog.foreign_keys if key.validated]
    return tuple(one for one in found if one.rows)


def _orphans(connection: "Connection", catalog: Catalog, key: ForeignKey) -> int:
    child, parent = catalog.tables[key.child].relation, catalog.tables[key.parent].relation
    pairs = tuple(zip(key.columns, key.parent_columns, strict=True))
    row = connection.execute(
        (
            f"SELECT count(*) FROM {child} c WHERE {_filled(key.columns)}"
            f" AND NOT EXISTS (SELECT FROM {parent} p WHERE {paired(pairs, 'c', 'p')})"
        ).encode()
    ).fetchone()
    return row[0] if row else 0


def _filled(columns: Iterable[str]) -> str:
    return " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in columns)
