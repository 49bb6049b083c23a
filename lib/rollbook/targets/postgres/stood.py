"""
Keeps, at a swap, how rows stood in the new live database that the kept one has otherwise, for the way back.

They lie in the schema `rollbook` of the kept database, under its own names, and go with it. A row of a table that is
known here and is not kept stood alike in both, or in neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.copytext import Cells, cells, line, value
from ...postgres.names import Name, equal, listed, literal, quote
from ...postgres.shape import Shape
from ...postgres.staging import THERE, Stage
from .catalog import read_catalog
from .ledger import read_last
from .loading import load
from .renaming import keep_renames, read_renames
from .session import is_there
from .stood_rows import MADE, note_rows_again, rows_apart

if TYPE_CHECKING:
    from .session import Connection

MOST: Final = 100_000
"""Rows of a table that are kept: it is done while the site is closed."""
_MADE: Final = (
    "DROP SCHEMA IF EXISTS rollbook CASCADE",
    "CREATE SCHEMA rollbook",
    "CREATE TABLE rollbook.known (namespace text, relation text, key text[], PRIMARY KEY (namespace, relation))",
    "CREATE TABLE rollbook.stood (namespace text, relation text, key text[], cells jsonb)",
    *MADE,
)
_INDEX: Final = "CREATE UNIQUE INDEX ON rollbook.stood (namespace, relation, key)"
_APART: Final = "SELECT relation, touched FROM rollbook.apart"


def keep_stood(incoming: "Connection", live: "Connection") -> bool:
    """
    Keep it in the database that is live still; says whether anything is known.

    Both are closed; whatever an attempt before this one kept is replaced.
    """
    if not is_there(incoming, "rollbook.apart"):
        return False
    touched = {int(oid): bool(all_) for oid, all_ in incoming.execute(_APART)}
    there = read_renames(incoming)
    rows = tuple(rows_apart(incoming, live, there))
    with live.transaction():
        for statement in _MADE:
            live.execute(statement.encode())
        keep_renames(live, there.other_way())
        tables = read_catalog(incoming).tables
        for table in tables.values():
            if table.oid in touched:
                called = {one.name: there.column(table.name, one.name, table.names) for one in table.columns}
                _Keeping(incoming, live, table, there.table(table.name, tables), called).keep(touched[table.oid])
        live.execute(_INDEX)
        for one in rows:
            one.keep(live)
    return True


def note_again(kept: "Connection") -> None:
    """
    Note of the kept database, once rows were carried back into it, which rows the two hold otherwise: as it was.

    So the swap that takes it back in turn finds what `apart` notes before a first pass.
    """
    known = known_tables(kept)
    kept.execute("CREATE TABLE IF NOT EXISTS rollbook.apart (relation bigint PRIMARY KEY, touched boolean NOT NULL)")
    kept.execute("TRUNCATE rollbook.apart")
    for name, table in read_catalog(kept).tables.items():
        if name not in known or not {*known[name]} <= {*table.names}:
            continue
        typed = (
            f"(s.key[{at}])::{table.column(column).type} AS {quote(column)}" for at, column in enumerate(known[name], 1)
        )
        apart = f"rollbook.apart_{table.oid}"
        kept.execute(f"DROP TABLE IF EXISTS {apart}".encode())
        made = f"CREATE TABLE {apart} AS SELECT {', '.join(typed)} FROM rollbook.stood s WHERE {_of('s', table)}"
        kept.execute(made.encode())
        kept.execute("INSERT INTO rollbook.apart VALUES (%s, true)", (table.oid,))
    note_rows_again(kept)


@dataclass(frozen=True, slots=True)
class _Keeping:
    """How rows of one table are kept; live knows it by another *name*, and its columns as they are *called* there."""

    incoming: "Connection"
    live: "Connection"
    table: Table
    name: Name
    called: Mapping[str, str]

    def keep(self, touched: bool) -> None:
        """Keep the rows that the migration left otherwise, and those in conflicts; nothing where they are too many."""
        incoming, live, table = self.incoming, self.live, self.table
        key = [str(name) for (name,) in incoming.execute(_KEY, (f"rollbook.apart_{table.oid}",))]
        strange = _load_clashing(incoming, table, key)
        keys = _keys(incoming, table, key, touched=touched)
        query = f"SELECT count(*) FROM (SELECT FROM ({keys}) w LIMIT {MOST + 1}) x"
        counted = incoming.execute(query.encode()).fetchone() or (0,)
        if counted[0] > MOST:
            return
        rows = f"COPY ({self._rows(key, keys)}) TO STDOUT"
        into = "COPY rollbook.stood FROM STDIN"
        with incoming.cursor().copy(rows.encode()) as source, live.cursor().copy(into) as copy:
            for part in source:
                copy.write(part)
        with live.cursor() as cursor:
            cursor.executemany("INSERT INTO rollbook.stood VALUES (%s, %s, %s)", [(*self.name, one) for one in strange])
        named = [self.called.get(one, one) for one in key]
        live.execute("INSERT INTO rollbook.known VALUES (%s, %s, %s)", (*self.name, named))

    def _rows(self, key: Sequence[str], keys: str) -> str:
        """Give the query for the rows with these keys; one that is not there has no cells."""
        texts = ", ".join(_text("t", name) for name in self.called)
        row = f"jsonb_object(ARRAY[{', '.join(map(literal, self.called.values()))}], ARRAY[{texts}])"
        return (
            f"SELECT {literal(self.name.schema)}, {literal(self.name.name)}, {_key_text('w', key)},"
            f" CASE WHEN t.tableoid IS NOT NULL THEN {row} END"
            f" FROM ({keys}) w LEFT JOIN {self.table.relation} t ON {equal(key, 't', 'w')}"
        )


def _load_clashing(incoming: "Connection", table: Table, key: Sequence[str]) -> list[list[str | None]]:
    """Load the keys of conflicts as the table has them; gives those of other types, which no row of it has."""
    made = f"CREATE TEMP TABLE clash_{table.oid} AS SELECT {listed(key)} FROM {table.relation} WITH NO DATA"
    incoming.execute(made.encode())
    parts = ", ".join(f"c.key[{at}]" for at in range(1, len(key) + 1))
    own = f"{_of('c', table)} AND cardinality(c.key) = {len(key)}"
    query = f"COPY (SELECT DISTINCT {parts} FROM rollbook.conflicts c WHERE {own} LIMIT {MOST + 1}) TO STDOUT"
    with incoming.cursor().copy(query.encode()) as copy:
        lines = list(map(bytes, copy))
    refused = load(incoming, f"{_clash(table)} ({listed(key)})", lines)
    return [[value(cell) for cell in cells(lines[at])] for at in refused]


def _clash(table: Table) -> str:
    return f"pg_temp.clash_{table.oid}"


def _keys(incoming: "Connection", table: Table, key: Sequence[str], *, touched: bool) -> str:
    """Give the query for the keys of the rows to keep: those that the migration left otherwise, and conflicts."""
    wanted = [f"SELECT {listed(key)} FROM {one}" for one in (f"rollbook.apart_{table.oid}", _clash(table))]
    pristine = f"rollbook.pristine_{table.oid}"
    if touched and is_there(incoming, pristine):
        wanted.append(f"SELECT {listed(key)} FROM {pristine}")
        stage = Stage(table, tuple(key))
        beyond = replace(stage, last=read_last(incoming, stage)).had("t")
        wanted.append(f"SELECT {listed(key)} FROM {table.relation} t WHERE NOT {beyond}")
    return " UNION ".join(wanted)


_KEY: Final = "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"


def _text(alias: str, name: str) -> str:
    """Give a cell as its type prints it, which a cast to text does not do for all types."""
    cell = f"{alias}.{quote(name)}"
    return f"CASE WHEN {cell} IS DISTINCT FROM NULL THEN format('%s', {cell}) END"


def _key_text(alias: str, key: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(_text(alias, name) for name in key)}]"


def _of(alias: str, table: Table) -> str:
    return f"{alias}.namespace = {literal(table.name.schema)} AND {alias}.relation = {literal(table.name.name)}"


@dataclass(frozen=True, slots=True)
class Then:
    """What is known of one row: whether how it *stood* at the swap was kept, and how the kept database *has* it."""

    kept: bool
    stood: Cells | None
    has: Cells | None


def known_tables(kept: "Connection") -> Mapping[Name, tuple[str, ...]]:
    """Name the tables that it was kept of, each with the key by which its rows are known."""
    if not is_there(kept, "rollbook.known"):
        return {}
    rows = kept.execute("SELECT namespace, relation, key FROM rollbook.known")
    return {Name(schema, name): tuple(key) for schema, name, key in rows}


def is_recorded(kept: "Connection", stage: Stage) -> bool:
    """Tell whether rows of a table were carried into the kept database by an attempt that was cut off."""
    return is_there(kept, stage.pristine)


class Lookup:
    """Looks rows of one table up; *kept* is a session for this alone."""

    def __init__(self, kept: "Connection", table: Table, lined: Shape) -> None:
        self._kept, self._lined, self._sought = kept, lined, f"pg_temp.sought_{table.oid}"
        kept.execute(
            f'CREATE TEMP TABLE IF NOT EXISTS sought_{table.oid} AS SELECT 0::bigint AS "~at", {listed(lined.key)}'
            f" FROM {table.relation} WITH NO DATA".encode()
        )
        stood = ", ".join(f"s.cells ->> {literal(name)}" for name in lined.compared)
        stage = Stage(table, lined.key)
        has, there, joined = listed(lined.carried, "t"), "t.tableoid IS NOT NULL", ""
        if is_recorded(kept, stage):  # an attempt before this one has carried already
            stage = replace(stage, last=read_last(kept, stage))
            chosen = (
                f"CASE WHEN p.{THERE} IS NULL THEN t.{quote(one)} ELSE p.{quote(one)} END" for one in lined.carried
            )
            has, there = ", ".join(chosen), f"coalesce(p.{THERE}, {stage.had('w')} AND {there})"
            joined = f" LEFT JOIN {stage.pristine} p ON {equal(lined.key, 'p', 'w')}"
        self._query = (
            f'COPY (SELECT w."~at", s.key IS NOT NULL, s.cells IS NOT NULL, {there}, {stood}, {has}'
            f" FROM {self._sought} w LEFT JOIN {table.relation} t ON {equal(lined.key, 't', 'w')}{joined}"
            f" LEFT JOIN rollbook.stood s ON {_of('s', table)} AND s.key = {_key_text('w', lined.key)}) TO STDOUT"
        )

    def __call__(self, keys: Sequence[Cells]) -> Mapping[int, Then]:
        """Give what is known of the rows with these keys, by their positions; one that fits no key is left out."""
        self._kept.execute(f"TRUNCATE {self._sought}".encode())
        lines = [line((b"%d" % at, *key)) for at, key in enumerate(keys)]
        load(self._kept, f'{self._sought} ("~at", {listed(self._lined.key)})', lines)
        self._kept.execute(f"ANALYZE {self._sought}".encode())
        return dict(self._found())

    def _found(self) -> Iterator[tuple[int, Then]]:
        width = len(self._lined.compared)
        with self._kept.cursor().copy(self._query.encode()) as copy:
            for read in copy:
                at, kept, stood, has, *row = cells(read)
                yield (
                    int(at),
                    Then(
                        kept == b"t",
                        tuple(row[:width]) if stood == b"t" else None,
                        tuple(row[width:]) if has == b"t" else None,
                    ),
                )
