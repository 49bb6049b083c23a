"""Describes what a snapshot saves as the statements that make it again, in a database of its own."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from ...postgres.definition import Definition, Reference
from ...postgres.names import Name, listed, literal, quote
from ...postgres.standing import PART, StandIn, marked
from ...snapshots.contents import Chosen, Contents, SavedTable
from .definitions import read_outline, read_references
from .doomed import Doomed
from .prerequisites import read_prerequisites

if TYPE_CHECKING:
    from .session import Connection

_SEQUENCE: Final = "SELECT last_value, is_called FROM {}"
_SHARED: Final = """
    SELECT DISTINCT n.nspname, s.relname
    FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
    JOIN pg_catalog.pg_class s
      ON p.refclassid = 'pg_catalog.pg_class'::regclass AND s.oid = p.refobjid AND s.relkind = 'S'
    JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
    WHERE d.adrelid = %s::regclass AND a.attname = ANY (%s) ORDER BY 1, 2"""


def describe(connection: "Connection", doomed: Doomed) -> Contents:
    """Give the contents, whose rows nobody has counted yet. Raises `RefusedError` for what cannot be made again."""
    own = {one.name: {*one.columns} for one in doomed.definitions}
    saved = {name: _all(doomed, name, own[name]) for name in own if name in doomed.catalog.tables}
    pairs = zip(doomed.definitions, doomed.choice.tables, strict=True)
    shared = dict(_shared_sequences(connection, doomed))
    return Contents(
        prepare=(
            "SET check_function_bodies = off",
            *read_prerequisites(connection, doomed.catalog, saved, doomed.whole),
            *(f"CREATE SCHEMA IF NOT EXISTS {quote(name.schema)}" for name in shared),
            *shared.values(),
        ),
        tables=tuple(_table(connection, number, *pair, {*shared.values()}) for number, pair in enumerate(pairs, 1)),
        finish=tuple(_finish(connection, doomed)),
    )


def _all(doomed: Doomed, name: Name, columns: set[str]) -> tuple[str, ...]:
    """Give the columns of a table in the snapshot, also those that compute themselves."""
    chosen = next(one for one in doomed.choice.tables if one.name == str(name))
    return tuple(
        one.name
        for one in doomed.catalog.tables[name].columns
        if chosen.whole or one.name in {*columns, *chosen.doomed}
    )


def _table(connection: "Connection", number: int, one: Definition, chosen: Chosen, made: Collection[str]) -> SavedTable:
    mark = None if chosen.whole else marked(one.name, PART)
    comment = f"COMMENT ON TABLE {one.name.sql} IS {literal(one.comment)}" if one.comment and mark is None else mark
    return SavedTable(
        name=chosen.name,
        whole=chosen.whole,
        columns=chosen.columns,
        file=f"rows/{number:04}" if chosen.read else "",
        before=tuple(line for line in one.before if line not in made),
        read=chosen.read,
        load=f"COPY {one.name.sql} ({listed(one.columns)}) FROM STDIN" if chosen.read else "",
        after=(*one.after, *_sequences(connection, one), *([comment] if comment else [])),
        doomed=chosen.doomed,
        beside=chosen.beside,
    )


def _shared_sequences(connection: "Connection", doomed: Doomed) -> Iterator[tuple[Name, str]]:
    """
    Give the sequences that fill columns of a table which does not own them, and what makes each.

    They come before all tables: no table's own statements make them, or those of a later one do.
    """
    made = [line for one in doomed.definitions for line in one.before]
    found: dict[Name, None] = {}
    for one, chosen in zip(doomed.definitions, doomed.choice.tables, strict=True):
        columns = one.columns if chosen.whole else chosen.doomed
        rows = connection.execute(_SHARED, (one.name.sql, list(columns))).fetchall()
        found |= {name: None for name in (Name(*row) for row in rows) if name not in one.sequences}
    others = {name for one in doomed.definitions for name in one.sequences}
    for name in found:
        start = f"CREATE SEQUENCE {name.sql}"
        line = next((line for line in made if line.startswith(f"{start} ")), None)
        if line is not None or name not in others:  # that of an identity comes with its column
            yield name, line or start


def _sequences(connection: "Connection", one: Definition) -> Iterator[str]:
    for name in one.sequences:
        last, called = connection.execute(_SEQUENCE.format(name.sql).encode()).fetchone() or (1, False)
        yield f"SELECT pg_catalog.setval({literal(name.sql)}, {last}, {'true' if called else 'false'})"


def _finish(connection: "Connection", doomed: Doomed) -> Iterator[str]:
    """Make the foreign keys, those of tables that are not in it at stand-ins."""
    held = doomed.whole | doomed.parts
    children = [name for name in doomed.catalog.tables if name not in doomed.whole]
    own = [key for one in doomed.definitions for key in one.references]
    keys = tuple(dict.fromkeys([*own, *read_references(connection, doomed.named, children)]))
    for one in _stand_ins(connection, keys, held):
        yield from one.statements(keys)
    yield from (key.statement for key in keys)


def _stand_ins(connection: "Connection", keys: Collection[Reference], held: Collection[Name]) -> Iterator[StandIn]:
    columns: dict[Name, list[str]] = {}
    referred: dict[Name, list[tuple[str, ...]]] = {}
    for key in keys:
        if key.parent not in held:
            columns.setdefault(key.parent, []).extend(key.parent_columns)
            referred.setdefault(key.parent, []).append(key.parent_columns)
        if key.child not in held:
            columns.setdefault(key.child, []).extend(key.columns)
    for name, wanted in columns.items():
        owner, lines = read_outline(connection, name)
        kept = tuple((one, lines[one]) for one in dict.fromkeys(wanted))
        yield StandIn(name, kept, tuple(dict.fromkeys(referred.get(name, ()))), owner)
