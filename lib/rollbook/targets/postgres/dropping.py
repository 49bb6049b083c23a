"""Drops one database."""

from contextlib import closing
from typing import TYPE_CHECKING

from ...ops import Execution, OpResult
from ...postgres.names import quote
from ...postgres.swapping import DatabaseDrop
from .swapping import names_of, require_names
from .wording import worded

if TYPE_CHECKING:
    from .target import PostgresTarget


def database_drop(target: "PostgresTarget", op: DatabaseDrop, _execution: Execution) -> OpResult:
    """Drop it where it is still there. Raises ConflictError where its name is another database's by now."""
    with worded("the drop"), closing(target.connect(op.maintenance)) as server:
        server.autocommit = True
        names = names_of(server, (op.oid,))
        if names:
            require_names(names, {op.oid: op.database})
            server.execute(f"DROP DATABASE {quote(op.database)}".encode())
    return OpResult()
