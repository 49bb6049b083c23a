"""Whether the account may send the statements of a plan, asked of the server without carrying them out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..ops import SERVER_NOW, Sql
from ..values import Plain, unknowns
from .base import Finding
from .sql_errors import explain, is_denied
from .sql_values import parameters

if TYPE_CHECKING:
    from .sql import SqlTarget

_WRITES: Final = ("insert", "update", "delete", "replace")
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


def _later(value: Plain) -> bool:
    """Tell whether a value is known only once the statement is sent."""
    return value == SERVER_NOW or next(unknowns(value), None) is not None
