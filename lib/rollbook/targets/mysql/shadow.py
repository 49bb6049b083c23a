"""Lets pending migrations run on a copy of the live schema of MySQL or MariaDB, and compares catalogs."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...migrations.shadow import ColumnShape, Shape
from ...migrations.shadowing import RECORDS, ShadowRun
from ...mysql.catalog import Catalog
from ...mysql.names import within
from ...ops import Execution, Op, OpResult
from ...snapshots.loading import MARK
from ..shadow import Records, migrate_copy, result_of
from .catalog import read_catalog
from .session import run, texts
from .snapshots import drop_unfinished
from .wording import asked

if TYPE_CHECKING:
    from ..sql import SqlTarget


def shadow_run(target: "SqlTarget", op: Op, execution: Execution) -> OpResult:
    """Make the copy, migrate it, compare it with what it was, and drop it, whatever comes of it."""
    if not isinstance(op, ShadowRun):
        raise target.misplaced(op)
    with asked(target.name, f"copying the schema of {op.live}"), closing(target.connect_mysql()) as connection:
        drop_unfinished(connection, op.database, op.run)
        for statement in op.making:
            run(connection, statement)
    try:
        lacking = _copy(target, op)
        before = _look(target, op)
        migrate_copy(target, op, execution, {})
        return result_of(op, before, _look(target, op), execution, lacking)
    finally:
        with asked(target.name, f"dropping {op.database}"), closing(target.connect_mysql()) as connection:
            run(connection, op.dropping)


def _copy(target: "SqlTarget", op: ShadowRun) -> tuple[str, ...]:
    """Make every table; gives what the schema has besides, which is not copied."""
    with asked(target.name, f"copying the schema of {op.live}"), closing(target.connect_mysql()) as connection:
        live = read_catalog(connection, op.live)
        connection.select_db(op.database)
        run(connection, "SET foreign_key_checks = 0")  # whatever order they come in
        for table in live.tables.values():
            if table.name != MARK:
                run(connection, table.create)
        if RECORDS in live.tables:
            run(connection, f"INSERT INTO {within(op.database, RECORDS)} SELECT * FROM {within(op.live, RECORDS)}")
        connection.commit()
        run(connection, op.marking("scratch"))
    return (*live.others, *(f"trigger {one.name} of {one.table}" for one in live.triggers))


def _look(target: "SqlTarget", op: ShadowRun) -> tuple[Shape, Records]:
    """Read the copy's shape, and which migrations it records; no connection stays open."""
    with asked(target.name, f"reading the tables of {op.database}"), closing(target.connect_mysql()) as connection:
        catalog = read_catalog(connection, op.database)
        there = RECORDS in catalog.tables
        records = texts(connection, f"SELECT app, name FROM {within(op.database, RECORDS)}") if there else []
    return _shape(catalog), frozenset((row[0], row[1]) for row in records)


def _shape(catalog: Catalog) -> Shape:
    return {
        table.name: {one.name: ColumnShape(one.type, one.required) for one in table.columns}
        for table in catalog.tables.values()
        if table.name != MARK
    }
