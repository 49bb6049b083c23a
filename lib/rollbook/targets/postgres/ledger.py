"""What the passes write down in the restored database: a schema of their own, dropped after the swap."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.conflict import Conflict
from ...postgres.digest import integer_key
from ...postgres.names import Name, quote
from ...postgres.passes import Mark, Told
from ...postgres.staging import Stage
from ...schema import build, encode
from .session import is_there

if TYPE_CHECKING:
    from .session import Connection

_LOCK: Final = 0x526F6C6C626F6F6B  # "Rollbook"

# Each that is updated or deleted from has a primary key: without one a table that is published takes neither, and
# a publication for all tables has these as well.
_MADE: Final = (
    "CREATE SCHEMA IF NOT EXISTS rollbook",
    """CREATE TABLE IF NOT EXISTS rollbook.passes (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        final boolean NOT NULL, run text NOT NULL,
        number integer NOT NULL, told jsonb NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS rollbook.conflicts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, namespace text NOT NULL,
        relation text NOT NULL, key text[] NOT NULL, about text NOT NULL, settled text NOT NULL, live jsonb,
        backup jsonb, UNIQUE (kind, namespace, relation, key, about))""",
    "CREATE TABLE IF NOT EXISTS rollbook.counted (relation bigint PRIMARY KEY, digest bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rollbook.surveys (relation bigint PRIMARY KEY, digest jsonb, way text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rollbook.sums (relation bigint, chunk bigint, sum text, PRIMARY KEY (relation, chunk))",
    "CREATE TABLE IF NOT EXISTS rollbook.lasts (relation bigint PRIMARY KEY, key bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rollbook.waiting (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, told jsonb)",
    """CREATE TABLE IF NOT EXISTS rollbook.exported (
        namespace text NOT NULL, relation text NOT NULL, key text[] NOT NULL, cells jsonb NOT NULL)""",
)


def open_ledger(connection: "Connection") -> None:
    """
    Make the schema where it is missing.

    Waits until a pass whose process was killed has ended on the server.
    """
    connection.execute("SET LOCAL lock_timeout = 0")
    connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute("SET LOCAL lock_timeout = '60s'")
    for statement in _MADE:
        connection.execute(statement)


def note_last(connection: "Connection", stage: Stage) -> None:
    """Note the backup's last key in a table whose key is one integer; to be done before a row of it is written."""
    if integer_key(stage.table, stage.key):
        query = f"SELECT {stage.table.oid}, coalesce(max(t.{quote(stage.key[0])}), 0) FROM {stage.table.relation} t"
        connection.execute(f"INSERT INTO rollbook.lasts {query}".encode())


def read_last(connection: "Connection", stage: Stage) -> int | None:
    """Give the backup's last key in a table; None where none is known."""
    known = connection.execute("SELECT key FROM rollbook.lasts WHERE relation = %s", (stage.table.oid,)).fetchone()
    return None if known is None else int(known[0])


def forget_conflicts(connection: "Connection", *, but: Collection[Name] = ()) -> None:
    """Forget what did not fit in the pass before: every pass looks anew at it; *but* of some tables it stays known."""
    connection.execute("TRUNCATE rollbook.exported")
    connection.execute(
        "DELETE FROM rollbook.conflicts"
        " WHERE (namespace, relation) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([name.schema for name in but], [name.name for name in but]),
    )


def close_ledger(connection: "Connection", mark: Mark, told: Told, *, final: bool) -> None:
    """Write down that a pass was carried through; it is so when the transaction is committed."""
    connection.execute(
        "INSERT INTO rollbook.passes (final, run, number, told) VALUES (%s, %s, %s, %s::jsonb)",
        (final, mark.run, mark.number, json.dumps(encode(told))),
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass that was carried through."""

    final: bool
    mark: Mark
    told: Told


def last_pass(connection: "Connection") -> Pass | None:
    """Give the latest pass that was carried through; None where there was none."""
    if not is_there(connection, "rollbook.passes"):
        return None
    query = "SELECT final, run, number, told FROM rollbook.passes ORDER BY at DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return None if found is None else Pass(found[0], Mark(found[1], found[2]), build(Told, found[3]))


def overtake(connection: "Connection", mark: Mark) -> None:
    """Write down that a final pass does not stand any more; what it did stays, and another one begins from there."""
    connection.execute(
        "UPDATE rollbook.passes SET told = told || '{\"overtaken\": true}' WHERE final AND run = %s AND number = %s",
        (mark.run, mark.number),
    )


def drop_ledger(connection: "Connection") -> None:
    """Drop the schema; without it a further pass would take rows of the users for rows of the backup."""
    connection.execute("DROP SCHEMA IF EXISTS rollbook CASCADE")


def note_conflicts(connection: "Connection", found: Iterable[Conflict]) -> None:
    """Add conflicts that the merge of single rows found."""
    rows = [
        (one.kind, *one.table, list(one.key), one.about, one.settled, _json(one.live), _json(one.backup))
        for one in found
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rollbook.conflicts (kind, namespace, relation, key, about, settled, live, backup)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb) ON CONFLICT DO NOTHING",
            rows,
        )


def note_exported(
    connection: "Connection", table: Name, found: Iterable[tuple[Sequence[str], Mapping[str, str | None]]]
) -> None:
    """Keep the cells that the users wrote into columns that only live has."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rollbook.exported VALUES (%s, %s, %s, %s::jsonb)",
            [(*table, list(key), _json(cells)) for key, cells in found],
        )


def read_conflicts(connection: "Connection") -> Iterator[Conflict]:
    """Stream the conflicts of the latest pass, in the order in which they were met."""
    with connection.transaction(), connection.cursor("conflicts") as cursor:
        cursor.execute(
            "SELECT kind, namespace, relation, key, about, settled, live, backup FROM rollbook.conflicts ORDER BY id"
        )
        for kind, schema, name, key, *rest in cursor:
            yield Conflict(kind, Name(schema, name), tuple(key), *rest)


def count_conflicts(connection: "Connection") -> Mapping[str, int]:
    """Count the conflicts of the latest pass by kind, table and how they were settled: "kind table settled"."""
    query = (
        "SELECT kind, namespace, relation, settled, count(*) FROM rollbook.conflicts"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    return {
        f"{kind} {Name(schema, name)} {settled}": count
        for kind, schema, name, settled, count in connection.execute(query)
    }


def read_exported(connection: "Connection") -> Iterator[tuple[Name, tuple[str, ...], Mapping[str, str | None]]]:
    """Stream the cells that have no column in the backup: table, key, and the cells by column."""
    with connection.transaction(), connection.cursor("exported") as cursor:
        cursor.execute("SELECT namespace, relation, key, cells FROM rollbook.exported ORDER BY 1, 2, 3")
        for schema, name, key, cells in cursor:
            yield Name(schema, name), tuple(key), cells


def _json(cells: Mapping[str, str | None] | None) -> str | None:
    return None if cells is None else json.dumps(cells)
