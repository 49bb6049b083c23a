"""Columns that only live has, and what of them is to be exported, for it has no place in the database gone back to."""

import re
from collections.abc import Sequence
from typing import Final

from .catalog import Column, Table
from .names import listed, quote
from .shape import Shape

_LITERAL: Final = re.compile(r"(?:'(?:[^']|'')*'|[+-]?[\d.]+|true|false)(?:::[\w \".\[\]()]+)?", re.ASCII)


def unseen(backup: Table, live: Table, lined: Shape) -> tuple[Column, ...]:
    """
    Give the columns of live that have no place and that the merge does not look at, since base lacks them.

    That is so wherever there is no base, and for a column that was added otherwise than by the deploy's migrations.
    """
    there = {column.name for column in backup.columns} | set(lined.only_live)
    return tuple(column for column in live.columns if column.name not in there and not column.generated)


def filled(live: Table, key: Sequence[str], columns: Sequence[Column]) -> str:
    """
    Give the query of the rows that hold something in *columns*: their key, or all of a row without one, and the cells.

    Whether users or the migration wrote it, nothing tells; a constant default is no user's.
    """
    shown = listed((*key, *(column.name for column in columns)) if key else [one.name for one in live.columns], "t")
    holds = " OR ".join(_holds(column) for column in columns)
    return f"SELECT {shown} FROM {live.relation} AS t WHERE {holds}"


def _holds(column: Column) -> str:
    cell = f"t.{quote(column.name)}"
    if column.default is None or not _LITERAL.fullmatch(column.default):
        return f"{cell} IS DISTINCT FROM NULL"
    return f"({cell} IS DISTINCT FROM NULL AND {cell}::text <> ({column.default})::text)"
