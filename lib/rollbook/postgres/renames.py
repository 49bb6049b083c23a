"""
Tells which tables and columns migrations renamed, and calls those of another database as the backup does.

A restored copy knows each of its columns by the OID of its table and a number, and no renaming changes either. A column
that was dropped and added again has another number, and is another column. What was put aside under a new name, while
its old one was given to what was made of it, was made anew rather than renamed, and is matched by its name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace

from ..dataclass import dataclass
from .catalog import Catalog, Table
from .horizon import Horizon, Place, Since
from .names import Name, quote


@dataclass(frozen=True, slots=True)
class Renamed:
    """A table that is called *before* elsewhere, or has *columns* that are called otherwise there."""

    since: Name
    before: Name
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Renames:
    """What the backup calls the *tables*, and the *columns* of each, by what they are called since."""

    tables: Mapping[Name, Name] = field(default_factory=dict)
    columns: Mapping[Name, Mapping[str, str]] = field(default_factory=dict)  # by what the table is called since
    anew: tuple[str, ...] = ()  # what was made anew under its name, beside what it was, and is matched by its name

    def rows(self) -> tuple[Renamed, ...]:
        """Give it a table at a time."""
        names = sorted({*self.tables, *self.columns})
        return tuple(Renamed(name, self.tables.get(name, name), self.columns.get(name, {})) for name in names)

    @classmethod
    def of(cls, rows: Iterable[Renamed]) -> "Renames":
        """Make it of what `rows` gives."""
        found = tuple(rows)
        tables = {one.since: one.before for one in found if one.since != one.before}
        return cls(tables, {one.since: one.columns for one in found if one.columns})

    def other_way(self) -> "Renames":
        """Give what things are called since, by what the backup calls them."""
        return Renames.of(
            Renamed(one.before, one.since, {before: since for since, before in one.columns.items()})
            for one in self.rows()
        )

    def told(self) -> Iterator[str]:
        """Say what was renamed, a line each."""
        for name in sorted({*self.tables, *self.columns}):
            yield from self.told_of(name)
        yield from self.anew

    def by_table(self) -> Mapping[Name, tuple[str, ...]]:
        """Say what was renamed of each table, by what the backup calls it."""
        return {self.tables.get(name, name): tuple(self.told_of(name)) for name in {*self.tables, *self.columns}}

    def told_of(self, name: Name) -> Iterator[str]:
        """Say what was renamed of a table, by its name since."""
        before = self.tables.get(name, name)
        if before != name:
            yield f"{name} is {before} in the backup"
        for column, earlier in sorted(self.columns.get(name, {}).items()):
            yield f"{name}.{column} is {before}.{earlier} in the backup"

    def without_table(self, since: Name) -> "Renames":
        """Leave a table out that was put aside when it was made anew."""
        told = f"{self.tables[since]} was made anew: what it was is {since} now, which has no place"
        tables = {name: before for name, before in self.tables.items() if name != since}
        columns = {name: own for name, own in self.columns.items() if name != since}
        return Renames(tables, columns, (*self.anew, told))

    def without_column(self, table: Name, since: str) -> "Renames":
        """Leave a column out that was put aside when it was made anew."""
        own = dict(self.columns[table])
        told = f"{table}.{own.pop(since)} was made anew: what it was is {since} now, which has no place"
        return Renames(self.tables, {**self.columns, table: own}, (*self.anew, told))

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


@dataclass(frozen=True, slots=True)
class Lasting:
    """A column that is there still: its table and its name *before*, and both since."""

    before: Name
    column: str
    since: Name
    called: str


def lasting_since(since: Since) -> Iterator[Lasting]:
    """Give the columns of one database that are there in both snapshots."""
    there = {
        column: (Name(one.schema, one.name), name) for one in since.now.places for name, column in _numbers(one).items()
    }
    for one in since.then.places:
        for name, column in _numbers(one).items():
            if column in there:
                yield Lasting(Name(one.schema, one.name), name, *there[column])


def _numbers(one: Place) -> Mapping[str, str]:
    """Give where each column of a table is, whatever its type; those in several parts, with their types."""
    return {name: ".".join(place.split(".")[:2]) for name, place in one.columns.items()}


def renames(lasting: Iterable[Lasting]) -> Renames:
    """Tell by columns that are there still what was renamed."""
    tables: dict[Name, Name] = {}
    columns: dict[Name, dict[str, str]] = {}
    for one in lasting:
        if one.since != one.before:
            tables[one.since] = one.before
        if one.called != one.column:
            columns.setdefault(one.since, {})[one.called] = one.column
    return Renames(tables, columns)


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
    return {name: known.column(table.name, name, table.names) for name in table.names}


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
