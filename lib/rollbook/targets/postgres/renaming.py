"""Tells what migrations renamed in a base, and keeps what the other of two databases calls what this one has."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ...postgres.catalog import Catalog
from ...postgres.names import Name, quote
from ...postgres.renames import Kept, Renamed, Renames, renames
from ...schema import build, encode
from .catalog import read_catalog

if TYPE_CHECKING:
    from .session import Connection

_NUMBERS: Final = """
    CREATE TABLE IF NOT EXISTS rollbook.numbers AS
    SELECT c.oid::bigint AS relation, n.nspname::text AS namespace, c.relname::text AS name, a.attnum AS number,
           a.attname::text AS attribute
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
      AND n.nspname NOT IN ('information_schema', 'rollbook')"""
_STILL: Final = """
    SELECT o.namespace, o.name, o.attribute, n.nspname, c.relname, a.attname
    FROM rollbook.numbers o JOIN pg_catalog.pg_class c ON c.oid = o.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.number AND NOT a.attisdropped
    ORDER BY 4, 5, o.number"""
_KNOWN: Final = "SELECT pg_catalog.to_regclass(%s) IS NOT NULL"
_MADE: Final = "CREATE TABLE IF NOT EXISTS rollbook.renamed (told jsonb NOT NULL)"


def note_names(base: "Connection") -> None:
    """Note in the ledger's schema of a base, before it is migrated, what its tables and columns are called."""
    base.execute("CREATE SCHEMA IF NOT EXISTS rollbook")
    base.execute(_NUMBERS)


def base_renames(base: "Connection") -> Renames:
    """Tell what migrations renamed in a base since that was noted; nothing where it was not."""
    if base.execute(_KNOWN, ("rollbook.numbers",)).fetchone() != (True,):
        return Renames()
    kept = [Kept(Name(*row[:2]), row[2], Name(*row[3:5]), row[5]) for row in base.execute(_STILL)]
    found = renames(kept)
    if not found.tables and not found.columns:
        return found
    return _settled(base, found, kept)


def _settled(base: "Connection", found: Renames, kept: list[Kept]) -> Renames:
    """Tell what was renamed from what was put aside while it was made anew, by what the new one holds."""
    catalog = read_catalog(base)
    there = {one.since for one in kept}
    for since, before in sorted(found.tables.items()):
        if before in catalog.tables and before not in there and _is_made_anew(base, catalog, since, before, kept):
            found = found.without_table(since)
    for table, column, earlier in list(_contested(found, catalog, kept)):
        same = f"t.{quote(column)}::text IS NOT DISTINCT FROM t.{quote(earlier)}::text"
        if _half(base, f"count(*) FILTER (WHERE {same})", "count(*)", f"{catalog.tables[table].relation} AS t"):
            found = found.without_column(table, column)
    return found


def _is_made_anew(base: "Connection", catalog: Catalog, since: Name, before: Name, kept: list[Kept]) -> bool:
    """Say whether a table has the columns that the one put aside had, and at least half as many rows."""
    new, old = catalog.tables[before], catalog.tables[since]
    if not {one.column for one in kept if one.since == since} <= {*new.names}:
        return False
    part, whole = (f"(SELECT count(*) FROM {one.relation})" for one in (new, old))
    return _half(base, part, whole, "(SELECT) AS t")


def _contested(found: Renames, catalog: Catalog, kept: list[Kept]) -> Iterator[tuple[Name, str, str]]:
    """Give each renamed column whose old name a new one has: its table, its name, and the old one."""
    there = {(one.since, one.called) for one in kept}
    for table, own in found.columns.items():
        for column, earlier in own.items():
            if table in catalog.tables and earlier in catalog.tables[table].names and (table, earlier) not in there:
                yield table, column, earlier


def _half(base: "Connection", part: str, whole: str, source: str) -> bool:
    row = base.execute(f"SELECT {part}, {whole} FROM {source}".encode()).fetchone() or (0, 0)
    return int(row[0]) * 2 >= int(row[1])


def keep_renames(connection: "Connection", there: Renames) -> None:
    """Keep what another database calls what this one has; the ledger's schema is there."""
    connection.execute(_MADE)
    connection.execute("TRUNCATE rollbook.renamed")
    connection.execute("INSERT INTO rollbook.renamed VALUES (%s::jsonb)", (json.dumps(encode(there.rows())),))


def read_renames(connection: "Connection") -> Renames:
    """Read it; nothing where none was kept."""
    if connection.execute(_KNOWN, ("rollbook.renamed",)).fetchone() != (True,):
        return Renames()
    row = connection.execute("SELECT told FROM rollbook.renamed").fetchone()
    return Renames() if row is None else Renames.of(build(tuple[Renamed, ...], row[0]))
