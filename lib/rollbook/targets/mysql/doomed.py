"""Chooses what a snapshot saves of a schema that will be gone, and describes how it is made again."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...mysql.catalog import Catalog, ForeignKey, Table
from ...mysql.names import listed, quote
from ...mysql.parting import companions, part, rows_first, stand_in, trigger_statements
from ...mysql.rowtext import reading
from ...snapshots.contents import BESIDE, Choice, Chosen, Contents, SavedTable, absent, fits
from .catalog import read_catalog
from .session import texts

if TYPE_CHECKING:
    from .session import Connection

_CHARSET: Final = """
    SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = %s"""


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to be saved; of the *whole* tables only the *named* ones are doomed, of the *parts* what is saved."""

    choice: Choice
    catalog: Catalog
    named: frozenset[str]
    whole: frozenset[str]
    parts: Mapping[str, tuple[str, ...]]


def read_doomed(connection: "Connection", schema: str, tables: Collection[str], columns: Collection[str]) -> Doomed:
    """Choose by patterns of tables and of table.column, in the connection's transaction."""
    catalog = read_catalog(connection, schema)
    named = {name for name in catalog.tables if fits(name, tables)}
    beside = {name for name in catalog.tables if name in BESIDE} - named
    doomed = {
        name: found
        for name, table in sorted(catalog.tables.items())
        if name not in named | beside
        and (found := [one.name for one in table.columns if fits(f"{name}.{one.name}", columns)])
    }
    whole = named | beside
    refused = (*_keyless(catalog, doomed), *_apart(catalog, {*named, *doomed}))
    parts = {} if refused else dict(_parts(catalog, named, doomed))
    chosen = (
        *(_whole(catalog.tables[name], beside) for name in sorted(whole)),
        *(_part(catalog.tables[name], kept, doomed[name]) for name, kept in sorted(parts.items())),
    )
    names = [f"{name}.{column.name}" for name, table in catalog.tables.items() for column in table.columns]
    lacking = (*absent(tables, list(catalog.tables)), *absent(columns, names))
    choice = Choice(chosen if named or doomed else (), lacking, refused, tuple(_fired(catalog, doomed)))
    return Doomed(choice, catalog, frozenset(named), frozenset(whole), parts)


def _fired(catalog: Catalog, doomed: Collection[str]) -> Iterator[str]:
    if firing := catalog.firing({"UPDATE": doomed}):
        yield (
            f"putting columns back would fire triggers, which MySQL and MariaDB cannot keep quiet: {', '.join(firing)};"
            " drop them by then for as long as it takes"
        )


def _keyless(catalog: Catalog, doomed: Collection[str]) -> Iterator[str]:
    for name in doomed:
        if not catalog.tables[name].keys:
            yield f"{name} has no primary key by which its columns could be put back; in tables: it is saved whole"


def _apart(catalog: Catalog, saved: Collection[str]) -> Iterator[str]:
    for name in sorted(saved):
        table = catalog.tables[name]
        if table.versioned:
            yield f"{name} keeps its rows' history by itself, which no snapshot holds: back it up"
        elif table.engine.lower() != "innodb":
            yield f"{name} is of the engine {table.engine}, which takes part in no consistent read: back it up"


def _parts(
    catalog: Catalog, named: Collection[str], doomed: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, columns in doomed.items():
        table = catalog.tables[name]
        kept = {*columns, *table.keys[0], *companions(table, catalog, columns)}
        pointing = (key for key in catalog.foreign_keys if key.child == name and key.parent in named)
        kept |= {one for key in pointing for one in key.columns}
        # What stands before each, so that it can come back to its place.
        kept |= {before.name for before, one in pairwise(table.columns) if one.name in columns}
        yield name, tuple(one.name for one in table.columns if one.name in kept)


def _whole(table: Table, beside: Collection[str]) -> Chosen:
    return Chosen(
        name=table.name,
        whole=True,
        columns=tuple(one.name for one in table.written),
        doomed=(),
        read=reading(table.written, quote(table.name)),
        rows=table.rows,
        beside=table.name in beside,
    )


def _part(table: Table, kept: Collection[str], doomed: Collection[str]) -> Chosen:
    loaded = [one for one in table.columns if one.name in kept and not (one.generated and one.name in doomed)]
    return Chosen(
        name=table.name,
        whole=False,
        columns=tuple(one.name for one in loaded),
        doomed=tuple(doomed),
        read=reading(loaded, quote(table.name)),
        rows=table.rows,
    )


def describe(connection: "Connection", doomed: Doomed) -> Contents:
    """Give the contents, whose rows nobody has counted yet."""
    catalog = doomed.catalog
    ((charset, collation),) = texts(connection, _CHARSET, (catalog.schema,))
    described = [_table(doomed, number, one) for number, one in enumerate(doomed.choice.tables, 1)]
    return Contents(
        prepare=(
            f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation}",
            "SET SESSION foreign_key_checks = 0, unique_checks = 0",
            "SET @rollbook_mode = @@SESSION.sql_mode",
        ),
        tables=tuple(one for one, _ in described),
        # Foreign keys want the indexes of both their tables.
        finish=(
            *(key for _, keys in described for key in keys),
            *_stand_ins(doomed),
            "SET SESSION foreign_key_checks = 1, unique_checks = 1",
        ),
    )


def _table(doomed: Doomed, number: int, one: Chosen) -> tuple[SavedTable, tuple[str, ...]]:
    """Give how a table is made again, and what makes its foreign keys when all tables are there."""
    table = doomed.catalog.tables[one.name]
    mine = [key for key in doomed.catalog.foreign_keys if key.child == one.name and _returns(key, one, doomed)]
    triggers = [each for each in doomed.catalog.triggers if one.whole and each.table == one.name]
    whole = table.create if one.whole else part(table, doomed.parts[one.name], one.doomed, mine)
    create, indexes, keys = rows_first(one.name, whole)
    saved = SavedTable(
        name=one.name,
        whole=one.whole,
        columns=one.columns,
        file=f"rows/{number:04}",
        before=(create,),
        read=one.read,
        load=f"INSERT INTO {quote(one.name)} ({listed(one.columns)}) VALUES",
        after=(*indexes, *(line for each in triggers for line in trigger_statements(each))),
        doomed=one.doomed,
        beside=one.beside,
    )
    return saved, keys


def _returns(key: ForeignKey, one: Chosen, doomed: Doomed) -> bool:
    """Say whether a foreign key goes with what is doomed of its table, or with its parent."""
    return one.whole or bool({*key.columns} & {*one.doomed}) or key.parent in doomed.named


def _stand_ins(doomed: Doomed) -> Iterator[str]:
    """Keep the foreign keys of tables that stay into those that will be gone."""
    held = {*doomed.whole, *doomed.parts}
    found: dict[str, list[ForeignKey]] = {}
    for key in doomed.catalog.foreign_keys:
        if key.parent in doomed.named and key.child not in held and key.parent_schema == doomed.catalog.schema:
            found.setdefault(key.child, []).append(key)
    for name, keys in found.items():
        yield stand_in(doomed.catalog.tables[name], keys)
