"""Writes the rows of a query to a CSV file on this machine, streamed."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import Interrupted
from ...ops import Execution, Op, OpResult, WrittenFile
from ...postgres.exporting import CsvExport
from ..export import LinesFile
from ..sql_values import parameters
from .exporting import Write, export_query
from .wording import asked

if TYPE_CHECKING:
    from .target import PostgresTarget

_EVERY: Final = 5_000


def export_csv(target: "PostgresTarget", op: Op, execution: Execution) -> OpResult:
    """Carry out a `CsvExport` in one read-only snapshot. Raises `TargetError`, `Unreachable` or `Interrupted`."""
    if not isinstance(op, CsvExport):
        raise target.misplaced(op)
    with ExitStack() as stack:
        stack.enter_context(asked(f"exporting to {op.path}"))
        connection = stack.enter_context(closing(target.connect(op.database, reading=True)))
        connection.execute("RESET search_path")  # names in the query mean what they mean to the site
        file = stack.enter_context(LinesFile(Path(op.path)))
        given = parameters(op.parameters, "postgresql")
        rows = export_query(connection, bound_query(op.query), _watched(file.write, op, execution), given)
    written = WrittenFile(op.path, file.size, file.sha256)
    return OpResult({"rows": rows, "path": op.path, "sha256": file.sha256, "size": file.size}, (written,))


def _watched(write: Write, op: CsvExport, execution: Execution) -> Write:
    rows = -1  # the head is no row

    def watched(row: bytes) -> None:
        nonlocal rows
        write(row)
        rows += 1
        if rows > 0 and rows % _EVERY == 0:
            execution.progress(rows, None, "rows")
            if execution.stopping():
                raise Interrupted(f"the export to {op.path} was stopped; the file was not written")

    return watched


def bound_query(query: str) -> str:
    """Write `:name` as the driver has it; COPY takes one query only, and the connection none that writes."""
    from sqlalchemy import text
    from sqlalchemy.dialects.postgresql import psycopg

    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its constructors untyped
    return str(text(query.strip().rstrip(";")).compile(dialect=dialect))
