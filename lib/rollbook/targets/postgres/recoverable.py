"""Reads what a database has that live lacks, and what a recovery has begun to bring back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...postgres.catalog import Catalog
from ...postgres.definition import Definition, SchemaDefinition, TypeDefinition
from ...postgres.names import Name, literal, quote
from ...postgres.objects import unlike
from ...postgres.recovering import Recovery, is_mark
from ...postgres.shape import shape
from ...postgres.standing import PART, STAND_IN
from ...recovering import Asked, Part, Remake, kept_made
from .catalog import read_catalog
from .definition_parts import read_columns
from .definitions import owners_elsewhere, read_definitions, read_references, read_schemas, read_types
from .objects import read_objects
from .refillable import Connect, Filling, Refills, find_filling, read_refills

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
    {"table", "column", "constraint", "index", "sequence", "trigger", "comment", "privileges", "policy", "rule", "type"}
)
_PARTITIONS: Final = """
    SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relispartition AND c.relkind IN ('r', 'p')"""

Columns = dict[Name, list[str]]


def read_recovery(live: "Connection", source: "Connection", asked: Asked, connect: Connect) -> Recovery:
    """Compare *live* with *source*, both opened for reading; *connect* opens more connections to either."""
    ours, theirs = read_catalog(live), read_catalog(source)
    # Rows of a partition are its table's, so it is no table of its own; a snapshot names it all the same.
    partitions = {str(Name(schema, name)): () for schema, name in source.execute(_PARTITIONS).fetchall()}
    named = {str(name): [one.name for one in table.columns] for name, table in theirs.tables.items()}
    asked.require({**partitions, **named})
    begun_tables, begun_columns = _begun(live, ours)
    standing = _standing(source)
    lost = [name for name in sorted(theirs.tables) if name not in ours.tables and asked.wants(str(name))]
    gone = [name for name in lost if name not in standing]
    lacking = _unlike(_lacking(ours, theirs, asked), standing)
    known = {one.name for one in read_types(live)}
    returning = {*gone, *begun_tables}
    filling = find_filling(ours, theirs, asked)
    # What is being brought back is filled when it is settled.
    tables = tuple(name for name in filling.tables if name not in standing and name not in begun_tables)
    filling = Filling(tables, _apart(_unlike(filling.columns, standing), begun_columns))
    keyless = tuple(_keyless(ours, theirs, (lacking, begun_columns, filling.columns), filling.tables))
    refills = Refills() if keyless else read_refills(ours, theirs, filling, asked, connect, live.info.dbname)
    owners = owners_elsewhere(source, live) if returning or lacking else {}
    staying = [name for name in theirs.tables if name in ours.tables and name not in returning]
    unwhole = (f"table {name}, not whole there" for name in lost if name in standing)
    types = tuple(one for one in read_types(source, owners) if one.name not in known) if gone or lacking else ()
    tables_back = tuple(read_definitions(source, gone, owners))
    schemas = _schemas(live, read_schemas(source, owners), types, tables_back)
    lost_parts = tuple(_without(live, source, filling, standing))
    parts = tuple(one for one in lost_parts if one.sort in asked.remake and not _is_taken(live, one))
    return Recovery(
        types=types,
        tables=tables_back,
        columns=tuple(read_columns(source, lacking)),
        begun_tables=tuple(read_definitions(source, begun_tables, owners)),
        begun_columns=tuple(read_columns(source, begun_columns)),
        references=tuple(read_references(source, returning, staying)),
        rows={str(name): _count(source, theirs.tables[name].relation) for name in (*gone, *tables)},
        beside=(*_beside(live, source, asked, schemas), *unwhole),
        keyless=keyless,
        row_refills=refills.rows,
        cell_refills=refills.cells,
        untold=refills.untold,
        kept=(
            *refills.kept,
            *(kept_made(Name(one.schema, one.table), one.statement) for one in lost_parts if one not in parts),
        ),
        schemas=schemas,
        parts=parts,
    )


def _without(live: "Connection", source: "Connection", filling: Filling, parts: Collection[Name]) -> Iterator[Part]:
    """Give what tables that are filled had, and a way back that made them, or a column of them, anew did not make."""
    names = sorted({*filling.tables, *filling.columns})
    here = {one.name: _parts(one, whole=one.name not in parts) for one in read_definitions(live, names)}
    for one in read_definitions(source, names):
        had = _parts(one, whole=one.name not in parts)
        for part in had:
            if part not in here.get(one.name, had):
                yield Part(one.name.schema, one.name.name, _sort(part), part)


def _sort(statement: str) -> Remake:
    return "comments" if statement.startswith("COMMENT ON ") else "grants" if statement.startswith("GRANT ") else "rest"


def _is_taken(live: "Connection", part: Part) -> bool:
    """Say whether somebody has written a comment of their own there."""
    if part.sort != "comments":
        return False
    head = part.statement.partition(" IS ")[0] + " IS "
    (one,) = read_definitions(live, [Name(part.schema, part.table)])
    return any(made.startswith(head) for made in _parts(one, whole=True))


def _parts(one: Definition, *, whole: bool) -> tuple[str, ...]:
    comment = f"COMMENT ON TABLE {one.name.sql} IS {literal(one.comment)}"
    return (*one.after, *([comment] if whole and one.comment else []))


def _schemas(
    live: "Connection",
    known: Collection[SchemaDefinition],
    types: Collection[TypeDefinition],
    tables: Collection[Definition],
) -> tuple[SchemaDefinition, ...]:
    """Give those of the *known* schemas that went with their tables and types."""
    names = (*(one.name for one in types), *(name for one in tables for name in (one.name, *one.sequences)))
    wanted = {name.schema for name in names} - {one.name for one in read_schemas(live, {})}
    return tuple(one for one in known if one.name in wanted)


def _unlike(columns: Mapping[Name, Sequence[str]], standing: Mapping[Name, str]) -> dict[Name, Sequence[str]]:
    """Leave out columns of tables that only stand in for others."""
    return {name: found for name, found in columns.items() if standing.get(name) != STAND_IN}


def _standing(source: "Connection") -> dict[Name, str]:
    """Give the tables of a loaded snapshot that are not what they seem, by their mark."""
    found = source.execute(_MARKED).fetchall()
    return {Name(one[0], one[1]): one[3] for one in found if one[2] is None and one[3] in (PART, STAND_IN)}


def _lacking(ours: Catalog, theirs: Catalog, asked: Asked) -> Columns:
    found: Columns = {}
    for name, table in sorted(theirs.tables.items()):
        there = ours.tables.get(name)
        if there is None:
            continue
        known = {column.name for column in there.columns}
        lacks = [one.name for one in table.columns if one.name not in known and asked.wants(str(name), one.name)]
        if lacks:
            found[name] = lacks
    return found


def _apart(columns: Mapping[Name, Sequence[str]], others: Columns) -> dict[Name, Sequence[str]]:
    """Leave out *others* of the columns."""
    left = ((name, [one for one in mine if one not in others.get(name, ())]) for name, mine in columns.items())
    return {name: found for name, found in left if found}


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


def _keyless(
    ours: Catalog, theirs: Catalog, wanted: Collection[Mapping[Name, Collection[str]]], tables: Collection[Name]
) -> Iterator[str]:
    yield from (str(name) for name in tables if not _key(ours, theirs, name))
    for columns in wanted:
        for name, names in columns.items():
            if not _key(ours, theirs, name):
                yield from (f"{name}.{column}" for column in names)


def _key(ours: Catalog, theirs: Catalog, name: Name) -> tuple[str, ...]:
    old, new = theirs.tables[name], ours.tables[name]
    return shape(old, new, old, decided=True).key


def _beside(
    live: "Connection", source: "Connection", asked: Asked, schemas: Collection[SchemaDefinition]
) -> Iterator[str]:
    """Name what live lacks and does not come back by itself; with *only*, nobody asked for the rest."""
    if asked.only:
        return
    back = {quote(one.name) for one in schemas} | {one.name for one in schemas}
    for thing in unlike(read_objects(source), read_objects(live)).lacks:
        if thing.kind not in _OF_TABLES and not (thing.kind == "schema" and thing.name in back):
            yield str(thing)


def _count(connection: "Connection", relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}".encode()).fetchone()
    return row[0] if row else 0
