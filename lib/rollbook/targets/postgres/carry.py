"""
Carries the users' rows from the live database into the one restored from a backup: a three-way merge, in passes.

A pass is one transaction of the restored database, which nobody else uses yet. So a pass that is killed has not been,
constraints and triggers that it put aside are back by themselves, and it is simply begun again. Committing by batches
would save a killed first pass some minutes, and pay for it with states that must be told apart on every resume.
The server holds some twenty bytes in memory for each foreign key of a row that waits for the end; what is held here
says `differences`.
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import field
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...errors import StepFailed
from ...postgres.catalog import Catalog, Sequence, Table
from ...postgres.conflict import KEEP_LIVE, Conflict, Policy
from ...postgres.counted import Counted
from ...postgres.names import Name, equal, listed
from ...postgres.shape import Shape, shape
from ...postgres.staging import THERE, Stage
from .applying import apply
from .catalog import read_catalog
from .counting import count_table, settle_counted
from .differences import Side, differences
from .ledger import close_ledger, drop_ledger, open_ledger, read_conflicts
from .merging import Desk, merge_table
from .resolving import Stages, resolve
from .sequences import advance_sequences
from .session import connect
from .wording import worded

if TYPE_CHECKING:
    from .session import Connection


class ConflictsFound(StepFailed):
    """The final pass may not end with these conflicts; nothing of it was kept."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        one = conflicts[0]
        super().__init__(
            f"{len(conflicts)} conflicts are not settled, the first in {one.table}: {one.kind}, key {one.key}",
            advice="Answer who wins for each kind and table, or choose conflicts: keep_live or keep_backup.",
        )
        self.conflicts = conflicts


@dataclass(frozen=True, slots=True)
class Sources:
    """The addresses of the three databases; without *base* nothing tells the migration's doing."""

    live: str = field(repr=False)  # addresses may hold passwords
    restored: str = field(repr=False)
    base: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a pass did: *differing* rows per table, how many conflicts, which sequences moved on."""

    differing: tuple[tuple[Name, int], ...]
    conflicts: int
    sequences: tuple[Sequence, ...]
    only_live: tuple[Name, ...]  # they have no place here or no base: their rows are to be exported
    without_key: tuple[Name, ...]


def carry(sources: Sources, *, final: bool, policy: Policy = KEEP_LIVE, untouched: Collection[Name] = ()) -> Carried:
    """
    Carry one pass: merge every table, settle what does not fit, apply it, and commit.

    May be done again at any time, also after it was killed: each pass starts from the backup's own values. Until the
    *final* one, which must run while nobody writes, conflicts that a person is to settle count as won by live.
    *untouched* are tables that the migration left alone: without a base, the backup itself is theirs.
    Raises ConflictsFound in the final pass, unless the policy settles every conflict, StepFailed where a constraint
    refuses what could not be looked up, and Unreachable; nothing of the pass is kept then.
    """
    with worded(), closing(connect(sources.restored)) as restored:
        open_ledger(restored)
        _settings(restored)
        work = Stages(restored, read_catalog(restored))
        with closing(connect(sources.live, reading=True)) as live:
            theirs = read_catalog(live)
            with closing(connect(sources.base or sources.restored, reading=True)) as base:
                old = read_catalog(base)
                merger = _Merger(work, live, theirs, base, old, policy, sources.base is None, untouched)
                differing = tuple(
                    (name, merger.merge(name)) for name in sorted(work.catalog.tables) if merger.takes(name)
                )
                if final:
                    differing += tuple((name, merger.count(name)) for name in merger.without_key)
        work.recall()
        # The readers are closed: a snapshot of the restored database would be in the way of its constraints.
        resolve(work, policy)
        for one in merger.counted:
            settle_counted(work, one)
        conflicts = _settled(restored, policy) if final else _count(restored)
        apply(work, merger.counted)
        moved = advance_sequences(restored, work.catalog, theirs)
        close_ledger(restored, final=final)
        restored.commit()
    return Carried(
        differing=differing,
        conflicts=conflicts,
        sequences=moved,
        only_live=tuple(
            sorted(name for name in theirs.tables if name not in work.catalog.tables or name not in old.tables)
        ),
        without_key=tuple(merger.without_key),
    )


def finish(url: str) -> None:
    """Drop what the passes wrote down in the restored database, once their conflicts have been read."""
    with closing(connect(url)) as restored:
        drop_ledger(restored)
        restored.commit()


class _Merger:
    """Merges table by table, from two snapshots into the stages."""

    def __init__(
        self,
        work: Stages,
        live: "Connection",
        theirs: Catalog,
        base: "Connection",
        old: Catalog,
        policy: Policy,
        baseless: bool,
        untouched: Collection[Name],
    ) -> None:
        self._work, self._live, self._theirs, self._base, self._old = work, live, theirs, base, old
        self._policy, self._baseless, self._untouched = policy, baseless, untouched
        self.without_key: list[Name] = []
        self.counted: list[Counted] = []

    def takes(self, name: Name) -> bool:
        """Say whether a table is on both sides and its rows can be told apart."""
        if name not in self._theirs.tables or name not in self._old.tables:
            return False
        if not self._shape(name).key:
            self.without_key.append(name)
            return False
        return True

    def merge(self, name: Name) -> int:
        """Merge and stage one table; gives how many rows differ."""
        table, lined = self._work.catalog.tables[name], self._shape(name)
        stage = self._work.of(name, lined.key)
        if stage is None:
            return 0
        base = Side(self._base, self._old.tables[name], self._pristine(table, lined))
        live = Side(self._live, self._theirs.tables[name], self._theirs.tables[name].relation)
        found = merge_table(Desk(self._work.connection, stage, lined, self._policy), differences(lined, base, live))
        self._work.ready(stage)
        return found

    def count(self, name: Name) -> int:
        """Load the differences of a table without a key; gives how many there are."""
        table, lined = self._work.catalog.tables[name], self._shape(name)
        counted = Counted(table, lined)
        self.counted.append(counted)
        base = Side(self._base, self._old.tables[name], self._old.tables[name].relation)
        live = Side(self._live, self._theirs.tables[name], self._theirs.tables[name].relation)
        found = differences(lined, base, live)
        return count_table(self._work, counted, self._policy, found, based=not self._baseless)

    def _shape(self, name: Name) -> Shape:
        tables = self._work.catalog.tables[name], self._theirs.tables[name]
        decided = not self._baseless or name in self._untouched
        return shape(*tables, self._old.tables[name], decided=decided)

    def _pristine(self, table: Table, lined: Shape) -> str:
        """Give the base's rows; where the restored database is the base, as they were before the first pass."""
        if not self._baseless:
            return self._old.tables[table.name].relation
        stage = Stage(table, lined.key)
        known = self._base.execute("SELECT pg_catalog.to_regclass(%s)", (stage.pristine,)).fetchone()
        if known == (None,):
            return table.relation
        columns = listed(stage.columns, "z")
        return (
            f"(SELECT {columns} FROM {table.relation} z WHERE NOT EXISTS"
            f" (SELECT FROM {stage.pristine} p WHERE {equal(lined.key, 'p', 'z')})"
            f" UNION ALL SELECT {columns} FROM {stage.pristine} z WHERE z.{THERE})"
        )


def _settings(restored: "Connection") -> None:
    # The pages that a pass looks up were just written by the restore: they are in memory.
    restored.execute("SELECT pg_catalog.set_config('random_page_cost', '1.1', true)")


def _count(restored: "Connection") -> int:
    row = restored.execute("SELECT count(*) FROM rollbook.conflicts").fetchone()
    return row[0] if row else 0


def _settled(restored: "Connection", policy: Policy) -> int:
    if policy.choice in ("ask", "stop"):
        halting = tuple(one for one in read_conflicts(restored) if policy.halts(one))
        if halting:
            raise ConflictsFound(halting)
    return _count(restored)
