"""A time limit of one query's own, below that of its target."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def limit(session: "Connection", seconds: float) -> None:
    """Have the server end what *session* asks next once it takes longer; SQLite knows no such limit."""
    thousandths = max(1, round(seconds * 1000))
    match session.dialect.name:
        case "postgresql":
            session.exec_driver_sql(f"SET LOCAL statement_timeout = {thousandths}")
        case "mysql" | "mariadb":
            session.detach()  # the limit is the connection's, which nobody else is to get
            # Each server reads the comment with its own word for it.
            own = f"/*M!100101 , max_statement_time = {thousandths / 1000} */"
            session.exec_driver_sql(f"SET @limited = 1 {own} /*!50708 , max_execution_time = {thousandths} */")
