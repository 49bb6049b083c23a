"""
Tells which tables and columns migrations renamed, and calls those of another database as the backup does.

A restored copy knows each of its columns by the OID of its table and a number, and no renaming changes either. Nothing
is guessed from names or types: a column that was dropped and added again has another number, and is another column.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace

from ..dataclass import dataclass
from .catalog import Catalog, Table
from .horizon import Horizon, Place, Since
from .names import Name, quote

_NOT_SUMMED = 4  # numbers that a column's place has, where it is not the sum of many parts


@dataclass(frozen=True, slots=True)
class Renames:
    """What the backup calls the *tables*, and the *columns* of each, by what they are called since."""

    tables: Mapping[Name, Name] = field(default_factory=dict)
    columns: Mapping[Name, Mapping[str, str]] = field(default_factory=dict)  # by what the table is called since

    def told(self) -> Iterator[str]:
        """Say what was renamed, a line each."""
        for name in sorted({*self.tables, *self.columns}):
            before = self.tables.get(name, name)
            if before != name:
                yield f"{name} is {before} in the backup"
            for column, earlier in sorted(self.columns.get(name, {}).items()):
                yield f"{name}.{column} is {before}.{earlier} in the backup"

    def table(self, name: Name, every: Collection[Name]) -> Name:
        """Give what the backup calls one of *every* table; one that took the name of a renamed one gets another."""
        taken = {self.tables[one] for one in every if one in self.tables}
        if name in self.tables:
            return self.tables[name]
        return Name(name.schema, _other(name.name)) if name in taken else name

    def column(self, table: Name, name: str, every: Collection[str]) -> str:
        """Give what the backup calls one of *every* column of a table that is called *table* since."""
        own = self.columns.get(table, {})
        taken = {own[one] for one in every if one in own}
        return own.get(name, _other(name) if name in taken else name)


def renames(since: Since) -> Renames:
    """Tell what was renamed in a database between two snapshots of it."""
    before = {place: (Name(one.schema, one.name), column) for one in since.then.places for column, place in _parts(one)}
    tables: dict[Name, Name] = {}
    columns: dict[Name, Mapping[str, str]] = {}
    for one in since.now.places:
        name = Name(one.schema, one.name)
        found = {column: before[place] for column, place in _parts(one) if place in before}
        own = {column: earlier for column, (_, earlier) in found.items() if earlier != column}
        for table, _ in found.values():
            if table != name:
                tables[name] = table
        if own:
            columns[name] = own
    return Renames(tables, columns)


def _parts(one: Place) -> Iterator[tuple[str, tuple[str, str]]]:
    """Give each column with the OID of its table, and its number."""
    for column, place in one.columns.items():
        numbers = place.split(".")
        if len(numbers) == _NOT_SUMMED:
            yield column, (numbers[0], numbers[1])


def _other(name: str) -> str:
    return f"{name} (new)"


def called_before(catalog: Catalog, known: Renames) -> Catalog:
    """Give the tables of a database that was migrated under the names that the backup has for them."""
    if not known.tables and not known.columns:
        return catalog
    names = {name: known.table(name, catalog.tables) for name in catalog.tables}
    columns = {name: _columns(table, known) for name, table in catalog.tables.items()}
    keys = tuple(
        replace(
            key,
            child=names.get(key.child, key.child),
            columns=tuple(columns.get(key.child, {}).get(one, one) for one in key.columns),
            parent=names.get(key.parent, key.parent),
            parent_columns=tuple(columns.get(key.parent, {}).get(one, one) for one in key.parent_columns),
        )
        for key in catalog.foreign_keys
    )
    sequences = tuple(
        replace(
            one, users=tuple((names.get(table, table), columns.get(table, {}).get(at, at)) for table, at in one.users)
        )
        for one in catalog.sequences
    )
    tables = {names[name]: _table(table, names[name], columns[name]) for name, table in catalog.tables.items()}
    return replace(catalog, tables=tables, foreign_keys=keys, sequences=sequences)


def _columns(table: Table, known: Renames) -> dict[str, str]:
    every = [column.name for column in table.columns]
    return {name: known.column(table.name, name, every) for name in every}


def _table(table: Table, name: Name, columns: Mapping[str, str]) -> Table:
    if name == table.name and all(before == since for since, before in columns.items()):
        return table
    source = table.relation
    if any(before != since for since, before in columns.items()):
        # Whoever reads it may ask which transaction wrote a row, and where it lies.
        shown = ", ".join(f"r.{quote(since)} AS {quote(before)}" for since, before in columns.items())
        source = f"(SELECT r.ctid, r.xmin, {shown} FROM {table.relation} r)"
    return replace(
        table,
        name=name,
        source=source,
        columns=tuple(replace(one, name=columns[one.name]) for one in table.columns),
        uniques=tuple(replace(one, columns=tuple(columns.get(at, at) for at in one.columns)) for one in table.uniques),
    )


def stood_before(horizon: Horizon, known: Renames) -> Horizon:
    """Give where a snapshot of such a database stands, under the names that the backup has."""
    every = [Name(one.schema, one.name) for one in horizon.places]
    return replace(horizon, places=tuple(_place(one, known, every) for one in horizon.places))


def _place(one: Place, known: Renames, every: Collection[Name]) -> Place:
    name = Name(one.schema, one.name)
    called = known.table(name, every)
    columns = {known.column(name, column, one.columns): place for column, place in one.columns.items()}
    return Place(called.schema, called.name, columns)
