"""Opens connections to PostgreSQL that write every value the same way, whatever the server's settings are."""

from typing import TYPE_CHECKING, Final

from ...errors import Unreachable

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

    Connection = psycopg.Connection[TupleRow]

SETTINGS: Final = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "row_security": "off",  # a policy that hides rows is an error, not a smaller table
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "jit": "off",  # it compiles for longer than any of our statements gains
    "idle_in_transaction_session_timeout": "0",
}


def connect(url: str, *, label: str = "rollbook", reading: bool = False) -> "Connection":
    """
    Connect to the database at *url*, under the pinned settings; *reading* opens one snapshot that cannot write.

    Raises Unreachable. Closing the connection without a commit takes back whatever it wrote.
    """
    import psycopg

    address = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        opened = psycopg.connect(
            address, application_name=label[:63], client_encoding="UTF8", connect_timeout=10, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        missing = "database " in str(error) and " does not exist" in str(error)
        advice = "Correct the name of the database." if missing else "Check the target's address."
        raise Unreachable(f"PostgreSQL did not answer: {error}".strip(), advice=advice) from error
    opened.autocommit = True
    settings = ", ".join("pg_catalog.set_config(%s, %s, false)" for _ in SETTINGS)
    opened.execute(f"SELECT {settings}".encode(), [part for setting in SETTINGS.items() for part in setting])
    opened.autocommit = False
    if reading:
        opened.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        opened.read_only = True
    return opened


def is_there(connection: "Connection", table: str) -> bool:
    """Say whether a database has a table, given as SQL has its name."""
    return connection.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (table,)).fetchone() == (True,)


def connect_beside(url: str, first: "Connection") -> "Connection":
    """Connect once more to the database at *url*, to read what *first* reads there: it has the same snapshot."""
    row = first.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
    opened = connect(url, reading=True)
    opened.execute(f"SET TRANSACTION SNAPSHOT '{row[0] if row else ''}'".encode())
    return opened
