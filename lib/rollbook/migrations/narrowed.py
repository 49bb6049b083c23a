"""What a narrowing and the way back leave of a cell, as SQL that the database computes from the cell it was."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..recovering import CELL
from .operation import Narrowing
from .types import Type, loss, parse_type

# A type that can be put into SQL as it is written.
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_ ]*(\([0-9, ]+\)[a-z ]*)?")
_COUNTED: Final = {"smallserial": "smallint", "serial": "integer", "bigserial": "bigint"}


def narrowed_types(narrowing: Iterable[Narrowing]) -> Mapping[str, tuple[str, ...]]:
    """Give the types that columns became one after the other, by table.column."""
    found: dict[str, tuple[str, ...]] = {}
    for one in narrowing:
        if one.to:
            found[one.column] = (*found.get(one.column, ()), one.to)
    return found


def filled_nulls(narrowing: Iterable[Narrowing]) -> Mapping[str, str]:
    """Give what NULL became in columns that may not be NULL any more, as a server reads it, by table.column."""
    found: dict[str, str] = {}
    for one in narrowing:
        if one.filled is not None:
            found.setdefault(one.column, str(int(one.filled) if isinstance(one.filled, bool) else one.filled))
    return found


def left_on_postgres(types: tuple[str, ...], back: str) -> str | None:
    """Give the SQL, with `CELL`, of what *types* and the way back to *back* leave; None for types it cannot read."""
    made = CELL
    for written in _there_and_back(types, back):
        plain = _COUNTED.get(written.lower(), written)
        if not _PLAIN.fullmatch(plain.lower()):
            return None
        made = f"({made})::{plain}"
    return f"({made})"


def left_on_mysql(types: tuple[str, ...], back: str) -> str | None:
    """
    Give the same on MySQL and MariaDB: what ALTER TABLE stores where it is strict, which no cast alone says.

    Of some types it is not known, None then: numbers of texts, floats of single precision, texts limited in bytes.
    """
    made: str | None = CELL
    old = parse_type(back, mysql=True)
    for written in _there_and_back(types, back):
        new = parse_type(written, mysql=True)
        made = None if made is None else _stored(made, old, new)
        old = new
    return made


def _there_and_back(types: tuple[str, ...], back: str) -> tuple[str, ...]:
    return (*types, *reversed(types[:-1]), back)


def _stored(cell: str, old: Type, new: Type) -> str | None:
    """Give what a column of type *new* stores of a cell of type *old*."""
    match old.family, new.family:
        case "text", "text":
            return _shortened(cell, old, new)
        case ("integer" | "boolean", "integer" | "boolean"):
            return cell  # what does not fit is refused
        case ("integer" | "boolean" | "decimal" | "float", "decimal"):
            return f"CAST({cell} AS DECIMAL({new.size}, {new.scale}))"
        case "decimal", "integer":
            return f"ROUND({cell})"
        case "float", "integer":
            return f"CAST({cell} AS SIGNED)"
        case ("integer" | "boolean" | "decimal", "float") if new.size == 53:
            return f"({cell} + 0e0)"
        case "timestamp", "date":
            return f"CAST({cell} AS DATE)"
        case ("date" | "timestamp", "timestamp"):
            return f"CAST({cell} AS DATETIME({new.size}))"
    return cell if old == new else None


def _shortened(cell: str, old: Type, new: Type) -> str | None:
    if loss(old, new) is None:
        return cell
    if new.octets or new.size is None or new.name.startswith(("char(", "char")):
        return None  # a CHAR loses the spaces at its end
    return f"LEFT({cell}, {new.size})"
