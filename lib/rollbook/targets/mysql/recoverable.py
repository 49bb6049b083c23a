"""Reads what a schema has that live lacks, and what a recovery has begun to bring back."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...errors import RefusedError
from ...mysql.catalog import Catalog, common_key
from ...mysql.definition import ColumnDefinition, Made, define, define_column, references
from ...mysql.names import literal, quote, within
from ...mysql.recovering import MysqlRecovery, marked_by, working_name
from ...recovering import Asked, Part, kept_made
from .catalog import read_catalog
from .refillable import Filling, Refills, find_filling, read_refills
from .session import number, texts

if TYPE_CHECKING:
    from .session import Connection

# A loaded snapshot's tables that are not what they seem, by their comment.
_PART: Final = "rollbook part of a table"
_STAND_IN: Final = "rollbook stand-in for a table"
_TRIGGER: Final = re.compile(r"(/\* SET SESSION .* \*/ )?CREATE ")  # as told, where it needs another sql_mode

Columns = dict[str, list[str]]


class _Missing(NamedTuple):
    """
    What live lacks of the source, and what a recovery has begun there.

    *standing* are the source's tables that are not what they seem, by their mark; *lost* tables may be of them, *gone*
    ones can come back.
    """

    standing: Mapping[str, str]
    lost: Sequence[str]
    gone: Sequence[str]
    lacking: Columns
    built: Sequence[str]
    begun: Sequence[str]
    begun_columns: Columns

    @property
    def returning(self) -> set[str]:
        """Name the tables that will have come back."""
        return {*self.gone, *self.built, *self.begun}


def read_recovery(connection: "Connection", live: str, asked: Asked) -> MysqlRecovery:
    """Compare the schema *live* with the source, in the connection's transaction."""
    ours, theirs = read_catalog(connection, live), read_catalog(connection, asked.source)
    if not theirs.tables:
        raise RefusedError(
            f"there is no table in {asked.source}, or the account may not read any.",
            advice="Name in source: a schema beside live that still has the tables and columns.",
        )
    asked.require({name: [one.name for one in table.columns] for name, table in theirs.tables.items()})
    missing = _missing(ours, theirs, asked)
    filling = find_filling(ours, theirs, asked, missing.standing, _STAND_IN)
    filling = filling.without(missing.begun, missing.begun_columns)
    wanted = (missing.lacking, missing.begun_columns)
    keyless = tuple(_keyless(ours, theirs, (*wanted, filling.columns), filling.tables))
    refills = Refills() if keyless else read_refills(connection, ours, theirs, filling, asked)
    _check_triggers(ours, refills, wanted)
    # Of all that will be there: whether a table stayed or came back cannot be told once it is settled.
    children = [name for name in theirs.tables if name in ours.tables or name in missing.returning]
    counted = (*missing.gone, *filling.tables)
    unwhole = (f"table {name}, not whole there" for name in missing.lost if name in missing.standing)
    usual = texts(connection, "SELECT @@GLOBAL.sql_mode")[0][0]
    lost = tuple(_without(ours, theirs, filling, missing.standing, usual))
    parts = tuple(one for one in lost if one.sort in asked.remake and not _is_kept(ours, one))
    return MysqlRecovery(
        tables=tuple(define(theirs, name) for name in missing.gone),
        columns=_defined(ours, theirs, missing.lacking),
        built=tuple(define(theirs, name) for name in missing.built),
        begun_tables=tuple(define(theirs, name) for name in missing.begun),
        begun_columns=_defined(ours, theirs, missing.begun_columns),
        references=tuple(references(theirs, children, missing.returning)),
        rows={name: number(connection, f"SELECT count(*) FROM {within(asked.source, name)}") for name in counted},
        beside=(*_beside(ours, theirs, asked), *unwhole),
        keyless=keyless,
        row_refills=refills.rows,
        cell_refills=refills.cells,
        untold=refills.untold,
        kept=(*refills.kept, *(kept_made(one.table, one.statement) for one in lost if one not in parts)),
        parts=parts,
    )


def _without(ours: Catalog, theirs: Catalog, filling: Filling, parts: Collection[str], usual: str) -> Iterator[Part]:
    """
    Give what tables that are filled had, and a way back that made them, or a column of them, anew did not make.

    *usual* is the sql_mode in which the server reads statements: a trigger of another one says so.
    """
    for name in sorted({*filling.tables, *filling.columns}):
        here, whole = _made_of(ours, name, usual, whole=True), name not in parts
        lost = (part for part in _made_of(theirs, name, usual, whole=whole) if part not in here)
        yield from (
            Part("", name, "comments" if part.startswith("COMMENT") else "rest", _made(name, part)) for part in lost
        )


def _made(name: str, part: str) -> str:
    """Give the statement that makes a part of a table: triggers have their own."""
    if _TRIGGER.match(part):
        return part
    verb = "" if part.startswith("COMMENT") else "MODIFY COLUMN " if part.startswith("`") else "ADD "
    return f"ALTER TABLE {quote(name)} {verb}{part}"


def _is_kept(ours: Catalog, part: Part) -> bool:
    """Say whether a part is only told: somebody wrote a comment of their own; a trigger would act on what is undone."""
    commented = part.sort == "comments" and bool(ours.tables[part.table].comment)
    return commented or bool(_TRIGGER.match(part.statement))


def _made_of(catalog: Catalog, name: str, usual: str, *, whole: bool) -> tuple[str, ...]:
    """Give what a table is made of; of one of which only columns were saved, the columns are made otherwise."""
    one = define(catalog, name)
    body = (line for line in one.body if whole or not line.startswith("`"))
    comment = [f"COMMENT={literal(one.comment)}"] if whole and one.comment else []
    return (*body, *comment, *(_trigger(made, name, usual) for made in one.triggers))


def _trigger(made: Made, name: str, usual: str) -> str:
    statement = made.statement.replace("{}", quote(name), 1)
    return statement if made.mode == usual else f"/* SET SESSION sql_mode = {literal(made.mode)} before */ {statement}"


def _missing(ours: Catalog, theirs: Catalog, asked: Asked) -> _Missing:
    standing = {name: one.comment for name, one in theirs.tables.items() if one.comment in (_PART, _STAND_IN)}
    built = _built(ours, theirs)
    lost = [name for name in theirs.tables if name not in ours.tables and name not in built and asked.wants(name)]
    whole = [name for name in lost if name not in standing]
    lacking = _lacking(ours, theirs, asked)
    return _Missing(
        standing=standing,
        lost=lost,
        gone=[name for name in whole if not theirs.tables[name].comment.startswith("rollbook ")],
        lacking={name: columns for name, columns in lacking.items() if standing.get(name) != _STAND_IN},
        built=built,
        begun=[name for name in theirs.tables if name in ours.tables and _is_begun(ours, name)],
        begun_columns={name: found for name in theirs.tables if (found := _begun_columns(ours, theirs, name))},
    )


def _defined(ours: Catalog, theirs: Catalog, columns: Columns) -> tuple[ColumnDefinition, ...]:
    return tuple(define_column(ours, theirs, name, one, found) for name, found in columns.items() for one in found)


def _built(ours: Catalog, theirs: Catalog) -> list[str]:
    """Name the tables that are whole under a working name, of whichever run's."""
    runs = {name: run for name, one in ours.tables.items() if (run := marked_by(one.comment)) is not None}
    return [
        name
        for name in theirs.tables
        if name not in ours.tables and any(working_name(run, name) == work for work, run in runs.items())
    ]


def _is_begun(ours: Catalog, name: str) -> bool:
    return marked_by(ours.tables[name].comment) is not None


def _begun_columns(ours: Catalog, theirs: Catalog, name: str) -> list[str]:
    there = ours.tables.get(name)
    marked = [one.name for one in there.columns if marked_by(one.comment) is not None] if there else []
    return [one for one in marked if theirs.tables[name].has(one)]


def _lacking(ours: Catalog, theirs: Catalog, asked: Asked) -> Columns:
    found = {
        name: [one.name for one in table.columns if not ours.tables[name].has(one.name) and asked.wants(name, one.name)]
        for name, table in theirs.tables.items()
        if name in ours.tables
    }
    return {name: columns for name, columns in found.items() if columns}


def _keyless(
    ours: Catalog, theirs: Catalog, wanted: Collection[Mapping[str, list[str]]], tables: Collection[str]
) -> Iterator[str]:
    yield from (name for name in tables if not common_key(theirs.tables[name], ours.tables[name]))
    for columns in wanted:
        for name, found in columns.items():
            if not common_key(theirs.tables[name], ours.tables[name]):
                yield from (f"{name}.{column}" for column in found)


def _check_triggers(ours: Catalog, refills: Refills, columns: Collection[Columns]) -> None:
    """Refuse what would fire triggers, which nothing keeps quiet on these servers; only where something is filled."""
    updated = {*(one.table for one in refills.cells), *(name for found in columns for name in found)}
    if firing := ours.firing({"INSERT": {one.table for one in refills.rows}, "UPDATE": updated}):
        raise RefusedError(
            f"filling would fire triggers, which MySQL and MariaDB cannot keep quiet: {', '.join(firing)}.",
            advice="Drop them for as long as it takes, in a step of its own before, and make them again after.",
        )


def _beside(ours: Catalog, theirs: Catalog, asked: Asked) -> Iterator[str]:
    """Name what live lacks and does not come back by itself; with *only*, nobody asked for the rest."""
    if asked.only:
        return
    yield from (name for name in theirs.others if name not in ours.others)
    yield from (
        f"history of {one.name}" for one in theirs.tables.values() if one.versioned and one.name not in ours.tables
    )
    known = {one.name for one in ours.triggers}
    for one in theirs.triggers:
        if one.name not in known and one.table in ours.tables and not _is_begun(ours, one.table):
            yield f"trigger {one.name} on {one.table}"
