"""Compares the live database with the text of a dump, or with another database, row by row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...errors import TargetError
from ...postgres.catalog import Catalog, Table
from ...postgres.dumptext import Block, blocks
from ...postgres.horizon import Since
from ...postgres.loss import Depth, Lining, TableLoss, lining
from ...postgres.names import Name, listed
from ...postgres.renames import called_before, stood_before
from ...postgres.shape import Shape, shape
from .catalog import read_catalog
from .differences import Side, rows_of, survey
from .horizons import read_horizon, since_backup
from .newer import Newer, look_newer
from .renaming import live_renames
from .spill import Spill, Tally, by_key, by_row
from .sums import rows_in

if TYPE_CHECKING:
    from .session import Connection

_ROOTS: Final = """
    SELECT n.nspname, c.relname, rn.nspname, r.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL pg_catalog.pg_partition_root(c.oid) AS root
    JOIN pg_catalog.pg_class r ON r.oid = root JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    WHERE c.relispartition AND c.relkind = 'r'"""

_AS_INSERTS: Final = "the dump has INSERT statements for it, which are not read: make it known by a restore"


def dump_losses(live: "Connection", dump: Iterable[bytes], *, depth: Depth) -> tuple[TableLoss, ...]:
    """
    Compare *live*, a connection opened for reading, with the lines of a dump; in the order of their names.

    Nothing is written on the server; keys and hashes go to temporary files of this machine. A row counts as changed
    when it differs in a column that both sides have. Raises `TargetError` for a dump that breaks off.
    """
    return tuple(sorted(_Comparison(live, depth).of(dump), key=lambda one: one.table))


def part_roots(live: "Connection") -> Mapping[Name, Name]:
    """Give, for each partition that holds rows, the table that it is a part of."""
    return {Name(schema, name): Name(*root) for schema, name, *root in live.execute(_ROOTS)}


class _Backup:
    """What the dump has of one table; *spill* holds its rows where they are to be told apart."""

    def __init__(self) -> None:
        self.rows = 0
        self.note = ""
        self.dumped: tuple[str, ...] = ()
        self.lined: Lining | None = None
        self.spill: Spill | None = None


class _Comparison:
    """What is known of live while the dump goes by."""

    def __init__(self, live: "Connection", depth: Depth) -> None:
        self._live, self._depth = live, depth
        self._catalog: Catalog = read_catalog(live)
        self._roots = part_roots(live)
        self._stack = ExitStack()

    def of(self, dump: Iterable[bytes]) -> Iterator[TableLoss]:
        """Go through the dump; partitioned tables wait for the rows of all their parts."""
        seen: set[Name] = set()
        waiting: dict[Name, _Backup] = {}
        with self._stack:
            for block in blocks(dump):
                root = self._roots.get(block.table)
                name = root or block.table
                seen.add(name)
                found = waiting.pop(name, None) or _Backup()
                self._take(found, block, self._catalog.tables.get(name))
                if root is None:
                    yield self._told(name, found)
                else:
                    waiting[name] = found
            for name, found in waiting.items():
                yield self._told(name, found)
        for name, table in self._catalog.tables.items():
            if name not in seen:
                yield TableLoss(str(name), None, counted(self._live, table))

    def _take(self, found: _Backup, block: Block, table: Table | None) -> None:
        if block.rows is None:
            found.note = _AS_INSERTS
            return
        if found.dumped and found.dumped != block.columns:
            raise TargetError(
                f"the partitions of {block.table} have their columns in different orders in the dump",
                advice="Restore the backup beside live, and compare with that database (against:).",
            )
        found.dumped = block.columns
        if table is None or self._depth == "counts":
            found.rows += sum(1 for _ in block.rows)
            return
        found.lined = found.lined or lining(table, block.columns)
        found.spill = found.spill or self._stack.enter_context(Spill())
        spilled(found.spill, found.lined, map(found.lined.dumped, block.rows), self._depth)
        found.rows = found.spill.rows

    def _told(self, name: Name, found: _Backup) -> TableLoss:
        table = self._catalog.tables.get(name)
        if table is None:
            return TableLoss(str(name), None if found.note else found.rows, None, note=found.note)
        if found.note:
            return TableLoss(str(name), None, counted(self._live, table), note=found.note)
        there = tuple(column.name for column in table.written)
        plain = TableLoss(
            str(name),
            found.rows,
            None,
            by="count",
            only_backup=tuple(one for one in found.dumped if one not in there),
            only_live=tuple(one for one in there if one not in found.dumped),
        )
        if found.spill is None or found.lined is None:
            return replace(plain, live=counted(self._live, table))
        return self._compared(plain, table, found.lined, found.spill)

    def _compared(self, plain: TableLoss, table: Table, lined: Lining, backup: Spill) -> TableLoss:
        with Spill() as live, backup:
            spilled(live, lined, _live_rows(self._live, table, lined.columns), self._depth)
            tally = by_key(backup, live) if lined.keyed else by_row(backup, live)
            return tallied(plain, tally, live.rows, keyed=bool(lined.keyed), depth=self._depth)


def spilled(spill: Spill, lined: Lining, rows: Iterable[bytes], depth: Depth) -> None:
    """Take the rows in, by what tells them apart."""
    key, add = lined.key, spill.add
    for row in rows:
        add(key(row), 0 if depth == "keys" and lined.keyed else hash(row))


def _live_rows(live: "Connection", table: Table, columns: Sequence[str]) -> Iterator[bytes]:
    query = f"COPY (SELECT {listed(columns)} FROM {table.relation}) TO STDOUT"
    with live.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for read in copy:
            yield bytes(read)[:-1]


def counted(live: "Connection", table: Table) -> int:
    """Count the rows of a table."""
    row = live.execute(f"SELECT count(*) FROM {table.relation} AS t".encode()).fetchone()
    return row[0] if row else 0


def tallied(plain: TableLoss, tally: Tally, live: int, *, keyed: bool, depth: Depth) -> TableLoss:
    """Fill in what was counted."""
    return replace(
        plain,
        live=live,
        added=tally.added,
        changed=None if depth == "keys" or not keyed else tally.changed,
        deleted=tally.deleted,
        by="key" if keyed else "row",
    )


def database_losses(live: "Connection", backup: "Connection", *, depth: Depth) -> tuple[TableLoss, ...]:
    """
    Compare *live* with a database that the backup was restored into, both opened for reading.

    Where it is known of rows that they were not written since the backup, they are not looked at; else hashes of chunks
    are compared first, so that what is equal is not read. In the order of their names.
    """
    since = since_backup(backup, live, read_horizon(live)).since
    renamed = live_renames(live, since)
    if since is not None:
        since = replace(since, now=stood_before(since.now, renamed))
    theirs, old = called_before(read_catalog(live), renamed).tables, read_catalog(backup).tables
    told = renamed.by_table()
    return tuple(
        replace(_losses(name, live, theirs.get(name), backup, old.get(name), depth, since), renamed=told.get(name, ()))
        for name in sorted({*theirs, *old})
    )


def _losses(
    name: Name,
    live: "Connection",
    ours: Table | None,
    backup: "Connection",
    old: Table | None,
    depth: Depth,
    since: Since | None,
) -> TableLoss:
    if ours is None or old is None:
        return TableLoss(
            str(name), None if old is None else counted(backup, old), None if ours is None else counted(live, ours)
        )
    # Columns that only live has are no loss by themselves: rows are compared in what both sides have.
    lined = shape(old, ours, old, decided=True)
    if depth == "counts":
        return _with_columns(TableLoss(str(name), counted(backup, old), counted(live, ours)), lined, ours)
    there, here, tally = _tally(since, lined, Side(backup, old, old.relation), Side(live, ours, ours.relation))
    plain = _with_columns(TableLoss(str(name), there, here), lined, ours)
    return tallied(plain, tally, here, keyed=bool(lined.key), depth=depth)


def _tally(since: Since | None, lined: Shape, old: Side, live: Side) -> tuple[int, int, Tally]:
    """Count the rows of both sides, and what differs; new rows beyond all keys of the backup's are not read."""
    newer = None if since is None else look_newer(since, lined, old, old, live)
    if isinstance(newer, Newer):
        there, here, new, found = newer.there, newer.here, newer.beyond, newer.rows(old, live, beyond=False)
    else:
        surveyed = survey(lined, old, live)
        here, new = (sum(rows_in(surveyed.sums[one]) for one in some) for some in (surveyed.sums, surveyed.added))
        there, found = surveyed.rows, rows_of(surveyed.without(surveyed.added), lined, old, live)
    sorts = Counter("added" if one.base is None else "deleted" if one.live is None else "changed" for one in found)
    return there, here, Tally(new + sorts["added"], sorts["changed"], sorts["deleted"])


def _with_columns(plain: TableLoss, lined: Shape, ours: Table) -> TableLoss:
    only_live = tuple(one.name for one in ours.written if one.name not in lined.stored)
    return replace(plain, by="count", only_backup=lined.only_backup, only_live=only_live)
