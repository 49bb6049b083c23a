"""The SQL that looks a foreign key up for all rows that were written at once, in place of the server's triggers."""

from .catalog import ForeignKey, Table
from .names import listed, paired, quote


def kept_aside(key: ForeignKey, at: int, rows: str) -> str:
    """Make a temporary table of what children may point at in those *rows*, after FROM, of the parent `t`."""
    return f"CREATE TEMP TABLE {_aside(at)} ON COMMIT DROP AS SELECT {listed(key.parent_columns, 't')} FROM {rows}"


def left_alone(key: ForeignKey, at: int, child: Table, parent: Table) -> tuple[str, str]:
    """
    Give the statements that find children of parents that were there before the writes, and are not any more.

    The first leaves aside only those parents; the second gives a row where a child has one of them.
    """
    pairs = tuple(zip(key.parent_columns, key.columns, strict=True))
    same = tuple((name, name) for name in key.parent_columns)
    return (
        f"DELETE FROM pg_temp.{_aside(at)} g USING {parent.relation} f WHERE {paired(same, 'f', 'g')}",
        f"SELECT FROM pg_temp.{_aside(at)} g JOIN {child.relation} c ON {paired(pairs, 'g', 'c')} LIMIT 1",
    )


def astray(key: ForeignKey, parent: Table, written: str) -> str:
    """Give a row where one of those *written*, a relation with a condition, has no parent."""
    filled = " AND ".join(f"s.{quote(name)} IS NOT NULL" for name in key.columns)
    pairs = tuple(zip(key.parent_columns, key.columns, strict=True))
    wrong = f"{filled} AND NOT EXISTS (SELECT FROM {parent.relation} f WHERE {paired(pairs, 'f', 's')})"
    if key.full:
        empty = " AND ".join(f"s.{quote(name)} IS NULL" for name in key.columns)
        wrong = f"({wrong} OR NOT ({filled}) AND NOT ({empty}))"
    return f"SELECT FROM {written} AND {wrong} LIMIT 1"


def _aside(at: int) -> str:
    return f"aside_{at}"
