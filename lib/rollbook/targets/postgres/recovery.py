"""Brings tables back from a database that still has them, and adds columns again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted, StepFailed
from ...migrations.holding import held
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog
from ...postgres.definition import Definition, Reference
from ...postgres.holders import END, OF_TABLES
from ...postgres.names import Name, listed, literal, paired, quote
from ...postgres.passes import Exported
from ...postgres.recovering import ColumnsBack, TablesBack, mark
from ...recovering import PartsBack
from ...schema import encode
from ...tally import tallied
from ...values import Plain
from ..snapshots.rowfile import batched
from .exporting import ROWS_OF, Exports, Write, export_query
from .wording import asked

if TYPE_CHECKING:
    from .session import Connection
    from .target import PostgresTarget

_TRIES: Final = 10
_SEQUENCE: Final = "SELECT last_value, is_called FROM {}"


def tables_back(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """
    Carry out a `TablesBack`: all of it, or nothing. Raises `StepFailed` for rows whose parent is gone.

    `Interrupted` and `Unreachable` leave nothing behind either.
    """
    if not isinstance(op, TablesBack):
        raise target.misplaced(op)
    doing = asked(f"bringing tables back from {op.source}")
    with doing, closing(target.connect(op.source, reading=True)) as source, closing(target.connect()) as live:
        live.execute("SET LOCAL lock_timeout = '5s'")
        run(live, [statement for one in op.schemas for statement in one.statements])
        run(live, [statement for one in op.types for statement in one.statements])
        run(live, [statement for one in op.tables for statement in one.before])
        rows = {str(one.name): _load(live, source, one, execution) for one in op.tables}
        run(live, [statement for one in op.tables for statement in one.after])
        files = tuple(_adopt(live, [key for one in op.tables for key in one.references], op))
        run(live, [f"COMMENT ON TABLE {one.name.sql} IS {literal(mark(op.run))}" for one in op.tables])
        live.commit()
    return told({"rows": sum(rows.values()), "tally": tallied("recovered", rows)}, files)


def told(outputs: Mapping[str, Plain], files: Sequence[Exported]) -> OpResult:
    """Give what an op put back, and the files with what has no place."""
    left = {"files": [one.path for one in files], "exported": encode(tuple(files))}
    return OpResult({**outputs, **left}, tuple(one.written() for one in files))


def run(live: "Connection", statements: Sequence[str]) -> None:
    """Send statements one after the other."""
    for statement in statements:
        live.execute(statement.encode())


def _load(live: "Connection", source: "Connection", one: Definition, execution: Execution) -> int:
    rows = 0
    # A partitioned table has no rows of its own; those of its parts are loaded into the parts.
    if not one.partitioned:
        given = f"COPY (SELECT {listed(one.columns)} FROM ONLY {one.name.sql}) TO STDOUT"
        with ExitStack() as stack:
            read = stack.enter_context(source.cursor().copy(given.encode()))
            write = stack.enter_context(live.cursor().copy(one.loading.encode()))
            for some in batched(map(bytes, read)):
                write.write(b"".join(some))
                rows += len(some)
                _tell(execution, rows, str(one.name))
    for sequence in one.sequences:
        last = source.execute(_SEQUENCE.format(sequence.sql).encode()).fetchone()
        live.execute("SELECT pg_catalog.setval(%s::regclass, %s, %s)", (sequence.sql, *(last or (1, False))))
    return rows


def _tell(execution: Execution, rows: int, name: str) -> None:
    execution.progress(rows, None, "rows")
    if execution.stopping():
        raise Interrupted(f"stopped while the rows of {name} were loaded; nothing of it was kept")


def _adopt(live: "Connection", references: Sequence[Reference], op: TablesBack) -> Iterator[Exported]:
    """Make the foreign keys; where rows' parents are gone, settle those until none is left, and then make them."""
    files: dict[Reference, Exported] = {}
    parents = tuple({one.parent: None for one in references})
    statements = [one.statement for one in references]
    if _ties(live, parents, statements):
        return
    while True:
        broken = [one for one in references if _orphans(live, one)]
        if not broken:
            break
        if op.parents_gone == "stop":
            raise StepFailed(
                "; ".join(
                    f"{_orphans(live, one)} rows of {one} point at rows of {one.parent} that are gone" for one in broken
                ),
                advice="Nothing was brought back. parents_gone: settle empties such references, or leaves rows out.",
            )
        for one in broken:
            if one not in files:
                files[one] = _export(live, one, op.folder)
            _settle(live, one)
    _locking(live, parents, statements)
    yield from files.values()


def _ties(live: "Connection", parents: Sequence[Name], statements: Sequence[str]) -> bool:
    """Make the foreign keys, as the server finds out by that whether every parent is there; else none of them."""
    from psycopg.errors import ForeignKeyViolation

    run(live, ["SAVEPOINT tied"])
    try:
        _locking(live, parents, statements)
    except ForeignKeyViolation:
        run(live, ["ROLLBACK TO SAVEPOINT tied"])
        return False
    return True


def _orphaned(one: Reference) -> str:
    filled = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in one.columns)
    pairs = tuple(zip(one.columns, one.parent_columns, strict=True))
    return f"{filled} AND NOT EXISTS (SELECT FROM {one.parent.sql} p WHERE {paired(pairs, 'c', 'p')})"


def _orphans(live: "Connection", one: Reference) -> int:
    row = live.execute(f"SELECT count(*) FROM {one.child.sql} c WHERE {_orphaned(one)}".encode()).fetchone()
    return row[0] if row else 0


def _export(live: "Connection", one: Reference, folder: str) -> Exported:
    """Keep the rows as they were, for whoever wants to know."""
    query = f"SELECT c.* FROM {one.child.sql} c WHERE {_orphaned(one)}"
    return Exports(Path(folder)).add(
        f"{ROWS_OF}{one.child}: parent gone", file_name("parents-gone", str(one)), exported(live, query)
    )


def exported(live: "Connection", query: str) -> Callable[[Write], int]:
    """Give what writes the rows of *query* as CSV with a head."""
    return lambda write: export_query(live, query, write)


def file_name(*parts: str) -> str:
    """Make the name of a CSV file, whatever letters tables have in theirs."""
    safe = ("".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in part) for part in parts)
    return f"{'-'.join(safe)[:150]}.csv"


def _settle(live: "Connection", one: Reference) -> None:
    if one.nullable:
        cells = ", ".join(f"{quote(name)} = NULL" for name in one.columns)
        live.execute(f"UPDATE {one.child.sql} c SET {cells} WHERE {_orphaned(one)}".encode())
    else:
        live.execute(f"DELETE FROM {one.child.sql} c WHERE {_orphaned(one)}".encode())


def columns_back(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes no time
    """Carry out a `ColumnsBack`, waiting a little for others' locks, again and again. Raises `TargetError`."""
    if not isinstance(op, ColumnsBack):
        raise target.misplaced(op)
    tables = tuple(dict.fromkeys(one.table for one in op.columns))
    with asked("adding columns"), closing(target.connect()) as live:
        patiently(live, tables, lambda: run(live, op.statements()))
    return OpResult()


def parts_back(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:  # noqa: ARG001  # it takes no time
    """Carry out a `PartsBack`; what is refused is told. Raises `TargetError`."""
    import psycopg

    if not isinstance(op, PartsBack):
        raise target.misplaced(op)
    unsettled: list[Plain] = []
    with asked("making again what tables had"), closing(target.connect()) as live:
        for one in op.parts:
            try:
                patiently(live, (Name(one.schema, one.table),), partial(run, live, [one.statement]))
            except (psycopg.ProgrammingError, psycopg.IntegrityError) as error:
                live.rollback()
                unsettled.append(f"{one.statement}: {error.diag.message_primary}")
    return OpResult({"unsettled": unsettled})


def patiently(live: "Connection", tables: Sequence[Name], change: Callable[[], None]) -> None:
    """
    Make a change of tables in a transaction of its own, with a short lock timeout, up to ten times.

    A change that waits long for its lock keeps everybody waiting behind it. Raises `TargetError` naming who holds it.
    """
    from psycopg.errors import LockNotAvailable

    for attempt in range(1, _TRIES + 1):
        try:
            live.execute("SET LOCAL lock_timeout = '5s'")
            change()
        except LockNotAvailable:
            live.rollback()
            _wait(live, tables, attempt)
            live.rollback()
        else:
            live.commit()
            return


def lock(live: "Connection", tables: Sequence[Name], catalog: Catalog, *, whole: bool) -> None:
    """
    Lock tables whose triggers are to be kept quiet, or all of them from everybody, in the transaction that is open.

    Raises `TargetError` naming who holds them.
    """
    busy = {one.relation for one in catalog.triggers}
    wanted = [one for one in tables if whole or one in busy]
    if not wanted:
        return
    ruled = any(one.sort == "RULE" and one.relation in wanted for one in catalog.triggers)  # a reader is in their way
    mode = "ACCESS EXCLUSIVE" if whole or ruled else "SHARE ROW EXCLUSIVE"
    _locking(live, wanted, [f"LOCK TABLE {', '.join(one.sql for one in wanted)} IN {mode} MODE"])


def _locking(live: "Connection", tables: Sequence[Name], statements: Sequence[str]) -> None:
    """Send what takes locks of *tables* within the open transaction; of those it got it keeps none in between."""
    from psycopg.errors import LockNotAvailable

    for attempt in range(1, _TRIES + 1):
        run(live, ["SAVEPOINT locking", "SET LOCAL lock_timeout = '5s'"])
        try:
            run(live, statements)
        except LockNotAvailable:
            run(live, ["ROLLBACK TO SAVEPOINT locking"])
            _wait(live, tables, attempt)
        else:
            return


def _wait(live: "Connection", tables: Sequence[Name], attempt: int) -> None:
    """Wait a little before the next try; after the last one, say who holds the tables."""
    if attempt == _TRIES:
        holders: dict[int, str] = dict(live.execute(OF_TABLES.encode(), ([one.sql for one in tables],)).fetchall())
        raise held(", ".join(map(str, tables)), holders, END)
    time.sleep(attempt)
