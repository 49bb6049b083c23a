"""Lets pending migrations run on a copy of the live database's schema, and compares catalogs."""

from contextlib import closing
from typing import TYPE_CHECKING, Final

from ...migrations.shadow import ColumnShape, Shape
from ...migrations.shadowing import COPY, RECORDS, ShadowRun
from ...ops import Execution, OpResult
from ...postgres.names import Name
from ...postgres.programs import conninfo
from ..shadow import Records, migrate_copy, result_of
from .programs import end_earlier, environment, host_of, run_program
from .restore import drop_unfinished, maintenance
from .sessions import drop_with_sessions

if TYPE_CHECKING:
    from .target import PostgresTarget

_SHAPE: Final = """
    SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY n.nspname, c.relname, a.attnum"""

_RECORDS: Final = """
    SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %s AND c.relkind = 'r'"""


def shadow_run(target: "PostgresTarget", op: ShadowRun, execution: Execution) -> OpResult:
    """Make the copy, migrate it, compare it with what it was, and drop it, whatever comes of it."""
    end_earlier(target, host_of(target, op.programs_on), execution)
    with maintenance(target, execution) as connection:
        drop_unfinished(connection, op.database, op.run, advice="Look at it, and drop it by hand.")
        for statement in op.making:
            connection.execute(statement.encode())
    try:
        _copy(target, op, execution)
        with maintenance(target, execution) as connection:
            connection.execute(op.marking("scratch").encode())
        before = _look(target, op.database)
        more = {**environment(target, host_of(target, op.host), execution), "PGDATABASE": op.database}
        migrate_copy(target, op, execution, more)
        return result_of(op, before, _look(target, op.database), execution)
    finally:
        with maintenance(target, execution) as connection:
            drop_with_sessions(connection, op.database)


def _copy(target: "PostgresTarget", op: ShadowRun, execution: Execution) -> None:
    if op.programs is None:
        raise target.misplaced(op)
    shape, _ = _look(target, op.live)
    recorded = RECORDS if any(name.rpartition(".")[2] == RECORDS for name in shape) else ""
    names = (op.programs.folder, conninfo(op.live), conninfo(op.database), recorded)
    run_program(target, host_of(target, op.programs_on), ("sh", "-c", COPY, "pg_dump", *names), execution)


def _look(target: "PostgresTarget", database: str) -> tuple[Shape, Records]:
    """Read a database's shape, and which migrations it records; no connection stays open."""
    shape: dict[str, dict[str, ColumnShape]] = {}
    records: set[tuple[str, str]] = set()
    with closing(target.connect(database)) as connection:
        for schema, table, column, type_, required in connection.execute(_SHAPE).fetchall():
            shape.setdefault(str(Name(schema, table)), {})[column] = ColumnShape(type_, required)
        for (schema,) in connection.execute(_RECORDS, (RECORDS,)).fetchall():
            rows = connection.execute(f"SELECT app, name FROM {Name(schema, RECORDS).sql}".encode()).fetchall()
            records |= {(str(app), str(name)) for app, name in rows}
    return shape, frozenset(records)
