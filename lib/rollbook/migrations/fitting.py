"""Which values of a column do not fit into what it is to become, as a condition in SQL."""

from collections.abc import Iterator
from typing import Final

from .types import Type

_LEAST_OF_DAY: Final = {True: "CAST({0} AS DATE)", False: "date_trunc('day', {0})"}


def misfit(column: str, old: Type, new: Type, *, mysql: bool) -> str | None:
    """
    Give the condition that holds for values of *column* (as SQL has its name) that do not survive in *new*.

    None where that cannot be said in SQL: then each value is to be looked at.
    """
    parts = tuple(_parts(column, old, new, mysql=mysql))
    return " OR ".join(parts) if parts else None


def _parts(column: str, old: Type, new: Type, *, mysql: bool) -> Iterator[str]:
    match old.family, new.family:
        case ("text", "text") | ("integer", "text") if new.size is not None:
            text = column if old.family == "text" else f"CAST({column} AS {'CHAR' if mysql else 'text'})"
            yield f"{'octet_length' if new.octets else 'char_length'}({text}) > {new.size}"
        case ("binary", "binary") if new.size is not None:
            yield f"octet_length({column}) > {new.size}"
        case ("integer" | "decimal" | "float", "integer"):
            yield f"{column} < {new.lowest} OR {column} > {new.highest}"
            if old.family != "integer":
                yield f"{column} <> round({column})"
        case ("integer" | "decimal", "decimal") if new.size is not None:
            yield f"abs({column}) >= {10 ** (new.size - new.scale)}"
            yield f"{column} <> round({column}, {new.scale})"
        case ("integer", "boolean"):
            yield f"{column} NOT IN (0, 1)"
        case ("timestamp", "date"):
            yield f"{column} <> {_LEAST_OF_DAY[mysql].format(column)}"
        case ("timestamp", "timestamp") if old.name == new.name and new.size == 0:
            yield f"MICROSECOND({column}) <> 0" if mysql else f"{column} <> date_trunc('second', {column})"
