"""Operations as a table for people, who must agree to them by name."""

from collections.abc import Iterable, Sequence

from .operation import Operation

_SQL = 100
_WORDS = {
    "destroys_table": "DESTROYS TABLE",
    "destroys_column": "DESTROYS COLUMN",
    "narrows": "NARROWS",
    "deletes_rows": "DELETES ROWS",
    "rewrites": "WRITES OVER",
    "undetermined": "UNDETERMINED",
    "renames": "renames",
    "harmless": "harmless",
}

# Their notes name what they are about.
_TELLING = ("narrows", "renames")


def told(operation: Operation) -> str:
    """Give what an operation does, on one line."""
    if operation.effect in _TELLING and operation.note and not operation.sql:
        return operation.note
    more = [f"({operation.note})"] if operation.note else []
    if operation.sql:
        sql = " ".join(operation.sql.split())
        more.append(f"SQL: {sql if len(sql) <= _SQL else sql[:_SQL] + ' …'}")
    if operation.undetermined and operation.location:
        more.append(f"at {operation.location}")
    return " ".join(part for part in (", ".join(operation.things), *more) if part)


def table(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Give a line for each operation that is not harmless."""
    return aligned([(str(one), _WORDS[one.effect], told(one)) for one in operations if one.effect != "harmless"])


def aligned(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Put cells below one another; the last ones stay as they are."""
    if not rows:
        return ()
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    return tuple(
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    )
