"""Chooses what a snapshot saves of what will be gone: tables whole, columns with the keys of their rows."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, Table
from ...postgres.definition import Definition
from ...postgres.names import Name, listed
from ...snapshots.contents import BESIDE, Choice, Chosen, absent, fits
from .catalog import read_catalog
from .definition_parts import read_companions, read_part
from .definitions import read_definitions

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to be saved, with how each table of it is made; of the *whole* ones only the *named* are doomed."""

    choice: Choice
    definitions: tuple[Definition, ...]
    named: frozenset[Name]
    whole: frozenset[Name]
    parts: frozenset[Name]
    catalog: Catalog


def read_doomed(connection: "Connection", tables: Collection[str], columns: Collection[str]) -> Doomed:
    """Choose by patterns of tables and of table.column, from a connection that was opened for reading."""
    catalog = read_catalog(connection)
    named = {name for name in catalog.tables if fits(str(name), tables)}
    beside = {name for name in catalog.tables if name.name in BESIDE} - named
    whole = named | beside
    doomed = dict(_columns(catalog, columns, whole))
    refused = [*_keyless(catalog, doomed), *_inheriting(connection, whole, doomed)]
    parts = {} if refused else dict(_parts(connection, catalog, whole, doomed))
    made = tuple(read_definitions(connection, whole))
    parted = tuple(read_part(connection, name, kept, doomed[name]) for name, kept in sorted(parts.items()))
    chosen = (
        *(_whole(one, catalog, beside) for one in made),
        *(_part(one, doomed[one.name], catalog.tables[one.name]) for one in parted),
    )
    lacking = (*absent(tables, map(str, catalog.tables)), *absent(columns, _column_names(catalog)))
    nothing = not named and not doomed
    return Doomed(
        Choice(() if nothing else chosen, lacking, tuple(refused)),
        () if nothing else (*made, *parted),
        frozenset(named),
        frozenset(whole),
        frozenset(parts),
        catalog,
    )


def _column_names(catalog: Catalog) -> Iterator[str]:
    return (f"{name}.{column.name}" for name, table in catalog.tables.items() for column in table.columns)


def _columns(catalog: Catalog, columns: Collection[str], whole: Collection[Name]) -> Iterator[tuple[Name, list[str]]]:
    for name, table in sorted(catalog.tables.items()):
        found = [column.name for column in table.columns if fits(f"{name}.{column.name}", columns)]
        if found and name not in whole:
            yield name, found


def _keyless(catalog: Catalog, doomed: Collection[Name]) -> Iterator[str]:
    for name in doomed:
        if not catalog.tables[name].keys:
            yield f"{name} has no primary key by which its columns could be put back; in tables: it is saved whole"


def _inheriting(connection: "Connection", whole: Collection[Name], doomed: Collection[Name]) -> Iterator[str]:
    query = """SELECT n.nspname, c.relname, pn.nspname, p.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
        JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE NOT c.relispartition AND c.relkind = 'r' ORDER BY 1, 2"""
    for schema, relation, *parent in connection.execute(query):
        if Name(schema, relation) in whole:
            yield f"{Name(schema, relation)} inherits from another table: back the database up instead"
        elif Name(*parent) in doomed:
            told = f"{Name(schema, relation)} inherits from {Name(*parent)}, and its columns go with those"
            yield f"{told}: back the database up instead"


def _parts(
    connection: "Connection", catalog: Catalog, whole: Collection[Name], doomed: "dict[Name, list[str]]"
) -> Iterator[tuple[Name, tuple[str, ...]]]:
    """Give the columns to save of each table that stays: the key, the doomed, and those that theirs hang on."""
    kept = {name: {*columns, *catalog.tables[name].keys[0].columns} for name, columns in doomed.items()}
    for name, columns in doomed.items():
        kept[name] |= {*read_companions(connection, name, columns)}
    for key in catalog.foreign_keys:
        # What a saved foreign key points at must be in the part of its parent too.
        if key.parent in kept and (key.child in whole or {*key.columns} & {*doomed.get(key.child, ())}):
            kept[key.parent] |= {*key.parent_columns}
        if key.child in kept and key.parent in whole:
            kept[key.child] |= {*key.columns}
    for name, wanted in kept.items():
        yield name, tuple(one.name for one in catalog.tables[name].columns if one.name in wanted)


def _whole(one: Definition, catalog: Catalog, beside: Collection[Name]) -> Chosen:
    table = catalog.tables.get(one.name)
    return Chosen(
        name=str(one.name),
        whole=True,
        columns=one.columns,
        doomed=(),
        read="" if one.partitioned else f"COPY (SELECT {listed(one.columns)} FROM ONLY {one.name.sql}) TO STDOUT",
        rows=table.rows if table else -1,
        beside=one.name in beside,
    )


def _part(one: Definition, doomed: Collection[str], table: Table) -> Chosen:
    return Chosen(
        name=str(one.name),
        whole=False,
        columns=one.columns,
        doomed=tuple(doomed),
        read=f"COPY (SELECT {listed(one.columns)} FROM {table.relation}) TO STDOUT",
        rows=table.rows,
    )
