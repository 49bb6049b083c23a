"""Reads how single columns are made, and tables that have only some of the columns of another."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...postgres.definition import Addition, ColumnDefinition, Definition
from ...postgres.names import Name, literal, quote
from .catalog_rows import (
    Column,
    Constraint,
    Head,
    Index,
    columns_of,
    constraints_of,
    extras_of,
    indexes_of,
    own_heads,
    read_heads,
    sequences_of,
)
from .definitions import makings

if TYPE_CHECKING:
    from .session import Connection

_COMPUTED_FROM: Final = """
    SELECT DISTINCT f.attname::text FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
    JOIN pg_catalog.pg_attribute f ON f.attrelid = p.refobjid AND f.attnum = p.refobjsubid
    WHERE d.adrelid = %s AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = d.adrelid
      AND p.refobjsubid > 0 AND p.refobjsubid <> d.adnum AND a.attname::text = ANY (%s)"""

_GRANT: Final = re.compile(r"GRANT [A-Z ]+?(?: \((?P<column>.+?)\))? ON (?P<sequence>SEQUENCE )?")


def read_columns(connection: "Connection", wanted: Mapping[Name, Collection[str]]) -> Iterator[ColumnDefinition]:
    """
    Give how single columns are made: at first without NOT NULL, so that it can be added while rows are there.

    A default that is computed anew for every row is left to be set afterwards: adding it would write every row.
    """
    for head in read_heads(connection, wanted):
        constraints = constraints_of(connection, head)
        indexes = indexes_of(connection, head)
        for column in columns_of(connection, head):
            if column.name in wanted[head.title]:
                yield _column(head.title, column, constraints, indexes)


def _column(
    table: Name,
    column: Column,
    constraints: Sequence[Constraint],
    indexes: Sequence[Index],
) -> ColumnDefinition:
    plain = column.default if not column.generated else None
    add = f"ALTER TABLE {table.sql} ADD COLUMN {column.typed}"
    if column.generated:
        add += f" GENERATED ALWAYS AS ({column.default}) STORED"
    elif plain is not None and not column.computed:
        add += f" DEFAULT {plain}"
    concerned = [one for one in constraints if column.name in one.columns]
    return ColumnDefinition(
        table=table,
        name=column.name,
        add=add,
        comment=column.comment,
        default=None if column.computed else plain,
        later=plain if column.computed else None,
        required=column.required and not column.identity,
        generated=column.generated,
        additions=(
            *(one.addition(table) for one in concerned if one.kind != "f"),
            *(Addition(table, one.name, one.statement) for one in indexes if column.name in one.columns),
        ),
        references=tuple(one.reference(table) for one in concerned if one.kind == "f"),
    )


def read_companions(connection: "Connection", name: Name, columns: Collection[str]) -> tuple[str, ...]:
    """Give the other columns that constraints, indexes and computed cells of *columns* of a table are over."""
    found: list[str] = []
    for head in own_heads(connection, name):
        concerned = [one.columns for one in constraints_of(connection, head)]
        concerned += [one.columns for one in indexes_of(connection, head)]
        found += [one for over in concerned if {*over} & {*columns} for one in over]
        found += [row[0] for row in connection.execute(_COMPUTED_FROM, (head.oid, list(columns)))]
    return tuple(dict.fromkeys(one for one in found if one not in columns))


def read_part(connection: "Connection", name: Name, columns: Collection[str], doomed: Collection[str]) -> Definition:
    """
    Give how a table is made that has only *columns* of another: of which the *doomed* are just as they are there.

    With it come the constraints and indexes that are over these alone, and the foreign keys of the doomed ones.
    """
    (head,) = own_heads(connection, name)
    kept = [_plainly(one, doomed) for one in columns_of(connection, head) if one.name in columns]
    constraints = [one for one in constraints_of(connection, head) if {*one.columns} <= {*columns}]
    sequences = [one for one in sequences_of(connection, head) if one.column in doomed]
    owned = [one for one in sequences if one.owned]
    indexes = [one.statement for one in indexes_of(connection, head) if one.columns and {*one.columns} <= {*columns}]
    comments = (
        f"COMMENT ON COLUMN {name.sql}.{quote(one.name)} IS {literal(one.comment)}" for one in kept if one.comment
    )
    extras = extras_of(connection, head)
    return Definition(
        name=name,
        columns=tuple(one.name for one in kept if not one.generated),
        before=makings(_alone(head), kept, owned),
        after=(
            *(one.addition(name).statement for one in constraints if one.kind != "f"),
            *indexes,
            *comments,
            *(one for one in extras if _is_granted(one, {one.name for one in kept}, sequences=bool(owned))),
        ),
        references=tuple(one.reference(name) for one in constraints if one.kind == "f" and {*one.columns} & {*doomed}),
        sequences=tuple(one.title for one in sequences),
    )


def _is_granted(statement: str, columns: Collection[str], *, sequences: bool) -> bool:
    """Say whether a statement grants something on a table of these columns alone."""
    found = _GRANT.match(statement)
    if found is None:
        return False
    column = found["column"]
    if column is not None and column.startswith('"'):
        column = column[1:-1].replace('""', '"')
    return sequences if found["sequence"] else column is None or column in columns


def _plainly(column: Column, doomed: Collection[str]) -> Column:
    """Take from a column that is only there to hold others what fills it by itself."""
    if column.name in doomed:
        return column
    return column._replace(default=None, generated=False, identity="", sequence=None, computed=False)


def _alone(head: Head) -> Head:
    """Take a table out of what it is a part of, and its own parts away."""
    return head._replace(
        partitioned=False, partition_key=None, is_partition=False, bound=None, parent=None, options=None
    )
