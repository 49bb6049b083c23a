"""
Carries the rows written since a swap from the database that became live into the one that was kept.

The kept database is not written to in between, so what was inserted or changed since is what a transaction after the
swap's wrote: the server keeps that with every row. How rows stood at the swap that the kept database has otherwise was
kept with it (`stood`). So what the rollback left out, brought back or changed is told from what users wrote since, and
only what they wrote into what the kept database holds otherwise is a conflict (`edited_by_both`). In a table of which
that is not known, every cell that differs is one (`undecided`). Deleted rows leave nothing behind: where the server
counted deletes, both sides are compared. Rows that nothing tells apart are counted (`rows_back`).
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, Table
from ...postgres.conflict import Conflict, Policy
from ...postgres.copytext import cells, value, values
from ...postgres.counted import Counted
from ...postgres.names import Name, listed
from ...postgres.passes import Carried, Differing, Told
from ...postgres.renames import Renames, called_before
from ...postgres.rules import rules_with
from ...postgres.shape import Shape, shape
from ...postgres.staging import Stage
from .applying import apply
from .carry import Errand, export_conflicts_of, require_settled
from .catalog import read_catalog
from .counting import settle_counted
from .differences import Difference, Side, differences
from .exporting import COLUMNS_OF, ROWS_OF, export_query, export_table
from .ledger import close_ledger, forget_conflicts, note_conflicts, open_ledger, read_last
from .merging import BATCH, Desk, merge_table
from .partitions import make_partitions
from .renaming import read_renames
from .resolving import Stages, resolve
from .rows_back import Counting
from .sequences import advance_sequences
from .session import connect
from .stood import Lookup, Then, is_recorded, known_tables, note_again
from .unkeyed import bring_parents, note_strays, with_waiting
from .wording import worded
from .writes import counted_anew

if TYPE_CHECKING:
    from .session import Connection

_RULES: Final = rules_with({})
_ALONE: Final = Errand()


@dataclass(frozen=True, slots=True)
class Since:
    """What is known of the time since the swap: its transaction, and which tables were written to, and deleted from."""

    xid: int
    written: frozenset[str]  # schema.table
    deleted: frozenset[str]

    def called(self, there: Renames, live: Catalog) -> "Since":
        """Name the tables as the kept database does."""
        names = {_told(name): _told(there.table(name, live.tables)) for name in live.tables}
        written, deleted = (frozenset(names.get(one, one) for one in some) for some in (self.written, self.deleted))
        return replace(self, written=written, deleted=deleted)


def _told(name: Name) -> str:
    return f"{name.schema}.{name.name}"


def since(xid: int, before: Mapping[str, str], now: Mapping[str, str]) -> Since:
    """
    Compare the counters of written rows with those of the swap; one that was reset counts as deleted from.

    Where the server began to count anew, as it does when it crashes, every table counts as written to and deleted from.
    """
    if counted_anew(before, now):
        return Since(xid, frozenset(now), frozenset(now))
    changed = {name for name in now if before.get(name) != now[name]}
    return Since(xid, frozenset(changed), frozenset(one for one in changed if _deletes(before.get(one), now[one])))


def _deletes(before: str | None, now: str) -> bool:
    if before is None:
        return False
    old, new = before.split(), now.split()
    counted = all(int(later) >= int(earlier) for earlier, later in zip(old[2:], new[2:], strict=True))
    return old[:2] != new[:2] or old[4] != new[4] or not counted


def carry_back(
    live: str,
    kept: str,
    moment: Since,
    policy: Policy,
    errand: Errand = _ALONE,
    *,
    writes: Mapping[str, str] | None = None,
) -> Carried:
    """
    Carry what was written since the swap from *live* into *kept*, in one transaction.

    May be done again, and after a crash; it must be while nobody writes. *writes* are live's counters before it began.
    Raises as `carry` does.
    """
    with worded("the way back"):
        made = make_partitions(kept, live)
    with worded("the way back"), closing(connect(kept)) as ours:
        open_ledger(ours)
        forget_conflicts(ours)
        work, known = Stages(ours, with_waiting(ours, read_catalog(ours))), known_tables(ours)
        with closing(connect(live, reading=True)) as theirs:
            catalog, called = read_catalog(theirs), read_renames(ours).other_way()
            moment = moment.called(called, catalog)
            way = _Way(work, kept, theirs, called_before(catalog, called), moment, policy, errand, known)
            differing = tuple(way.merge())
            work.recall()
        resolve(work, policy, lambda: bring_parents(work, policy, way.counted))
        for one in way.counted:
            settle_counted(work, one)
        note_strays(work, way.counted)
        counts = export_conflicts_of(ours, errand.exports, final=True)
        require_settled(ours, policy)
        apply(work, way.counted)
        moved = advance_sequences(ours, work.catalog, way.theirs)
        told = Told(
            differing={str(name): rows for name, rows in differing if rows.total},
            conflicts=counts,
            exported=tuple(errand.exports.files) if errand.exports is not None else (),
            writes=writes or {},
            partitions=tuple(map(str, made)),
        )
        note_again(ours)
        close_ledger(ours, errand.mark, told, final=True)
        ours.commit()
    return Carried(differing, sum(counts.values()), moved, (), (), told)


def _decided(desk: Desk, one: Difference, then: Then | None, contested: list[Conflict]) -> Iterator[Difference]:
    """Give the difference to how the row stood at the swap: what users did since."""
    if then is None:
        yield one
    elif one.live is not None:
        yield one._replace(base=then.stood if then.kept else then.has)
    elif then.kept and then.stood is None:
        return  # it was left out, or deleted by the rollback: it was never in the database that became live
    elif then.kept and then.has is not None and then.stood != then.has:
        side, shape = desk.decide("edited_by_both"), desk.shape
        key = tuple(value(cell) or "" for cell in one.key)
        backup = values(shape.carried, then.has)
        contested.append(Conflict("edited_by_both", shape.table, key, "", side, None, backup))
        yield from (one,) if side == "live" else ()
    else:
        yield one


@dataclass(frozen=True, slots=True)
class _Way:
    """The tables that were written to, from a snapshot of the live database into the stages."""

    work: Stages
    kept: str = field(repr=False)  # addresses may hold passwords
    live: "Connection"
    theirs: Catalog
    moment: Since
    policy: Policy
    errand: Errand
    known: Mapping[Name, tuple[str, ...]]
    counted: list[Counted] = field(default_factory=list)

    def merge(self) -> Iterator[tuple[Name, Differing]]:
        """Merge every table that was written to since; what has no place is exported."""
        for name, table in sorted(self.theirs.tables.items()):
            # Which migrations are applied is said of the kept schema, by the kept database.
            if not self._was_written(table) or _RULES.of(name) == "leave":
                continue
            ours = self.work.catalog.tables.get(name)
            lined = None if ours is None else self._shape(ours, table)
            if ours is None or lined is None or not lined.carried:
                self._export(table)
                continue
            stage = self.work.of(name, lined.key) if lined.key else None
            if stage is None:
                yield name, self._count(ours, table)
                continue
            desk = Desk(self.work.connection, stage, lined, self.policy)
            contested: list[Conflict] = []
            yield name, merge_table(desk, self._stream(desk, ours, table, contested), self.errand.watch)
            note_conflicts(self.work.connection, contested)
            self.work.ready(stage)
            self._export_cells(table, ours, lined.key)

    def _count(self, ours: Table, table: Table) -> Differing:
        """Count the rows of a table without a key, and export those that go with cells that only they have."""
        counting = Counting(self.work, self.kept, self.live, self.policy, self.errand.watch, f"NOT ({self._new('t')})")
        deleted = table.partitioned or _told(table.name) in self.moment.deleted
        found = counting.count(ours, table, deleted=deleted)
        if found is None:
            self._export(table)
            return Differing()
        counted, done = found
        self.counted.append(counted)
        self._export_cells(table, ours, counted.shape.carried)
        if self.errand.exports is not None and (query := counted.going()):
            fill = partial(export_query, self.work.connection, query)
            if self.work.connection.execute(f"SELECT EXISTS ({query})".encode()).fetchone() == (True,):
                name = f"went-{table.name}.csv".replace("/", "_")
                self.errand.exports.add(f"{ROWS_OF}{table.name} that went, with cells that only they had", name, fill)
        return done

    def _shape(self, ours: Table, table: Table) -> Shape:
        """Line a table up; where it is not known how rows stood at the swap, nothing is decided."""
        lined = shape(ours, table, ours, decided=True)
        return replace(lined, undecided=self.known.get(table.name) != lined.key)

    def _was_written(self, table: Table) -> bool:
        # A partitioned table's rows are counted for its partitions.
        return table.partitioned or _told(table.name) in self.moment.written

    def _stream(self, desk: Desk, ours: Table, table: Table, contested: list[Conflict]) -> Iterator[Difference]:
        found = self._found(desk.shape, ours, table)
        if desk.shape.undecided:
            yield from found
            return
        with closing(connect(self.kept)) as beside:
            lookup = Lookup(beside, ours, desk.shape)
            while batch := list(islice(found, BATCH)):
                then = lookup([one.key for one in batch])
                for at, one in enumerate(batch):
                    yield from _decided(desk, one, then.get(at), contested)

    def _found(self, lined: Shape, ours: Table, table: Table) -> Iterator[Difference]:
        """Stream the rows that are newer than the swap, and those that the kept database alone has."""
        yield from self._newer(lined, table)
        if table.partitioned or _told(table.name) in self.moment.deleted:
            with closing(connect(self.kept, reading=True)) as kept:
                # An attempt before this one may have carried already.
                stage, relation = Stage(ours, lined.key), ours.relation
                if is_recorded(kept, stage):
                    relation = replace(stage, last=read_last(kept, stage)).before()
                found = differences(lined, Side(kept, ours, relation), Side(self.live, table, table.relation))
                yield from (one for one in found if one.live is None)

    def _newer(self, lined: Shape, table: Table) -> Iterator[Difference]:
        columns, width = listed(lined.compared, "t"), len(lined.key)
        query = f"COPY (SELECT {columns} FROM {table.relation} AS t WHERE {self._new('t')}) TO STDOUT"
        with self.live.cursor() as cursor, cursor.copy(query.encode()) as copy:
            for read in copy:
                row = cells(read)
                yield Difference(row[:width], None, row)

    def _new(self, alias: str) -> str:
        return f"age({alias}.xmin) <= age('{self.moment.xid % 2**32}'::xid)"

    def _export(self, table: Table) -> None:
        if self.errand.exports is not None:
            fill = partial(export_table, self.live, table, where=self._new("t"))
            self.errand.exports.add(f"rows of {table.name}", f"since-{table.name}.csv".replace("/", "_"), fill)

    def _export_cells(self, table: Table, ours: Table, key: tuple[str, ...]) -> None:
        """Export what rows that are newer than the swap have in columns that the kept database lacks."""
        there = {column.name for column in ours.columns}
        lacking = tuple(one.name for one in table.columns if one.name not in there and not one.generated)
        if self.errand.exports is None or not lacking:
            return
        where = f"{self._new('t')} AND num_nonnulls({listed(lacking, 't')}) > 0"
        found = f"SELECT {listed((*key, *lacking), 't')} FROM {table.relation} AS t WHERE {where}"
        if self.live.execute(f"SELECT EXISTS ({found})".encode()).fetchone() == (True,):
            fill = partial(export_query, self.live, found)
            name = f"since-{table.name}-columns.csv".replace("/", "_")
            self.errand.exports.add(f"{COLUMNS_OF}{table.name} without a place", name, fill)
