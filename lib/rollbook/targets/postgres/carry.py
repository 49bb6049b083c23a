"""
Carries the users' rows from the live database into the one restored from a backup: a three-way merge, in passes.

A pass is one transaction of the restored database, which nobody else uses yet. So a pass that is killed has not been,
constraints and triggers that it put aside are back by themselves, and it is simply begun again. Committing by batches
would save a killed first pass some minutes, and pay for it with states that must be told apart on every resume.
The server holds some twenty bytes in memory for each foreign key of a row that waits for the end; what is held here
says `differences`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ...dataclass import dataclass
from ...errors import StepFailed
from ...postgres.catalog import Catalog
from ...postgres.catalog import Sequence as Moved
from ...postgres.conflict import KEEP_LIVE, Conflict, Policy
from ...postgres.counted import Counted
from ...postgres.names import Name
from ...postgres.passes import Carried, Differing, Mark, Told
from ...postgres.placeless import filled
from ...postgres.renames import Renames, called_before, stood_before
from ...postgres.rules import Rules, rules_with
from .applying import apply, try_out
from .catalog import read_catalog
from .counting import settle_counted
from .exporting import COLUMNS_OF, Exports, export_conflicts, export_left_behind, export_query, export_table
from .horizons import read_horizon, since_backup
from .ledger import (
    close_ledger,
    count_conflicts,
    drop_ledger,
    forget_conflicts,
    open_ledger,
    read_conflicts,
    read_exported,
)
from .merger import Merger, Terms
from .merging import Watch
from .partitions import make_partitions
from .renaming import base_renames, keep_renames
from .resolving import Stages, resolve
from .sequences import advance_sequences
from .session import connect, connect_beside
from .straight import straight_tables
from .sums import Summed
from .surveys import troubled
from .unkeyed import bring_parents, note_strays, settled_for_good, with_waiting
from .wording import worded
from .writes import read_writes

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
    """
    The addresses of the three databases; without *base* nothing tells the migration's doing.

    *summed* is what is known of base, which nobody writes to, and *counted* how many rows the restored one had before
    any pass.
    """

    live: str = field(repr=False)  # addresses may hold passwords
    restored: str = field(repr=False)
    base: str | None = field(repr=False)
    summed: Summed = field(default_factory=Summed, repr=False)
    counted: dict[Name, int] = field(default_factory=dict, repr=False)


def _unwatched(rows: int) -> None:
    """Look at no rows."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Whose pass it is, where what has no place is exported to, and who watches; all of it may be left out."""

    mark: Mark = field(default_factory=Mark)
    exports: Exports | None = None
    watch: Watch = field(default=_unwatched)


_ALONE: Final = Errand()
_RULES: Final = rules_with({})


def carry(
    sources: Sources,
    *,
    final: bool,
    policy: Policy = KEEP_LIVE,
    untouched: Collection[Name] = (),
    rules: Rules = _RULES,
    errand: Errand = _ALONE,
) -> Carried:
    """
    Carry one pass: merge every table, settle what does not fit, apply it, and commit.

    May be done again at any time, also after it was killed: each pass starts from the backup's own values. Until the
    *final* one, which must run while nobody writes, conflicts that a person is to settle count as won by live.
    *untouched* are tables that the migration left alone: without a base, the backup itself is theirs.
    Exports are in their files before the commit. Raises ConflictsFound in the final pass, unless the policy settles
    every conflict, StepFailed where a constraint refuses what could not be looked up, and Unreachable; nothing of the
    pass is kept then.
    """
    terms = Terms(policy, rules, untouched, sources.base is None, final)
    with worded():
        made = make_partitions(sources.restored, sources.live)
    with worded(), closing(connect(sources.restored)) as restored:
        open_ledger(restored)
        _settings(restored)
        work = Stages(restored, with_waiting(restored, read_catalog(restored)))
        again = troubled(restored, work.catalog)
        forget_conflicts(restored, but=settled_for_good(restored, work.catalog))
        terms = replace(terms, policy=_ruled(policy, rules, work.catalog))
        read = _read_live(sources, work, terms, errand, again, final=final)
        # The readers are closed: a snapshot of the restored database would be in the way of its constraints.
        resolve(work, terms.policy, lambda: final and bring_parents(work, terms.policy, read.counted))
        for one in read.counted:
            settle_counted(work, one)
        if final:
            note_strays(work, read.counted)
        counts = export_conflicts_of(restored, errand.exports, final=final)
        if final:
            require_settled(restored, terms.policy)
        apply(work, read.counted if final else (), final=final)
        if not final:
            try_out(work, read.counted)
        moved = advance_sequences(restored, work.catalog, read.theirs)
        told = replace(_told(read, counts, moved, errand.exports), partitions=tuple(map(str, made)))
        keep_renames(restored, read.renamed.other_way())
        close_ledger(restored, errand.mark, told, final=final)
        restored.commit()
    return Carried(read.differing, sum(counts.values()), moved, read.only_live, read.without_key, told)


def finish(url: str) -> None:
    """Drop what the passes wrote down in the restored database, once their conflicts have been read."""
    with closing(connect(url)) as restored:
        drop_ledger(restored)
        restored.commit()


def _settings(restored: "Connection") -> None:
    # The pages that a pass looks up were just written by the restore: they are in memory. Stages are analyzed after
    # every load, and for plans a sample of a few thousand rows says enough of them.
    restored.execute(
        "SET LOCAL random_page_cost = 1.1; SET LOCAL work_mem = '32MB'; SET LOCAL default_statistics_target = 10"
    )


def _ruled(policy: Policy, rules: Rules, catalog: Catalog) -> Policy:
    """Let the rules of whole tables settle their conflicts."""
    winners = {name: rules.winner(name) for name in catalog.tables}
    return replace(policy, tables={name: side for name, side in winners.items() if side is not None})


@dataclass(frozen=True, slots=True)
class _Read:
    """What came of reading live and base."""

    theirs: Catalog
    differing: tuple[tuple[Name, Differing], ...]
    counted: Sequence[Counted]
    only_live: tuple[Name, ...]
    without_key: tuple[Name, ...]
    writes: Mapping[str, str]
    whole: Mapping[Name, str]
    renamed: Renames


def _read_live(
    sources: Sources, work: Stages, terms: Terms, errand: Errand, whole: Collection[Name], *, final: bool
) -> _Read:
    """Merge and stage every table, from one snapshot of live."""
    with closing(connect(sources.live)) as counting:
        counting.autocommit = True
        # Before the snapshot: what is written in between then shows as written, and never as nothing.
        writes = read_writes(counting) if final else {}
    with (
        closing(connect(sources.live, reading=True)) as live,
        closing(connect(sources.base or sources.restored, reading=True)) as base,
        closing(connect_beside(sources.live, live)) as beside,
    ):
        renamed = base_renames(base) if sources.base else Renames()
        sides = live, called_before(read_catalog(live), renamed), base, called_before(read_catalog(base), renamed)
        now = read_horizon(live)
        now = None if now is None else stood_before(now, renamed)
        known = since_backup(work.connection, live, now)
        merger = Merger(work, *sides, terms, errand.watch, sources.summed, known, now, troubled=whole)
        merger.beside, merger.straight, merger.there = beside, straight_tables(work), sources.counted
        merger.translate()
        differing = tuple((name, merger.merge(name)) for name in sorted(work.catalog.tables) if merger.takes(name))
        counts = tuple((name, merger.count(name)) for name in merger.without_key)
        differing += counts if final else ()
        merger.bring_referenced()
        work.recall()
        only_live = tuple(sorted(name for name in merger.theirs.tables if not merger.has_place(name)))
        if final and errand.exports is not None:
            _export_tables(live, merger.theirs, only_live, errand.exports)
            _export_columns(live, merger, errand.exports)
        return _Read(
            merger.theirs,
            differing,
            merger.counted,
            only_live,
            tuple(merger.without_key),
            writes,
            merger.whole,
            renamed,
        )


def _export_tables(live: "Connection", theirs: Catalog, names: Sequence[Name], exports: Exports) -> None:
    for name in names:
        fill = partial(export_table, live, theirs.tables[name])
        file = f"only-live-{name.schema}.{name.name}.csv".replace("/", "_")
        exports.add(f"rows of {name}", file, fill, dict(_referring(theirs, name)))


def _referring(theirs: Catalog, name: Name) -> Iterator[tuple[str, tuple[str, str]]]:
    for key in theirs.foreign_keys:
        if key.child == name and len(key.columns) == 1:
            yield key.columns[0], (str(key.parent), key.parent_columns[0])


def _export_columns(live: "Connection", merger: Merger, exports: Exports) -> None:
    """Export what is in columns that only live has, and of which no difference to the base could tell."""
    for name, lined, columns in merger.unseen():
        query = filled(merger.theirs.tables[name], lined.key, columns)
        if live.execute(f"SELECT EXISTS ({query})".encode()).fetchone() == (True,):
            file = f"only-live-{name.schema}.{name.name}-columns.csv".replace("/", "_")
            exports.add(f"{COLUMNS_OF}{name} without a place", file, partial(export_query, live, query))


def export_conflicts_of(restored: "Connection", exports: Exports | None, *, final: bool) -> Mapping[str, int]:
    """Count the conflicts by kind, table and how they were settled, and write them, and cells without a place, out."""
    counts = count_conflicts(restored)
    if exports is not None:
        word = "final" if final else "first"
        if counts:
            exports.add(
                "conflicts", f"conflicts-{word}.csv", lambda write: export_conflicts(read_conflicts(restored), write)
            )
        if any(True for _ in read_exported(restored)):
            exports.add(
                "cells without a column",
                f"left-behind-{word}.csv",
                lambda write: export_left_behind(read_exported(restored), write),
            )
    return counts


def _told(read: _Read, counts: Mapping[str, int], moved: Sequence[Moved], exports: Exports | None) -> Told:
    return Told(
        differing={str(name): found for name, found in read.differing if found.total},
        conflicts=counts,
        exported=tuple(exports.files) if exports is not None else (),
        only_live=tuple(map(str, read.only_live)),
        without_key=tuple(map(str, read.without_key)),
        sequences={str(one.name): one.next for one in moved},
        writes=read.writes,
        whole={str(name): why for name, why in read.whole.items()},
        renamed=tuple(read.renamed.told()),
    )


def require_settled(restored: "Connection", policy: Policy) -> None:
    """Raise ConflictsFound where the policy does not settle every conflict of this pass."""
    if policy.choice in ("ask", "stop"):
        halting = tuple(one for one in read_conflicts(restored) if policy.halts(one))
        if halting:
            raise ConflictsFound(halting)
