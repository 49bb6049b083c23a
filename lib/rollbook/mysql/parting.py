"""Tables of which only some columns are made, and stand-ins for others' keys."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from .catalog import Catalog, Column, ForeignKey, Table, Trigger
from .definition import later_indexes
from .names import listed, literal, quote
from .words import lines, names, options, words

PART: Final = "rollbook part of a table"
STAND_IN: Final = "rollbook stand-in for a table"


def companions(table: Table, catalog: Catalog, doomed: Collection[str]) -> tuple[str, ...]:
    """Give the columns that the keys, checks and computed cells of the *doomed* are over."""
    known = {column.name for column in table.columns}
    concerned = [{*names(line)} & known for line in _held(table)]
    concerned += [{*names(column.definition)} & known | {column.name} for column in table.columns if column.generated]
    concerned += [{*one.columns} for one in catalog.foreign_keys if one.child == table.name]
    found = {name for over in concerned if over & {*doomed} for name in over}
    return tuple(column.name for column in table.columns if column.name in found and column.name not in doomed)


def part(table: Table, columns: Collection[str], doomed: Collection[str], keys: Sequence[ForeignKey]) -> str:
    """Give the CREATE TABLE of only *columns* of a table, with what is over these alone, and foreign *keys*."""
    kept = [one for one in table.columns if one.name in columns]
    own = [f"{quote(one.name)} {one.definition if one.name in doomed else _plain(one)}" for one in kept]
    known = {column.name for column in table.columns}
    held = [line for line in _held(table) if ({*names(line)} & known) <= {*columns} and _over(line, known)]
    return _made(table, [*own, *held, *_tied(table, keys)], PART)


def stand_in(table: Table, keys: Sequence[ForeignKey]) -> str:
    """Give the CREATE TABLE that only holds the foreign *keys* of a table, for whoever wants to make them again."""
    columns = dict.fromkeys(name for key in keys for name in key.columns)
    own = [f"{quote(name)} {_type(table.column(name))}" for name in columns]
    indexes = [f"KEY ({listed(key.columns)})" for key in keys]
    return _made(table, [*own, *indexes, *_tied(table, keys)], STAND_IN)


def rows_first(name: str, create: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """
    Part a CREATE TABLE into what makes it for its rows, and into what makes its indexes and its foreign keys then.

    Sorted and written at once, indexes take a small part of what they take row by row.
    """
    body = lines(create)
    later = later_indexes(body)
    tied = tuple(line for line in body if words(line)[2:4] == ("FOREIGN", "KEY"))
    first = ",\n  ".join(line for line in body if line not in {*later, *tied})
    made = f"CREATE TABLE {quote(name)} (\n  {first}\n) {options(create)}"
    return made, _adding(name, later), _adding(name, tied)


def _adding(name: str, parts: Sequence[str]) -> tuple[str, ...]:
    return (f"ALTER TABLE {quote(name)} {', '.join(f'ADD {one}' for one in parts)}",) if parts else ()


def trigger_statements(one: Trigger) -> Iterator[str]:
    """Make a trigger as it was made first, and leave the session as it is otherwise."""
    account, _, host = one.definer.rpartition("@")
    yield f"SET SESSION sql_mode = {literal(one.sql_mode)}"
    yield (
        f"CREATE DEFINER = {quote(account)}@{quote(host)} TRIGGER {quote(one.name)} {one.timing} {one.event} "
        f"ON {quote(one.table)} FOR EACH ROW {one.body}"
    )
    yield "SET SESSION sql_mode = @rollbook_mode"


def _tied(table: Table, keys: Sequence[ForeignKey]) -> Iterator[str]:
    """Give the lines of foreign keys."""
    wanted = {key.name for key in keys}
    return (line for line in lines(table.create) if " FOREIGN KEY " in line and names(line)[0] in wanted)


def _held(table: Table) -> tuple[str, ...]:
    """Give the lines of keys and checks."""
    return tuple(line for line in lines(table.create) if not line.startswith("`") and " FOREIGN KEY " not in line)


def _over(line: str, known: Collection[str]) -> bool:
    return any(name in known for name in names(line))


def _plain(column: Column) -> str:
    return f"{_type(column)}{' NOT NULL' if column.required else ''}"


def _type(column: Column) -> str:
    return f"{column.type} COLLATE {column.collation}" if column.collation else column.type


def _made(table: Table, parts: Sequence[str], comment: str) -> str:
    body = ",\n  ".join(parts)
    collation = f" COLLATE={table.collation}" if table.collation else ""
    return (
        f"CREATE TABLE {quote(table.name)} (\n  {body}\n) ENGINE={table.engine}{collation} COMMENT={literal(comment)}"
    )
