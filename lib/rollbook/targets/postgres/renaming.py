"""Tells what migrations renamed in a base, and keeps what the other of two databases calls what this one has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, Table
from ...postgres.horizon import Since
from ...postgres.names import Name, quote
from ...postgres.renames import Lasting, Renamed, Renames, lasting_since, renames
from ...schema import build, encode
from .catalog import read_catalog
from .session import is_there

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
# What is a partition by now is what it is a part of, whose columns are called alike.
_STILL: Final = """
    SELECT o.namespace, o.name, o.attribute, n.nspname, r.relname, a.attname, c.relispartition
    FROM rollbook.numbers o JOIN pg_catalog.pg_class c ON c.oid = o.relation
    JOIN pg_catalog.pg_class r
      ON r.oid = CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid) ELSE c.oid END
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.number AND NOT a.attisdropped
    ORDER BY 4, 5, o.number"""
_MADE: Final = "CREATE TABLE IF NOT EXISTS rollbook.renamed (told jsonb NOT NULL)"


def note_names(base: "Connection") -> None:
    """Note in the ledger's schema of a base, before it is migrated, what its tables and columns are called."""
    base.execute("CREATE SCHEMA IF NOT EXISTS rollbook")
    base.execute(_NUMBERS)


def settle_renames(base: "Connection") -> None:
    """Keep in a base that was migrated what is renamed in it, so that no pass need look again."""
    found = base_renames(base)
    base.execute("CREATE SCHEMA IF NOT EXISTS rollbook")
    keep_renames(base, found)


def base_renames(base: "Connection") -> Renames:
    """Tell what migrations renamed in a base since that was noted; nothing where it was not."""
    settled = _read(base)
    if settled is not None:
        return settled
    if not is_there(base, "rollbook.numbers"):
        return Renames()
    lasting = _lasting(base)
    found = renames(lasting)
    if not found.tables and not found.columns:
        return found
    return _settled(base, found, lasting)


def _lasting(base: "Connection") -> list[Lasting]:
    """
    Give the columns that are there still.

    A table that became a partition goes on in a table that was made for it, but not in one with rows of others.
    """
    rows = [
        (part, Lasting(Name(*row[:2]), row[2], Name(*row[3:5]), row[5]))
        for *row, part in base.execute(_STILL).fetchall()
    ]
    before = {name: {one.before for _, one in rows if one.since == name} for name in {one.since for _, one in rows}}
    own = {one.since for part, one in rows if not part}
    return [one for part, one in rows if not part or (one.since not in own and len(before[one.since]) == 1)]


def live_renames(live: "Connection", since: Since | None) -> Renames:
    """Tell what was renamed in live since a backup of it; nothing where that is not known."""
    lasting = [] if since is None else list(lasting_since(since))
    found = renames(lasting)
    return _settled(live, found, lasting) if found.tables or found.columns else found


def _settled(base: "Connection", found: Renames, lasting: list[Lasting]) -> Renames:
    """Tell what was renamed from what was put aside while it was made anew, by what the new one holds."""
    catalog = read_catalog(base)
    there = {one.since for one in lasting}
    for since, before in sorted(found.tables.items()):
        if before in catalog.tables and before not in there and _is_made_anew(base, catalog, since, before, lasting):
            found = found.without_table(since)
    for table, column, earlier in list(_contested(found, catalog, lasting)):
        if _was_filled(base, catalog.tables[table], column, earlier):
            found = found.without_column(table, column)
    return found


def _was_filled(base: "Connection", table: Table, aside: str, new: str) -> bool:
    """
    Say whether a new column was filled from the one put aside: half of its cells hold the same, and not all one value.

    So a default, or what is empty in both, is no sign. Values of two types are the same where one reads as the other.
    """
    from psycopg import Error

    was, now = f"t.{quote(aside)}", f"t.{quote(new)}"
    types = table.column(aside).type, table.column(new).type
    for same in (f"{was}::text::{types[1]} = {now}", f"{now}::text::{types[0]} = {was}", f"{was}::text = {now}::text"):
        query = (
            f"SELECT count(*) FILTER (WHERE {same}), count({was}), count(DISTINCT {was}::text) FILTER (WHERE {same})"
            f" FROM {table.relation} AS t"
        )
        try:
            with base.transaction():
                alike, filled, values = base.execute(query.encode()).fetchone() or (0, 0, 0)
        except Error:
            continue  # values of the one are none of the other, or they are not compared
        return bool(alike * 2 >= filled and values > 1)
    return False


def _is_made_anew(base: "Connection", catalog: Catalog, since: Name, before: Name, lasting: list[Lasting]) -> bool:
    """Say whether a table has most of the columns that the one put aside had, and at least half of its rows, by key."""
    new, old = catalog.tables[before], catalog.tables[since]
    columns = {one.called: one.column for one in lasting if one.since == since}
    shared = {called: column for called, column in columns.items() if column in new.names}
    if len(shared) * 2 <= len(columns):
        return False
    key = next((one.columns for one in old.keys if {*one.columns} <= shared.keys()), ())
    part = f"(SELECT count(*) FROM {new.relation})"
    if key:
        same = " AND ".join(f"o.{quote(one)}::text = n.{quote(shared[one])}::text" for one in key)
        part = f"(SELECT count(*) FROM {old.relation} AS o JOIN {new.relation} AS n ON {same})"
    return _half(base, part, f"(SELECT count(*) FROM {old.relation})", "(SELECT) AS t")


def _contested(found: Renames, catalog: Catalog, lasting: list[Lasting]) -> Iterator[tuple[Name, str, str]]:
    """Give each renamed column whose old name a new one has: its table, its name, and the old one."""
    there = {(one.since, one.called) for one in lasting}
    for table, own in found.columns.items():
        for column, earlier in own.items():
            if table in catalog.tables and earlier in catalog.tables[table].names and (table, earlier) not in there:
                yield table, column, earlier


def _half(base: "Connection", part: str, whole: str, source: str) -> bool:
    row = base.execute(f"SELECT {part}, {whole} FROM {source}".encode()).fetchone() or (0, 0)
    return 0 < int(row[1]) <= int(row[0]) * 2  # none of none is no sign


def keep_renames(connection: "Connection", there: Renames) -> None:
    """Keep what another database calls what this one has; the ledger's schema is there."""
    connection.execute(_MADE)
    connection.execute("TRUNCATE rollbook.renamed")
    told = json.dumps(encode(_Entry(there.rows(), there.anew)))
    connection.execute("INSERT INTO rollbook.renamed VALUES (%s::jsonb)", (told,))


def read_renames(connection: "Connection") -> Renames:
    """Read it; nothing where none was kept."""
    return _read(connection) or Renames()


def _read(connection: "Connection") -> Renames | None:
    if not is_there(connection, "rollbook.renamed"):
        return None
    row = connection.execute("SELECT told FROM rollbook.renamed").fetchone()
    if row is None:
        return None
    entry = build(_Entry, row[0])
    return replace(Renames.of(entry.rows), anew=entry.anew)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stands in the ledger."""

    rows: tuple[Renamed, ...]
    anew: tuple[str, ...] = ()
