"""Reads how tables are made, from the catalogs of a database that still has them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...postgres.definition import Definition, Reference, SchemaDefinition, TypeDefinition
from ...postgres.names import Name, literal, quote
from .catalog_rows import (
    Column,
    Head,
    TableSequence,
    columns_of,
    constraints_of,
    extras_of,
    indexes_of,
    own_heads,
    read_heads,
    sequences_of,
)

if TYPE_CHECKING:
    from .session import Connection

_OWNERS: Final = "SELECT schemaname, tablename, tableowner FROM pg_catalog.pg_tables"
_SCHEMAS: Final = """
    SELECT nspname, pg_catalog.pg_get_userbyid(nspowner), pg_catalog.obj_description(oid, 'pg_namespace'),
        (SELECT array_agg(format('GRANT %s ON SCHEMA %I TO %s%s', privilege_type, nspname,
             CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
             CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) ORDER BY grantee, privilege_type)
         FROM pg_catalog.aclexplode(nspacl) WHERE grantee <> nspowner)
    FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'rollbook') ORDER BY 1"""
_TYPES: Final = """
    SELECT n.nspname, t.typname, CASE t.typtype
        WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
            (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_catalog.pg_enum
             WHERE enumtypid = t.oid))
        ELSE concat(format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname,
                pg_catalog.format_type(t.typbasetype, t.typtypmod)), ' DEFAULT ' || t.typdefault,
            CASE WHEN t.typnotnull THEN ' NOT NULL' END,
            (SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_catalog.pg_get_constraintdef(o.oid)), '')
             FROM pg_catalog.pg_constraint o WHERE contypid = t.oid AND contype = 'c')) END,
        pg_catalog.pg_get_userbyid(t.typowner)
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_type'::regclass AND objid = t.oid
                      AND deptype = 'e')
    ORDER BY t.typtype DESC, 1, 2"""


def read_definitions(
    connection: "Connection", names: Collection[Name], owners: Mapping[str, str] | None = None
) -> Iterator[Definition]:
    """
    Give how each of the tables is made; partitions come behind the table that they are parts of.

    *owners* gives other owners by the ones that they have there.
    """
    for head in read_heads(connection, names):
        yield _definition(connection, head._replace(owner=(owners or {}).get(head.owner, head.owner)))


def owners_elsewhere(source: "Connection", live: "Connection") -> Mapping[str, str]:
    """
    Give the owner that a role's tables of *source* have in *live*, where all that both have agree on one.

    A backup that was restored without owners belongs to whoever restored it, whom the site knows nothing of.
    """
    there = {(schema, table): owner for schema, table, owner in live.execute(_OWNERS)}
    found: dict[str, set[str]] = {}
    for schema, table, owner in source.execute(_OWNERS):
        if (schema, table) in there:
            found.setdefault(owner, set()).add(there[schema, table])
    return {owner: others.pop() for owner, others in found.items() if len(others) == 1}


def read_types(connection: "Connection", owners: Mapping[str, str] | None = None) -> tuple[TypeDefinition, ...]:
    """
    Give what makes each enum and each domain, the enums first: a domain may be one of them.

    *owners* gives other owners by the ones that they have there.
    """
    return tuple(
        TypeDefinition(Name(schema, name), made, (owners or {}).get(owner, owner))
        for schema, name, made, owner in connection.execute(_TYPES)
    )


def read_schemas(connection: "Connection", owners: Mapping[str, str]) -> tuple[SchemaDefinition, ...]:
    """Give what makes each schema; *owners* gives other owners by the ones that they have there."""
    return tuple(
        SchemaDefinition(
            name,
            (
                f"CREATE SCHEMA {quote(name)} AUTHORIZATION {quote(owners.get(owner, owner))}",
                *([f"COMMENT ON SCHEMA {quote(name)} IS {literal(comment)}"] if comment else []),
                *(grants or ()),
            ),
        )
        for name, owner, comment, grants in connection.execute(_SCHEMAS.encode())
    )


def read_references(connection: "Connection", parents: Collection[Name], children: Collection[Name]) -> list[Reference]:
    """Give the foreign keys by which *children* point at *parents*."""
    found = [
        one.reference(head.title)
        for head in read_heads(connection, children)
        for one in constraints_of(connection, head)
        if one.kind == "f"
    ]
    return [one for one in found if one.parent in parents]


def read_outline(connection: "Connection", name: Name) -> tuple[str, dict[str, str]]:
    """Give a table's owner, and each of its columns as CREATE TABLE has it without whatever fills or holds it."""
    (head,) = own_heads(connection, name)
    return head.owner, {one.name: one.typed for one in columns_of(connection, head)}


def _definition(connection: "Connection", head: Head) -> Definition:
    table, columns, constraints = head.title, columns_of(connection, head), constraints_of(connection, head)
    sequences = sequences_of(connection, head)
    owned = [one for one in sequences if one.owned]
    own = [one for one in constraints if one.kind != "f"]
    extras = extras_of(connection, head)
    indexes = [one.statement for one in indexes_of(connection, head)]
    return Definition(
        name=table,
        columns=tuple(one.name for one in columns if not one.generated),
        before=makings(head, columns, owned),
        after=(*(one.addition(table).statement for one in own), *indexes, *extras, *_security(head)),
        references=tuple(one.reference(table) for one in constraints if one.kind == "f"),
        sequences=tuple(one.title for one in sequences),
        partitioned=head.partitioned,
        comment=head.comment,
    )


def makings(head: Head, columns: Sequence[Column], owned: Sequence[TableSequence]) -> tuple[str, ...]:
    """Give what makes an empty table, with the sequences that it owns."""
    table = head.title
    return (
        *(f"CREATE SEQUENCE {one.title.sql} {one.options}" for one in owned),
        _created(head, columns),
        # While both belong to whoever makes them; the table's sequences then change their owner with it.
        *(f"ALTER SEQUENCE {one.title.sql} OWNED BY {table.sql}.{quote(one.column)}" for one in owned),
        f"ALTER TABLE {table.sql} OWNER TO {quote(head.owner)}",
    )


def _created(head: Head, columns: Sequence[Column]) -> str:
    unlogged = "UNLOGGED " if head.persistence == "u" else ""
    tail = f" PARTITION BY {head.partition_key}" if head.partitioned else ""
    tail += f" WITH ({head.options})" if head.options else ""
    made = f"CREATE {unlogged}TABLE {head.title.sql}"
    if head.is_partition:
        return f"{made} PARTITION OF {head.parent} {head.bound}{tail}"
    inherits = f" INHERITS ({head.parent})" if head.parent else ""
    return f"{made} ({', '.join(one.line() for one in columns)}){inherits}{tail}"


def _security(head: Head) -> Iterator[str]:
    if head.secured:
        yield f"ALTER TABLE {head.title.sql} ENABLE ROW LEVEL SECURITY"
    if head.forced:
        yield f"ALTER TABLE {head.title.sql} FORCE ROW LEVEL SECURITY"
