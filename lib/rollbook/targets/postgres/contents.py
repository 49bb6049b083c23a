"""Reads what the tables of a database hold, for a manifest or to compare with one: rows, and sums of their hashes."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, Table
from ...postgres.digest import integer_key, is_dense, make_digest
from ...postgres.manifest import ColumnType, Depth, TableContent
from ...postgres.names import quote
from .catalog import read_catalog
from .sums import read_sums

if TYPE_CHECKING:
    from .session import Connection

_LARGE_OBJECTS = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"

Told = Callable[[int], None]  # is told how many rows were read


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database held in one snapshot; *sums* is the text of all tables' sums, one table after the other."""

    catalog: Catalog
    tables: tuple[TableContent, ...]
    sums: bytes
    large_objects: int


def read_contents(connection: "Connection", depth: Depth) -> Contents:
    """Read as the connection's transaction sees it, which must be one that keeps its snapshot."""
    catalog = read_catalog(connection)
    found: list[TableContent] = []
    sums = bytearray()
    for table in sorted(catalog.tables.values(), key=lambda one: one.name):
        if depth == "none":
            continue
        content = _counted(connection, table)
        if depth == "full":
            part = _sums(connection, content, table)
            content = _located(content, offset=len(sums), part=part)
            sums += part
        found.append(content)
    row = connection.execute(_LARGE_OBJECTS).fetchone()
    return Contents(catalog, tuple(found), bytes(sums), row[0] if row else 0)


def _counted(connection: "Connection", table: Table) -> TableContent:
    key = table.keys[0].columns if table.keys else ()
    rows, dense = 0, False
    if integer_key(table, key):
        name = quote(key[0])
        query = f"SELECT count(*), min(t.{name}), max(t.{name}) FROM {table.relation} AS t"
        rows, lowest, highest = connection.execute(query).fetchone() or (0, 0, 0)
        dense = is_dense(rows, lowest or 0, highest or 0)
    else:
        counted = connection.execute(f"SELECT count(*) FROM {table.relation} AS t").fetchone()
        rows = counted[0] if counted else 0
    columns = tuple(sorted(column.name for column in table.columns))
    majors = (connection.info.server_version // 10_000,)
    digest = make_digest(table, table, key, columns, dense=dense, rows=rows, majors=majors)
    return TableContent(
        schema=table.name.schema,
        name=table.name.name,
        rows=rows,
        key=key,
        columns=tuple(ColumnType(name, table.column(name).type) for name in columns),
        partitioned=table.partitioned,
        ranged=digest.ranged,
        buckets=digest.buckets,
        quick=digest.quick,
        texts=digest.texts,
    )


def _located(content: TableContent, *, offset: int, part: bytes) -> TableContent:
    return replace(content, offset=offset, length=len(part), sha256=hashlib.sha256(part).hexdigest())


def _sums(connection: "Connection", content: TableContent, table: Table) -> bytes:
    if not content.columns:  # a table without columns has rows, and nothing in them
        return f"0\t{content.rows}\t0\n".encode()
    found = read_sums(connection, content.digest(), content.relation(table))
    return b"".join(b"%d\t%s\n" % one for one in sorted(found.items()))


def differing(connection: "Connection", wanted: Sequence[TableContent], told: Told) -> tuple[str, ...]:
    """
    Compare a database with what a manifest says of it; give a line for each table that is not as it says.

    *connection* is in a transaction that keeps its snapshot; *told* is told the rows after each table.
    """
    catalog = read_catalog(connection)
    tables = {content.title: content for content in wanted}
    problems = [f"{name} is not there" for name in sorted(tables) if name not in catalog.tables]
    problems += [f"{name} is there, and is not in the backup" for name in sorted(catalog.tables) if name not in tables]
    for name, content in sorted(tables.items()):
        if name in catalog.tables:
            problems += _differs(connection, content, catalog.tables[name])
            told(content.rows)
    return tuple(problems)


def _differs(connection: "Connection", content: TableContent, table: Table) -> list[str]:
    lacking = [column.name for column in content.columns if column.name not in {one.name for one in table.columns}]
    if lacking:
        return [f"{content.title} lacks the column {', '.join(lacking)}"]
    row = connection.execute(f"SELECT count(*) FROM {table.relation} AS t").fetchone()
    rows = row[0] if row else 0
    if rows != content.rows:
        return [f"{content.title} has {rows} rows instead of {content.rows}"]
    if content.sha256 and hashlib.sha256(_sums(connection, content, table)).hexdigest() != content.sha256:
        return [f"{content.title} has {rows} rows as in the backup, of which some have other contents"]
    return []
