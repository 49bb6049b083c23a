"""Counts what is at risk, with one pass over each table."""

from collections.abc import Iterator, Mapping
from typing import Final

from ...dataclass import dataclass
from ...migrations.fitting import misfit
from ...migrations.operation import Narrowing
from ...migrations.types import loss, parse_type
from ...targets.base import SqlReader
from ...values import Plain
from .standing import Column, Table, quoted, read_tables, require_sight, split

# Families of types whose values can be compared with a constant; of the rest only NULL is told.
_COMPARED: Final = ("text", "integer", "decimal", "float", "boolean", "date", "uuid")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be counted."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    narrowing: tuple[Narrowing, ...]
    defaults: Mapping[str, Plain]
    exact_below: int


@dataclass(frozen=True, slots=True)
class TableRisk:
    """A table and its rows: counted, or the server's estimate."""

    table: str
    rows: int
    exact: bool


@dataclass(frozen=True, slots=True)
class ColumnRisk:
    """Of a table's rows those that have a value in a column (*filled*), and one other than *standard* (*telling*)."""

    column: str
    rows: int
    filled: int
    telling: int
    standard: Plain
    exact: bool


@dataclass(frozen=True, slots=True)
class NarrowRisk:
    """
    The rows of a column that are NULL, and those that do not fit into the type *to*.

    *looked* is false where no query can tell which fit: then all that have a value count.
    """

    column: str
    old: str
    to: str
    required: bool
    rows: int
    nulls: int
    unfit: int
    reason: str
    looked: bool
    exact: bool

    @property
    def misfits(self) -> int:
        """Give how many rows stand in the way, or will change."""
        return self.unfit + (self.nulls if self.required else 0)


Risk = TableRisk | ColumnRisk | NarrowRisk


def count_risks(server: SqlReader, wanted: Wanted) -> tuple[tuple[str, ...], tuple[Risk, ...]]:
    """Give what is named and not there, and what is at risk of the rest, in the order in which it is named."""
    tables = read_tables(server)
    missing = [name for name in wanted.tables if name not in tables]
    asked = [name for name in (*wanted.columns, *(one.column for one in wanted.narrowing)) if not _has(tables, name)]
    require_sight(server, (*missing, *asked))
    passes = _passes(tables, wanted)
    found = tuple(risk for table, pass_ in passes.items() for risk in _count(server, tables[table], pass_, wanted))
    return tuple(dict.fromkeys((*missing, *asked))), found


def _has(tables: Mapping[str, Table], column: str) -> bool:
    table, name = split(column, tables)
    return table in tables and name in tables[table].columns


@dataclass(frozen=True, slots=True)
class _Pass:
    """What is asked of one table."""

    whole: bool
    columns: tuple[str, ...]
    narrowing: tuple[Narrowing, ...]


def _passes(tables: Mapping[str, Table], wanted: Wanted) -> Mapping[str, _Pass]:
    columns = [name for name in dict.fromkeys(wanted.columns) if _has(tables, name)]
    narrowing = [one for one in wanted.narrowing if _has(tables, one.column)]
    named = [name for name in wanted.tables if name in tables]
    of = {name: split(name, tables)[0] for name in (*columns, *(one.column for one in narrowing))}
    return {
        table: _Pass(
            table in named,
            tuple(name for name in columns if of[name] == table),
            tuple(one for one in narrowing if of[one.column] == table),
        )
        for table in dict.fromkeys((*named, *of.values()))
    }


def _count(server: SqlReader, table: Table, asked: _Pass, wanted: Wanted) -> Iterator[Risk]:
    exact = table.rows < wanted.exact_below
    parts, given = ["count(*) AS n"], dict[str, Plain]()
    standards: dict[str, Plain] = {}
    for number, name in enumerate(asked.columns):
        column = table.columns[name[len(table.name) + 1 :]]
        standards[name] = _standard(column, wanted.defaults.get(name), mysql=server.dialect == "mysql")
        parts += [f"count({quoted(server, column.name)}) AS f{number}"]
        if standards[name] is not None:
            parts += [f"{_sum(_other(server, column, f'd{number}'))} AS t{number}"]
            given[f"d{number}"] = standards[name]
    for number, one in enumerate(asked.narrowing):
        parts += _narrowed(server, table, one, number)
    row = next(server.rows(f"SELECT {', '.join(parts)} FROM {table.sql}", given)) if exact else {}  # noqa: S608  # quoted
    rows = int(row["n"]) if exact else table.rows
    if asked.whole:
        yield TableRisk(table.name, rows, exact)
    for number, name in enumerate(asked.columns):
        filled = int(row.get(f"f{number}", rows))
        telling = int(row.get(f"t{number}") or 0) if f"t{number}" in row else filled
        yield ColumnRisk(name, rows, filled, telling, standards[name], exact)
    for number, one in enumerate(asked.narrowing):
        yield _narrow_risk(server, table, one, number, row, rows)


def _sum(condition: str) -> str:
    return f"coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"


def _narrowed(server: SqlReader, table: Table, one: Narrowing, number: int) -> Iterator[str]:
    column, mysql = table.columns[one.column[len(table.name) + 1 :]], server.dialect == "mysql"
    name = quoted(server, column.name)
    old, new = parse_type(column.type, mysql=mysql), parse_type(one.to, mysql=mysql)
    condition = misfit(name, old, new, mysql=mysql) or f"{name} IS NOT NULL"
    yield f"{_sum(f'{name} IS NULL')} AS x{number}"
    yield f"{_sum(condition if one.to and loss(old, new) else '1 = 0')} AS m{number}"


def _narrow_risk(
    server: SqlReader, table: Table, one: Narrowing, number: int, row: Mapping[str, Plain], rows: int
) -> NarrowRisk:
    column, mysql = table.columns[one.column[len(table.name) + 1 :]], server.dialect == "mysql"
    old, new = parse_type(column.type, mysql=mysql), parse_type(one.to, mysql=mysql)
    reason = (loss(old, new) or "") if one.to else ""
    return NarrowRisk(
        column=one.column,
        old=column.type,
        to=one.to,
        required=one.required,
        rows=rows,
        nulls=int(row.get(f"x{number}", 0)),
        unfit=int(row.get(f"m{number}", rows)),
        reason=reason,
        looked=not reason or misfit("x", old, new, mysql=mysql) is not None,
        exact=bool(row),
    )


def _standard(column: Column, given: Plain, *, mysql: bool) -> Plain:
    """Give what a row has in a column where nobody filled it in: what Django says, else the constant in the catalog."""
    if parse_type(column.type, mysql=mysql).family not in _COMPARED:
        return None
    if given is not None:
        return given
    text = (column.standard or "").partition("::")[0].strip()
    if not text or "(" in text or text.upper().startswith(("NULL", "CURRENT")):
        return None
    return text[1:-1].replace("''", "'") if text.startswith("'") and text.endswith("'") else text


def _other(server: SqlReader, column: Column, parameter: str) -> str:
    name = quoted(server, column.name)
    if server.dialect != "mysql":
        return f"{name} IS NOT NULL AND {name} IS DISTINCT FROM CAST(:{parameter} AS {column.type})"
    text = parse_type(column.type, mysql=True).family == "text"
    word = "BINARY " if text else ""  # letters that differ only in size are different here
    return f"{name} IS NOT NULL AND NOT ({word}{name} <=> {word}:{parameter})"
