"""Reads what a database has that live lacks, and what a recovery has begun to bring back."""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ...postgres.catalog import Catalog
from ...postgres.names import Name
from ...postgres.objects import unlike
from ...postgres.recovering import Recovery, is_mark
from ...postgres.shape import shape
from ...postgres.standing import PART, STAND_IN
from .catalog import read_catalog
from .definitions import read_columns, read_definitions, read_references, read_types
from .objects import read_objects

if TYPE_CHECKING:
    from .session import Connection

_MARKED: Final = """
    SELECT n.nspname, c.relname, a.attname, d.description
    FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c ON c.oid = d.objoid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.description LIKE 'rollbook %'"""

# Of what live lacks, these come back with their table or column.
_OF_TABLES: Final = frozenset(
    {"table", "column", "constraint", "index", "sequence", "trigger", "comment", "privileges", "policy", "type"}
)

Columns = dict[Name, list[str]]


def read_recovery(live: "Connection", source: "Connection", only: Collection[str]) -> Recovery:
    """Compare *live* with *source*, both opened for reading; *only* are patterns of tables and table.column."""
    ours, theirs = read_catalog(live), read_catalog(source)
    begun_tables, begun_columns = _begun(live, ours)
    standing = _standing(source)
    lost = [name for name in sorted(theirs.tables) if name not in ours.tables and _wanted(name, None, only)]
    gone = [name for name in lost if name not in standing]
    lacking = {
        name: columns for name, columns in _lacking(ours, theirs, only).items() if standing.get(name) != STAND_IN
    }
    known = {one.name for one in read_types(live)}
    returning = {*gone, *begun_tables}
    staying = [name for name in theirs.tables if name in ours.tables and name not in returning]
    return Recovery(
        types=tuple(one for one in read_types(source) if one.name not in known) if gone or lacking else (),
        tables=tuple(read_definitions(source, gone)),
        columns=tuple(read_columns(source, lacking)),
        begun_tables=tuple(read_definitions(source, begun_tables)),
        begun_columns=tuple(read_columns(source, begun_columns)),
        references=tuple(read_references(source, returning, staying)),
        rows={str(name): _count(source, theirs.tables[name].relation) for name in gone},
        beside=(*_beside(live, source, only), *(f"table {name}, not whole there" for name in lost if name in standing)),
        keyless=tuple(_keyless(ours, theirs, (lacking, begun_columns))),
    )


def _standing(source: "Connection") -> dict[Name, str]:
    """Give the tables of a loaded snapshot that are not what they seem, by their mark."""
    found = source.execute(_MARKED).fetchall()
    return {Name(one[0], one[1]): one[3] for one in found if one[2] is None and one[3] in (PART, STAND_IN)}


def _wanted(table: Name, column: str | None, only: Collection[str]) -> bool:
    whole = f"{table}.{column}" if column else str(table)
    return not only or any(fnmatchcase(whole, pattern) or fnmatchcase(str(table), pattern) for pattern in only)


def _lacking(ours: Catalog, theirs: Catalog, only: Collection[str]) -> Columns:
    found: Columns = {}
    for name, table in sorted(theirs.tables.items()):
        there = ours.tables.get(name)
        if there is None:
            continue
        known = {column.name for column in there.columns}
        lacks = [one.name for one in table.columns if one.name not in known and _wanted(name, one.name, only)]
        if lacks:
            found[name] = lacks
    return found


def _begun(live: "Connection", ours: Catalog) -> tuple[list[Name], Columns]:
    tables: list[Name] = []
    columns: Columns = {}
    for schema, relation, column, comment in live.execute(_MARKED):
        name = Name(schema, relation)
        if not is_mark(comment) or (column is not None and name not in ours.tables):
            continue
        if column is None:
            tables.append(name)
        else:
            columns.setdefault(name, []).append(column)
    return sorted(tables), columns


def _keyless(ours: Catalog, theirs: Catalog, wanted: Collection[Mapping[Name, Collection[str]]]) -> Iterator[str]:
    for columns in wanted:
        for name, names in columns.items():
            old, new = theirs.tables[name], ours.tables[name]
            if not shape(old, new, old, decided=True).key:
                yield from (f"{name}.{column}" for column in names)


def _beside(live: "Connection", source: "Connection", only: Collection[str]) -> Iterator[str]:
    """Name what live lacks and does not come back by itself; with *only*, nobody asked for the rest."""
    if not only:
        lacks = unlike(read_objects(source), read_objects(live)).lacks
        yield from (str(thing) for thing in lacks if thing.kind not in _OF_TABLES)


def _count(connection: "Connection", relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}".encode()).fetchone()
    return row[0] if row else 0
