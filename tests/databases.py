"""What tests write into PostgreSQL databases, in the schema public."""

from contextlib import closing
from typing import Any

from rollbook.targets.postgres.session import connect


def script(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements; gives the rows of the last one where it has any."""
    with closing(connect(url)) as connection:
        connection.execute("SET search_path = public")
        for statement in statements:
            cursor = connection.execute(statement.encode())
        connection.commit()
        return cursor.fetchall() if cursor.description else []
