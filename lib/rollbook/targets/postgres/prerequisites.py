"""Reads what tables cannot be made without: extensions, schemas, collations, types and functions."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ...errors import RefusedError
from ...postgres.catalog import Catalog
from ...postgres.names import Name, literal, quote
from .definitions import read_types

if TYPE_CHECKING:
    from .session import Connection

# Whole tables with all that is theirs, of others the columns that are saved; then whatever these hang on.
_NEEDED: Final = """
    WITH RECURSIVE parts AS (
        SELECT rel, unnest(string_to_array(columns, E'\\x01')) AS name
        FROM unnest(%(oids)s::oid[], %(columns)s::text[]) AS one(rel, columns)
    ), saved AS (
        SELECT attrelid, attnum FROM pg_catalog.pg_attribute a
        WHERE EXISTS (SELECT FROM parts WHERE rel = attrelid AND name = attname::text)
    ), own(classid, objid) AS (
        SELECT d.refclassid, d.refobjid FROM saved JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = attrelid AND d.objsubid = attnum
        UNION SELECT 'pg_catalog.pg_attrdef'::regclass, oid FROM pg_catalog.pg_attrdef
            JOIN saved ON adrelid = attrelid AND adnum = attnum
        UNION SELECT 'pg_catalog.pg_constraint'::regclass, oid FROM pg_catalog.pg_constraint
            WHERE conrelid = ANY (%(oids)s) AND contype <> 'f'
            AND NOT EXISTS (SELECT FROM unnest(conkey) k
                            WHERE NOT EXISTS (SELECT FROM saved WHERE attrelid = conrelid AND attnum = k))
        UNION SELECT 'pg_catalog.pg_class'::regclass, indexrelid FROM pg_catalog.pg_index
            WHERE indrelid = ANY (%(oids)s)
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = indexrelid
                            AND d.refobjid = indrelid AND d.refobjsubid > 0
                            AND NOT EXISTS (SELECT FROM saved WHERE attrelid = indrelid AND attnum = d.refobjsubid))
        UNION SELECT 'pg_catalog.pg_trigger'::regclass, oid FROM pg_catalog.pg_trigger
            WHERE tgrelid = ANY (%(whole)s) AND NOT tgisinternal
    ), needed AS (
        SELECT classid, objid FROM own
        UNION
        SELECT d.refclassid, d.refobjid FROM needed n JOIN pg_catalog.pg_depend d
            ON d.classid = n.classid AND d.objid = n.objid
        WHERE d.refclassid = ANY (ARRAY['pg_catalog.pg_type', 'pg_catalog.pg_proc', 'pg_catalog.pg_collation',
            'pg_catalog.pg_opclass', 'pg_catalog.pg_operator', 'pg_catalog.pg_language', 'pg_catalog.pg_extension',
            'pg_catalog.pg_ts_config']::regclass[])
    ) SELECT DISTINCT n.classid::regclass::text, n.objid::bigint,
        EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = n.classid AND e.objid = n.objid
                AND e.deptype = 'e') FROM needed n"""

_EXTENSIONS: Final = """
    SELECT format('CREATE EXTENSION IF NOT EXISTS %%I SCHEMA %%I', extname, nspname), nspname::text
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.oid = ANY (%s) ORDER BY extname <> 'plpgsql', 1"""
_TYPES: Final = """
    SELECT nspname::text, typname::text, typtype::text FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace WHERE t.oid = ANY (%s) AND typelem = 0 ORDER BY 1, 2"""
_COLLATIONS: Final = """
    SELECT nspname::text, collname::text, collprovider::text, collcollate, collctype,
        coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), collisdeterministic
    FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = collnamespace
    WHERE c.oid = ANY (%s) AND nspname <> 'pg_catalog' ORDER BY 1, 2"""
_FUNCTIONS: Final = """
    SELECT pg_catalog.pg_get_functiondef(p.oid), nspname::text FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace WHERE p.oid = ANY (%s) AND prokind = 'f' ORDER BY p.oid"""
_USAGE: Final = """
    SELECT format('GRANT %%s ON SCHEMA %%I TO %%s', privilege_type, nspname,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END)
    FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(nspacl)
    WHERE nspname = ANY (%s) AND nspname <> 'public' AND grantee <> nspowner ORDER BY 1"""
_UNMADE: Final = {"c": "a composite type", "r": "a range type", "m": "a range type", "b": "a base type"}


def read_prerequisites(
    connection: "Connection", catalog: Catalog, saved: Mapping[Name, Collection[str]], whole: Collection[Name]
) -> Iterator[str]:
    """
    Give the statements that make what the *saved* columns of tables need, *whole* tables with their triggers.

    Raises `RefusedError` for types that no snapshot can make again.
    """
    needed = _needed(connection, catalog, saved, whole)
    extensions = connection.execute(_EXTENSIONS, (needed.get("pg_extension", []),)).fetchall()
    functions = connection.execute(_FUNCTIONS, (needed.get("pg_proc", []),)).fetchall()
    collations = connection.execute(_COLLATIONS, (needed.get("pg_collation", []),)).fetchall()
    types = connection.execute(_TYPES, (needed.get("pg_type", []),)).fetchall()
    unmade = [f"{Name(schema, name)} is {_UNMADE[kind]}" for schema, name, kind in types if kind in _UNMADE]
    if unmade:
        raise RefusedError(
            f"a snapshot cannot make these again: {', '.join(unmade)}.",
            advice="Take a backup instead: postgres.backup.",
        )
    schemas = {name.schema for name in saved} | {row[0] for row in (*collations, *types)}
    schemas |= {row[1] for row in (*extensions, *functions)}
    made = sorted(schemas - {"pg_catalog", "public"})
    yield from (f"CREATE SCHEMA IF NOT EXISTS {quote(name)}" for name in made)
    yield from (row[0] for row in connection.execute(_USAGE, (made,)))
    yield from (row[0] for row in extensions)
    yield from (_collation(*row) for row in collations)
    wanted = {Name(schema, name) for schema, name, _ in types}
    yield from (one.statement for one in read_types(connection) if one.name in wanted)
    yield from (row[0] for row in functions)


def _needed(
    connection: "Connection", catalog: Catalog, saved: Mapping[Name, Collection[str]], whole: Collection[Name]
) -> dict[str, list[int]]:
    given = {
        "oids": [catalog.tables[name].oid for name in saved],
        "columns": ["\x01".join(columns) for columns in saved.values()],
        "whole": [catalog.tables[name].oid for name in whole],
    }
    found: dict[str, list[int]] = {}
    for sort, oid, of_extension in connection.execute(_NEEDED, given):
        if not of_extension:
            found.setdefault(sort.removeprefix("pg_catalog."), []).append(oid)
    return found


def _collation(
    schema: str, name: str, provider: str, collate: str | None, ctype: str | None, locale: str | None, exact: bool
) -> str:
    title = Name(schema, name).sql
    if provider == "i":
        how = f"locale = {literal(locale or collate)}, deterministic = {'true' if exact else 'false'}"
        return f"CREATE COLLATION {title} (provider = icu, {how})"
    return f"CREATE COLLATION {title} (lc_collate = {literal(collate)}, lc_ctype = {literal(ctype)})"
