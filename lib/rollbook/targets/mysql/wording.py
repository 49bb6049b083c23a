"""Says in words what MySQL or MariaDB refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..sql_errors import explain


@contextmanager
def asked(name: str, doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours while *doing* something on the target *name*."""
    import pymysql
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except pymysql.err.MySQLError as error:
        gone = isinstance(error, pymysql.err.InterfaceError)  # a connection that is closed has no number
        raise explain(name, doing, DBAPIError(None, None, error, connection_invalidated=gone)) from error
