"""
Tells in which schema of PostgreSQL a model's table lies, for Django names it without, or in a way of the site's own.

Sent as text before what asks, so it imports nothing of Rollbook, and is valid for Python 3.8 and Django 3.2.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

WHERE = """
    SELECT COALESCE((
        SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND pg_catalog.pg_table_is_visible(c.oid)
            AND c.relpersistence <> 't'), pg_catalog.current_schema(), 'public')"""

NAMED = """
    SELECT n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
        AND (n.nspname = 'public' OR pg_catalog.pg_table_is_visible(c.oid))
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""


def parted(name: "str") -> "list[str]":
    """Part a db_table that holds a schema as well: other"."ledger, which Django puts into quotes as it is."""
    return name.strip('"').split('"."', 1)


def placed(connection: "BaseDatabaseWrapper", name: "str") -> "str":
    """Give a table's name, with its schema where that is not public; one that is not there gets that of new ones."""
    if connection.vendor != "postgresql":
        return name
    *schemas, table = parted(name)
    if not schemas:
        with connection.cursor() as cursor:
            cursor.execute(WHERE, [table])
            schemas = list(cursor.fetchone())
    return table if schemas == ["public"] else f"{schemas[0]}.{table}"


def places(connection: "BaseDatabaseWrapper") -> "dict[str, str]":
    """Give the names of tables that SQL names without a schema; as that of "" where others are, unless in public."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.current_schema()")
        others = cursor.fetchone()[0] or "public"
        cursor.execute(NAMED)
        rows = cursor.fetchall()
    if others == "public" and all(schema == "public" for schema, *_ in rows):
        return {}
    found = {table: table for schema, table, seen in rows if schema == "public"}
    found.update({table: f"{schema}.{table}" for schema, table, seen in rows if seen and schema != "public"})
    return found if others == "public" else {**found, "": others}
