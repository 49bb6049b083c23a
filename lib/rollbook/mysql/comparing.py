"""SQL that compares cells and rows of two schemas bit for bit, whatever collations hold for equal."""

from collections.abc import Iterable, Sequence

from .catalog import Column, ForeignKey, Index, Table
from .names import literal, paired, quote, within

_NUMBERS = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "date", "time"}
    | {"datetime", "timestamp", "bit"}
)
_UNORDERED = frozenset({"enum", "set"})  # compared as texts, sorted as numbers


def same(column: Column, left: str, right: str) -> str:
    """Say that two cells of a column, or of columns of one type, have the same value."""
    if column.family in _NUMBERS:
        return f"{left} <=> {right}"
    return f"CAST({left} AS BINARY) <=> CAST({right} AS BINARY)"


def sortable(table: Table, key: Sequence[str]) -> bool:
    """Say whether a table's rows can be gone through by their key."""
    return bool(key) and not any(table.column(name).family in _UNORDERED for name in key)


def told(column: Column, value: str | None) -> str:
    """Write a value of a column that somebody told as text."""
    if value is None or column.family in _NUMBERS or column.collation is None:
        return literal(value)
    return f"CONVERT({literal(value)} USING {column.collation.partition('_')[0]})"


def there(table: Table, schema: str, key: Sequence[str], alias: str) -> str:
    """Say that the table in *schema* has a row with the key of *alias*."""
    same_key = paired(((name, name) for name in key), "h", alias)
    return f"EXISTS (SELECT 1 FROM {within(schema, table.name)} h WHERE {same_key})"


def taken(index: Index, table: Table, schema: str, alias: str, key: Sequence[str]) -> str:
    """Say that another row of the table in *schema* has the unique value that *alias* wants."""
    lengths = index.lengths or (0,) * len(index.columns)
    pairs = [
        f"LEFT(h.{quote(name)}, {length}) = LEFT({alias}.{quote(name)}, {length})"
        if length
        else f"h.{quote(name)} = {alias}.{quote(name)}"
        for name, length in zip(index.columns, lengths, strict=True)
    ]
    other = paired(((name, name) for name in key), "h", alias)
    return f"EXISTS (SELECT 1 FROM {within(schema, table.name)} h WHERE {' AND '.join(pairs)} AND NOT ({other}))"


def parentless(key: ForeignKey, alias: str, parents: Iterable[str]) -> str:
    """Say that *alias* points at a row that none of the tables *parents*, written as SQL, has; at itself it may."""
    pairs = tuple(zip(key.columns, key.parent_columns, strict=True))
    filled = [f"{alias}.{quote(name)} IS NOT NULL" for name in key.columns]
    absent = [f"NOT EXISTS (SELECT 1 FROM {one} p WHERE {paired(pairs, alias, 'p')})" for one in parents]
    if key.child == key.parent:
        absent.append(f"NOT ({paired(pairs, alias, alias)})")
    return " AND ".join([*filled, *absent])


def uniques_over(table: Table, columns: Iterable[str], key: Sequence[str]) -> tuple[Index, ...]:
    """Give the unique indexes that writing *columns* may break, besides the *key* by which rows are known."""
    names = set(columns)
    return tuple(
        one
        for one in table.indexes
        if one.unique and one.columns and names & {*one.columns} and {*one.columns} != {*key}
    )
