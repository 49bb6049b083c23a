"""Rows of MySQL and MariaDB as SQL that makes them again, written by the server itself: exact, in ASCII, by lines."""

from collections.abc import Sequence

from .catalog import Column
from .names import quote

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal"})
_FLOATS = frozenset({"float", "double"})
# Enums and sets by their numbers: what a wrong value left in them has no name.
_NUMBERED = frozenset({"bit", "enum", "set"})
_PLAIN = frozenset({"date", "time", "datetime", "timestamp", "year", "uuid", "inet4", "inet6"})


def row_text(columns: Sequence[Column]) -> str:
    """Give the expression of a row as `(value,…)` with a line feed; NULL where it is longer than a packet may be."""
    cells = ", ',', ".join(_cell(one) for one in columns)
    return f"CAST(CONCAT('(', {cells}, ')\\n') AS BINARY)"


def reading(columns: Sequence[Column], table: str) -> str:
    """Give the query of all rows of *table*, which is quoted already."""
    return f"SELECT {row_text(columns)} AS line FROM {table}"


def adding_up(query: str) -> str:
    """Give the query that counts the rows of `reading`'s, and adds up the first eight bytes of each one's SHA-256."""
    total = "SUM(CAST(CONV(LEFT(SHA2(line, 256), 16), 16, 10) AS UNSIGNED))"
    return f"SELECT COUNT(line), {total} FROM ({query}) AS one"


def _cell(one: Column) -> str:
    name = quote(one.name)
    if one.family in _NUMBERS:
        text = name
    elif one.family in _FLOATS:
        # FLOAT prints six digits; as DOUBLE it prints what it is. Multiplied, also -0 stays as it is.
        text = f"CONCAT('''', {name} * 1e0, '''')"
    elif one.family in _NUMBERED:
        text = f"{name} + 0"
    elif one.family in _PLAIN:
        text = f"CONCAT('''', {name}, '''')"
    elif one.family == "json":
        # MySQL's own type takes no binary text.
        text = f"CONCAT('CONVERT(x''', HEX(CAST({name} AS CHAR CHARACTER SET utf8mb4)), ''' USING utf8mb4)')"
    else:
        text = f"CONCAT('x''', HEX({name}), '''')"
    return f"IFNULL({text}, 'NULL')"
