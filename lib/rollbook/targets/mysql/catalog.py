"""Reads the catalog of a schema: tables with their columns and keys, and what holds between them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...mysql.catalog import Catalog, Column, ForeignKey, Index, Table, Trigger
from ...mysql.names import within
from ...mysql.words import lines, names, words
from .session import texts

if TYPE_CHECKING:
    from .session import Connection

_TABLES: Final = """
    SELECT table_name, engine, table_rows, table_collation, table_comment, table_type
    FROM information_schema.tables
    WHERE table_schema = %s AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name"""
_COLUMNS: Final = """
    SELECT table_name, column_name, column_type, data_type, is_nullable, extra, collation_name, column_comment
    FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position"""
_INDEXES: Final = """
    SELECT table_name, index_name, non_unique, column_name, sub_part
    FROM information_schema.statistics WHERE table_schema = %s ORDER BY table_name, index_name, seq_in_index"""
_FOREIGN_KEYS: Final = """
    SELECT k.constraint_name, k.table_name, k.column_name, k.referenced_table_schema, k.referenced_table_name,
        k.referenced_column_name, r.delete_rule, r.update_rule
    FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
      ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
        AND r.table_name = k.table_name
    WHERE k.table_schema = %s AND k.referenced_table_name IS NOT NULL
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position"""
_TRIGGERS: Final = """
    SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement, definer, sql_mode,
        character_set_client, collation_connection
    FROM information_schema.triggers WHERE trigger_schema = %s ORDER BY event_object_table, action_order"""
_OTHERS: Final = """
    SELECT CONCAT(LOWER(table_type), ' ', table_name) FROM information_schema.tables
    WHERE table_schema = %(schema)s AND table_type NOT IN ('BASE TABLE', 'SYSTEM VERSIONED')
    UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name) FROM information_schema.routines
    WHERE routine_schema = %(schema)s
    UNION ALL SELECT CONCAT('event ', event_name) FROM information_schema.events WHERE event_schema = %(schema)s
    ORDER BY 1"""
_COUNTS: Final = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"


class _Head(NamedTuple):
    """A row of tables."""

    name: str
    engine: str
    rows: str
    collation: str
    comment: str
    type: str


def read_catalog(connection: "Connection", schema: str) -> Catalog:
    """Read the catalog of *schema*, in the connection's transaction."""
    columns, indexes = _by_table(connection, _COLUMNS, schema), _by_table(connection, _INDEXES, schema)
    heads = [_Head(*row) for row in texts(connection, _TABLES, (schema,))]
    tables = {one.name: _table(connection, schema, one, columns[one.name], indexes[one.name]) for one in heads}
    return Catalog(
        schema=schema,
        version=texts(connection, "SELECT VERSION()")[0][0],
        tables=tables,
        foreign_keys=tuple(_foreign_keys(texts(connection, _FOREIGN_KEYS, (schema,)))),
        triggers=tuple(Trigger(*row) for row in texts(connection, _TRIGGERS, (schema,))),
        others=tuple(row[0] for row in texts(connection, _OTHERS, {"schema": schema})),
    )


def _by_table(connection: "Connection", query: str, schema: str) -> Mapping[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for table, *rest in texts(connection, query, (schema,)):
        found[table].append(tuple(rest))
    return found


def _table(
    connection: "Connection",
    schema: str,
    head: _Head,
    columns: Sequence[tuple[str, ...]],
    indexes: Sequence[tuple[str, ...]],
) -> Table:
    create = texts(connection, f"SHOW CREATE TABLE {within(schema, head.name)}")[0][1]
    parts = lines(create)
    definitions = {names(line)[0]: line[line.index("` ") + 2 :] for line in parts if line.startswith("`")}
    made = tuple(_column(row, definitions[row[0]]) for row in columns)
    automatic = any(one.automatic for one in made)
    return Table(
        name=head.name,
        engine=head.engine,
        rows=int(head.rows or 0),
        next=_next(connection, schema, head.name) if automatic else None,
        collation=head.collation,
        comment=head.comment,
        versioned=head.type == "SYSTEM VERSIONED",
        create=create,
        columns=made,
        indexes=tuple(_indexes(indexes, parts)),
    )


def _next(connection: "Connection", schema: str, name: str) -> int:
    found = texts(connection, _COUNTS, (schema, name))
    return int(found[0][0] or 1)


def _column(row: Sequence[str], definition: str) -> Column:
    name, type_, family, nullable, extra, collation, comment = row
    given = words(definition)
    upper = [word.upper() for word in given]
    default = given[upper.index("DEFAULT") + 1] if "DEFAULT" in upper else None
    return Column(
        name=name,
        type=type_,
        family=family.lower(),
        required=nullable == "NO",
        default=None if default is None or default.upper() == "NULL" else default,
        generated="AS" in upper and ("GENERATED" in upper or "VIRTUAL" in upper or "STORED" in upper),
        extra=extra.lower(),
        collation=collation or None,
        comment=comment,
        definition=definition,
    )


def _indexes(rows: Sequence[tuple[str, ...]], parts: Sequence[str]) -> Iterator[Index]:
    definitions = {
        "PRIMARY" if line.startswith("PRIMARY KEY") else names(line)[0]: line
        for line in parts
        if line.startswith(("PRIMARY KEY", "UNIQUE KEY", "KEY", "FULLTEXT KEY", "SPATIAL KEY"))
    }
    for name, definition in definitions.items():
        mine = [row for row in rows if row[0] == name]
        yield Index(
            name=name,
            columns=tuple(row[2] for row in mine if row[2]),
            unique=bool(mine) and mine[0][1] == "0",
            primary=name == "PRIMARY",
            whole=bool(mine) and all(row[2] and not row[3] for row in mine) and " WITHOUT OVERLAPS" not in definition,
            definition=definition,
            lengths=tuple(int(row[3] or 0) for row in mine if row[2]),
        )


def _foreign_keys(rows: Sequence[tuple[str, ...]]) -> Iterator[ForeignKey]:
    found: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    for row in rows:
        found[row[1], row[0]].append(row)
    for (child, name), mine in found.items():
        yield ForeignKey(
            name=name,
            child=child,
            columns=tuple(row[2] for row in mine),
            parent_schema=mine[0][3],
            parent=mine[0][4],
            parent_columns=tuple(row[5] for row in mine),
            on_delete=mine[0][6],
            on_update=mine[0][7],
        )
