"""Whether the account may send the statements of a plan, asked of the server without carrying them out."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..ops import SERVER_NOW, Sql
from ..values import Plain, unknowns
from .base import Finding
from .sql_errors import explain, is_denied
from .sql_values import parameters

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from .sql import SqlTarget

_WRITES: Final = ("insert", "update", "delete", "replace")
_INSERT: Final = re.compile(r"\s*insert\s+into\s+(?P<table>\S+)\s*\((?P<columns>[^)]*)\)", re.IGNORECASE)
_SEQUENCES: Final = """
    SELECT DISTINCT s.oid::regclass::text
    FROM pg_attrdef a
    JOIN pg_attribute c ON c.attrelid = a.adrelid AND c.attnum = a.adnum AND NOT c.attisdropped
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = d.refobjid
    WHERE a.adrelid = to_regclass(:name) AND c.attname <> ALL (:given)
      AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') ELSE false END
    ORDER BY 1"""
_ADVICE: Final = "Grant it, or name an account that has it."


def forbidden_writes(target: "SqlTarget", op: Sql) -> Iterator[Finding]:
    """
    Yield a finding for each writing statement of *op* that the server says the account may not send.

    `EXPLAIN` of a statement asks for the same rights as the statement, and writes nothing (MariaDB, MySQL and
    PostgreSQL). SQLite has no accounts. What else an `EXPLAIN` may fail of shows when the statement is sent: a table,
    say, that an earlier step makes.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from .sql import run_text

    if target.family == "sqlite":
        return
    with target.engine.connect() as session:
        for statement in op.statements:
            if not statement.text.lstrip().lower().startswith(_WRITES):
                continue
            given = {name: None if _later(value) else value for name, value in statement.parameters.items()}
            try:
                run_text(session, f"EXPLAIN {statement.text}", parameters(given, target.family))
            except SQLAlchemyError as error:
                if is_denied(error):
                    told = explain(target.name, "asking whether it may be sent", error)
                    yield target.finding("write rights", "missing", told.message, _ADVICE)
            session.rollback()
            if target.family == "postgresql":
                yield from _forbidden_sequences(target, session, statement.text)


def _forbidden_sequences(target: "SqlTarget", session: "Connection", text: str) -> Iterator[Finding]:
    """Ask for the sequences that an INSERT draws its numbers from: `EXPLAIN` does not look at these."""
    from sqlalchemy import text as sql

    inserted = _INSERT.match(text)
    if inserted is None:
        return
    given = [column.strip().strip('"') for column in inserted["columns"].split(",")]
    for (sequence,) in session.execute(sql(_SEQUENCES), {"name": inserted["table"], "given": given}):
        yield target.finding(
            "write rights",
            "missing",
            f"the account may not draw numbers from the sequence {sequence}, as rows of {inserted['table']} do",
            f"GRANT USAGE ON SEQUENCE {sequence} TO the account.",
        )
    session.rollback()


def _later(value: Plain) -> bool:
    """Tell whether a value is known only once the statement is sent."""
    return value == SERVER_NOW or next(unknowns(value), None) is not None
