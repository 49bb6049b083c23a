"""Compares the live database with what a backup's manifest says of it, and reads only the rows that differ."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Table
from ...postgres.digest import chunk_of, in_chunks, integer_key
from ...postgres.dumptext import blocks
from ...postgres.loss import ByWhat, Depth, Lining, TableLoss, lining
from ...postgres.manifest import Manifest, TableContent
from ...postgres.names import Name, listed
from ...postgres.renames import called_before
from .catalog import read_catalog
from .horizons import read_horizon, since_horizon
from .losses import counted, part_roots, spilled, tallied
from .renaming import live_renames
from .spill import Spill, by_key, by_row
from .sums import read_sums, rows_in

if TYPE_CHECKING:
    from .session import Connection

Dump = Callable[[Name | None], Iterable[bytes]]
Chunks = Mapping[int, bytes]


def manifest_losses(
    live: "Connection", manifest: Manifest, sums: bytes, dump: Dump, *, depth: Depth
) -> tuple[TableLoss, ...]:
    """
    Compare *live*, a connection opened for reading, with a manifest and its *sums*; in the order of the names.

    Tables whose sums agree are not read any further, nor are new rows in chunks of keys that the backup does not have.
    For all others *dump* gives the lines of the backup's rows of one table, or of all of them for None.
    """
    return tuple(sorted(_Look(live, manifest, sums, dump, depth).all(), key=lambda one: one.table))


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A table with its chunks that differ; None where that is not known, so that all of it is to be read."""

    content: TableContent
    table: Table
    chunks: frozenset[int] | None


class _Look:
    """One comparison."""

    def __init__(self, live: "Connection", manifest: Manifest, sums: bytes, dump: Dump, depth: Depth) -> None:
        self._live, self._manifest, self._sums, self._dump, self._depth = live, manifest, sums, dump, depth
        self._renamed = live_renames(live, since_horizon(manifest.horizon, live, read_horizon(live)).since)
        catalog = read_catalog(live)
        self._tables = called_before(catalog, self._renamed).tables
        self._roots = {part: self._renamed.table(root, catalog.tables) for part, root in part_roots(live).items()}
        # Hashes are the server's own: another major may hash otherwise.
        self._comparable = live.info.server_version // 10_000 == manifest.major

    def all(self) -> Iterator[TableLoss]:
        """Compare every table of either side."""
        known = {content.title: content for content in self._manifest.tables}
        told = self._renamed.by_table()
        for name, content in known.items():
            table = self._tables.get(name)
            found = TableLoss(str(name), content.rows, None) if table is None else self._compared(content, table)
            yield replace(found, renamed=told.get(name, ()))
        for name, table in self._tables.items():
            if name not in known:
                yield TableLoss(str(name), None, counted(self._live, table))

    def _compared(self, content: TableContent, table: Table) -> TableLoss:
        there = {column.name for column in table.columns}
        had = {column.name for column in content.columns}
        plain = TableLoss(
            str(table.name),
            content.rows,
            counted(self._live, table),
            by="count",
            only_backup=tuple(one.name for one in content.columns if one.name not in there),
            only_live=tuple(one.name for one in table.columns if one.name not in had),
        )
        if self._depth == "counts":
            return plain
        part = self._sums[content.offset : content.offset + content.length]
        whole = bool(content.sha256) and hashlib.sha256(part).hexdigest() == content.sha256
        if not whole or not self._comparable or plain.only_backup:
            return self._read(_Suspect(content, table, None), plain)
        present = self._present(content, table)
        if present is None:
            return self._read(_Suspect(content, table, None), plain)
        new, bad = dict(present), set[int]()
        for chunk, found in _numbered(io.BytesIO(part)):
            if new.pop(chunk, None) != found:
                bad.add(chunk)
        if not bad:
            added = sum(map(rows_in, new.values()))
            return replace(plain, added=added, changed=0 if content.key else None, deleted=0, by=_by(content))
        chunks = frozenset(bad | new.keys()) if _in_ranges(content, table) else None
        return self._read(_Suspect(content, table, chunks), plain)

    def _present(self, content: TableContent, table: Table) -> Chunks | None:
        """Sum live's rows up as the backup's were; None where a value of live is none of the type that it had there."""
        from psycopg.errors import DataError, IntegrityError, ProgrammingError

        if not content.columns:
            return {0: b"%d\t0" % counted(self._live, table)}
        try:
            with self._live.transaction():
                return read_sums(self._live, content.digest(), content.relation(table))
        except (
            DataError,
            IntegrityError,
            ProgrammingError,
        ):  # the last where the type itself is gone, or no cast leads to it
            return None

    def _read(self, suspect: _Suspect, plain: TableLoss) -> TableLoss:
        """Read the rows of a table on both sides, or those of its chunks that differ."""
        with Spill() as backup, Spill() as live:
            lined = self._fill(backup, suspect)
            if lined is None:
                return replace(plain, by="")
            spilled(live, lined, self._rows(suspect, lined), self._depth)
            tally = by_key(backup, live) if lined.keyed else by_row(backup, live)
            return tallied(plain, tally, plain.live or 0, keyed=bool(lined.keyed), depth=self._depth)

    def _fill(self, spill: Spill, suspect: _Suspect) -> Lining | None:
        name = suspect.table.name
        lined: Lining | None = None
        for block in blocks(self._dump(None if suspect.content.partitioned else name)):
            if self._roots.get(block.table, block.table) != name or block.rows is None:
                continue
            lined = lining(suspect.table, block.columns)
            rows = map(lined.dumped, block.rows)
            spilled(spill, lined, _within(rows, lined, suspect), self._depth)
        return lined

    def _rows(self, suspect: _Suspect, lined: Lining) -> Iterator[bytes]:
        read_from = f"{suspect.table.relation} AS t"
        if suspect.chunks is not None:
            read_from = in_chunks(suspect.table.relation, suspect.content.key[0], sorted(suspect.chunks))
        query = f"COPY (SELECT {listed(lined.columns, 't')} FROM {read_from}) TO STDOUT"
        with self._live.cursor() as cursor, cursor.copy(query.encode()) as copy:
            for read in copy:
                yield bytes(read)[:-1]


def _in_ranges(content: TableContent, table: Table) -> bool:
    """Say whether rows of both sides can be told to be in a chunk: by one integer that is the key of both."""
    lined = lining(table, [column.name for column in content.columns])
    key = tuple(lined.columns[at] for at in lined.keyed)
    return content.ranged and key == content.key and integer_key(table, key)


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        chunk, _, rest = line.rstrip(b"\n").partition(b"\t")
        yield int(chunk), rest


def _within(rows: Iterable[bytes], lined: Lining, suspect: _Suspect) -> Iterator[bytes]:
    """Leave out the rows of chunks that agree."""
    chunks = suspect.chunks
    if chunks is None:
        yield from rows
        return
    for row in rows:
        if chunk_of(int(lined.key(row))) in chunks:
            yield row


def _by(content: TableContent) -> ByWhat:
    return "key" if content.key else "row"
