"""Judges what migrations do by what becomes of rows and values that are there now."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Final

from ..dataclass import dataclass
from ..values import Plain
from .deed import Deed, placed
from .operation import Effect, Narrowing, Operation
from .standing import Late
from .statements import Statement, read_statements
from .tracing import Tracing
from .types import loss, parse_type

_EFFECTS: Final[dict[str, Effect]] = {
    "drop_table": "destroys_table",
    "drop_column": "destroys_column",
    "delete_rows": "deletes_rows",
    "rewrite": "rewrites",
    "rename_table": "renames",
    "rename_column": "renames",
    "unknown": "undetermined",
}
_HERE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Told:
    """An operation as Django told it, or a file of SQL: what it is, and what it does."""

    app: str
    migration: str
    operation: str
    deeds: tuple[Deed, ...]
    location: str = ""
    forwards: tuple[str, ...] = ()
    backwards: tuple[str, ...] = ()
    behind: tuple[Late, ...] = ()  # what Django would run last on its way back
    untold: str = ""
    irreversible: bool | str = False


@dataclass(frozen=True, slots=True)
class _Judged:
    """A deed with what comes of it."""

    effect: Effect
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    note: str = ""
    open: bool = False
    location: str = ""
    narrowing: tuple[Narrowing, ...] = ()
    defaults: tuple[tuple[str, Plain], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


def judge(operations: Iterable[Told], vendor: str, places: Mapping[str, str] = _HERE) -> tuple[Operation, ...]:
    """Judge operations in their order, all of them for a database of *vendor*; *places* are those of tables in SQL."""
    tracing = Tracing()
    return tuple(one for told in operations for one in _judged(told, tracing, vendor, places))


def _judged(told: Told, tracing: Tracing, vendor: str, places: Mapping[str, str]) -> Iterator[Operation]:
    """Give an operation for each statement of SQL, and one for each effect of what else it does."""
    plain = [deed for deed in told.deeds if deed.deed != "sql"]
    if plain or not told.deeds:
        yield from _grouped(told, plain, tracing, vendor, "")
    for deed in told.deeds:
        if deed.deed == "sql":
            statements = read_statements(deed.text, vendor, parameters=deed.parameters)
            for statement in statements or (Statement(deed.text.strip(), ()),):
                yield from _grouped(told, placed(statement.deeds, places), tracing, vendor, statement.sql)


def _grouped(told: Told, deeds: Iterable[Deed], tracing: Tracing, vendor: str, sql: str) -> Iterator[Operation]:
    found = []
    for deed in deeds:
        found.append(_of(deed, tracing, vendor))
        tracing.follow(deed)
    telling = [one for one in found if one.effect != "harmless"]
    if not telling:
        notes = "; ".join(dict.fromkeys(one.note for one in found if one.note))
        yield Operation(
            told.app, told.migration, told.operation, "harmless", note=notes, sql=sql, location=told.location
        )
    telling.sort(key=lambda one: one.effect)
    for effect, group in groupby(telling, key=lambda one: one.effect):
        yield _merged(told, effect, list(group), sql)


def _merged(told: Told, effect: Effect, group: list[_Judged], sql: str) -> Operation:
    return Operation(
        told.app,
        told.migration,
        told.operation,
        effect,
        tables=tuple(dict.fromkeys(name for one in group for name in one.tables)),
        columns=tuple(dict.fromkeys(name for one in group for name in one.columns)),
        note="; ".join(dict.fromkeys(one.note for one in group if one.note)),
        sql=sql,
        location=next((one.location for one in group if one.location), told.location),
        open=any(one.open for one in group),
        narrowing=tuple(part for one in group for part in one.narrowing),
        defaults=tuple(part for one in group for part in one.defaults),
        renamed=tuple(part for one in group for part in one.renamed),
    )


def _of(deed: Deed, tracing: Tracing, vendor: str) -> _Judged:
    match deed.deed:
        case "create_table" | "add_column" | "add_name" | "drop_name":
            return _Judged("harmless")
        case "unknown":
            tables = (deed.table,) if deed.table else ()
            return _Judged("undetermined", tables, note=deed.why, location=deed.location)
        case _ if not deed.table:
            effect = _EFFECTS.get(deed.deed, "undetermined") if deed.open else "undetermined"
            return _Judged(effect, note=deed.why or "what it is about cannot be read", open=deed.open)
    table = tracing.table(deed.table)
    if table is None:
        return _Judged("harmless", note=f"{deed.table} is made by these migrations, or gone already", open=deed.open)
    return _of_table(deed, table, tracing, vendor)


def _of_table(deed: Deed, table: str, tracing: Tracing, vendor: str) -> _Judged:
    match deed.deed:
        case "drop_table" | "delete_rows":
            return _Judged(_EFFECTS[deed.deed], (table,), note=deed.why, open=deed.open)
        case "rename_table":
            return _Judged("renames", (table,), note=f"{table} becomes {deed.to}", renamed=((table, deed.to),))
        case "rewrite" if not deed.column:
            return _Judged("rewrites", (table,), note=deed.why)
    column = tracing.column(deed.table, deed.column)
    if column is None:
        return _Judged("harmless", note=f"{deed.table}.{deed.column} is made by these migrations, or gone already")
    match deed.deed:
        case "alter_column":
            return _altered(deed, column, vendor)
        case "rename_column":
            note = f"{column} becomes {deed.to}"
            return _Judged("renames", (), (column,), note=note, renamed=((column, f"{deed.table}.{deed.to}"),))
    defaults = () if deed.default is None else ((column, deed.default),)
    return _Judged(_EFFECTS[deed.deed], (), (column,), note=deed.why, defaults=defaults)


def _altered(deed: Deed, column: str, vendor: str) -> _Judged:
    mysql = vendor == "mysql"
    lost: str | None = None
    if deed.new and deed.old:
        lost = loss(parse_type(deed.old, mysql=mysql), parse_type(deed.new, mysql=mysql))
    elif deed.new:
        lost = f"becomes {deed.new.lower()}, whatever it was"
    required = deed.null is False and deed.was_null is not False
    told = [f"{deed.old} -> {deed.new}: {lost}" if deed.old else lost] if lost else []
    told += ["may not be NULL any more"] if required else []
    if not told:
        return _Judged("harmless", note=f"{column}: {deed.old} -> {deed.new}" if deed.old != deed.new else "")
    filled = deed.default if required and isinstance(deed.default, str | bool | int | float) else None
    narrowing = Narrowing(column, deed.new if lost else "", required, filled)
    return _Judged("narrows", (), (column,), note=f"{column} {', '.join(told)}", narrowing=(narrowing,))
