"""Merges table by table, from snapshots of live and base into the stages of the restored database."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...postgres.catalog import Catalog, Column, Table
from ...postgres.conflict import Policy
from ...postgres.counted import Counted
from ...postgres.horizon import Horizon
from ...postgres.names import Name, quote
from ...postgres.natural import Named, Translation, named_tables, parents, translate
from ...postgres.passes import Differing
from ...postgres.placeless import unseen
from ...postgres.rules import Rules
from ...postgres.shape import Shape, shape
from ...postgres.staging import STATE, THERE, Stage
from .counting import count_table
from .differences import Difference, Side, differences, new_lines, rows_of, survey
from .horizons import Known
from .ledger import read_last
from .merging import NEW, Desk, Watch, merge_table
from .naming import Moves, Reading, read_natural, renamed, rows_with
from .newer import Newer, look_newer
from .resolving import Stages
from .session import is_there
from .spelling import may_be_respelled, respelled
from .sums import Summed
from .surveys import forget_survey, look_again, save_counts, save_survey

if TYPE_CHECKING:
    from .session import Connection


@dataclass(frozen=True, slots=True)
class Terms:
    """How a pass decides: who wins, what becomes of whole tables, and which of them the migration left alone."""

    policy: Policy
    rules: Rules
    untouched: Collection[Name]
    baseless: bool
    final: bool = True


@dataclass(slots=True)
class Merger:
    """
    One pass over the tables; *live* and *base* are snapshots that end before the stages are applied.

    *known* is what is known of live since the backup, *now* where live stands, and *beside* reads it too. New rows may
    be written *straight* into some tables; *there* is how many rows tables had before any pass; *whole* says of tables
    why every row was compared.
    """

    work: Stages
    live: "Connection"
    theirs: Catalog
    base: "Connection"
    old: Catalog
    terms: Terms
    watch: Watch
    summed: Summed
    known: Known
    now: Horizon | None = None
    beside: "Connection | None" = None
    straight: Collection[Name] = ()
    there: Mapping[Name, int] = field(default_factory=dict)
    whole: dict[Name, str] = field(default_factory=dict)
    without_key: list[Name] = field(default_factory=list)
    troubled: Collection[Name] = ()
    counted: list[Counted] = field(default_factory=list)
    translations: dict[Name, Translation] = field(default_factory=dict)

    def takes(self, name: Name) -> bool:
        """Say whether a table is on both sides, its rows can be told apart, and no rule leaves it as it is."""
        if name not in self.theirs.tables or name not in self.old.tables or name in self.translations:
            return False
        if self.terms.rules.of(name) == "leave":
            return False
        lined = self._shape(name)
        if not lined.key and lined.carried:
            self.without_key.append(name)
        return bool(lined.key)

    def has_place(self, name: Name) -> bool:
        """Say whether a table of live is on both sides, with some column that is, too."""
        if name not in self.work.catalog.tables or name not in self.old.tables:
            return False
        lined = self._shape(name)
        return bool(lined.carried) or not lined.only_live

    def translate(self) -> None:
        """Find the ids of rows that are known by natural keys; to be done first."""
        for named in named_tables(self.terms.rules, self.work.catalog, self.theirs, self.old):
            moves, table = self._pointing(named.table), self.work.catalog.tables[named.table]
            live, base = self._live(named.table).relation, self._base_relation(table)
            here = Reading(self.work.connection, self._pristine(table, self.work.connection), {})
            there = Reading(self.live, live, {column: one.live for column, one in moves.items()})
            before = Reading(self.base, base, {column: one.base for column, one in moves.items()})
            self.translations[named.table] = translate(
                named, read_natural(named, here), read_natural(named, there), read_natural(named, before)
            )

    def merge(self, name: Name) -> Differing:
        """Merge and stage one table; gives how many rows differ."""
        table, lined = self.work.catalog.tables[name], self._shape(name)
        stage = self.work.of(name, lined.key)
        if stage is None:
            return Differing()
        # Without a base it is the restored database's own rows, which every pass writes to.
        summed = None if self.terms.baseless else self.summed
        base, live = Side(self.base, self.old.tables[name], self._base_relation(table), summed), self._live(name)
        again = None
        way = f"{lined!r} from {self.base.info.dbname}"
        # A key that is spelled otherwise is in another chunk.
        spelled = may_be_respelled(lined.key, table, live.table)
        if name not in self.troubled and not self._is_mapped(name) and not spelled:
            again = look_again(self.work.connection, stage, way, base, live, self.now)
        if again is None:
            newer = self._newer(stage, lined, base, live)
            if isinstance(newer, Newer):
                self._save_counts(stage, way, newer, live)
                plain = self._are_plain(stage, lined)
                rest = newer.rows(base, live, beyond=not plain)
                return self._stage(stage, lined, rest, new=newer.new_lines(live) if plain else None)
            self.whole[name] = newer
            found, kept = survey(lined, base, live), Differing()
            save_survey(self.work.connection, stage, way, found, self.now)
        else:
            found, kept = again.found, again.kept
            stage = self.work.made[name] = again.stage
        new = found.beyond(stage.last) if stage.last is not None and self._are_plain(stage, lined) else frozenset()
        lines = new_lines(live, found.digest, new) if new else None
        rest = rows_of(found.without(new), lined, base, live)
        if spelled:
            rest = respelled(rest, lined, base, live)
        return kept + self._stage(stage, lined, rest, new=lines)

    def _newer(self, stage: Stage, lined: Shape, base: Side, live: Side) -> Newer | str:
        """Find the rows that were written since the backup, or say why they cannot be told."""
        if self.known.since is None:
            return self.known.why
        if self._is_mapped(lined.table):
            return "its rows name others by ids that mean something else here"
        pristine = stage.table.relation if stage.fresh else self._pristine(stage.table, self.work.connection)
        side = Side(self.work.connection, stage.table, pristine)
        there = self.there.get(lined.table) if stage.fresh else None
        return look_newer(self.known.since, lined, side, base, live, there=there)

    def _save_counts(self, stage: Stage, way: str, newer: Newer, live: Side) -> None:
        """Note for the next pass, where there will be one, how live's chunks stand."""
        if self.terms.final or self.now is None:
            forget_survey(self.work.connection, stage)
        else:
            save_counts(self.work.connection, stage, way, newer.digest, live, self.now)

    def _are_plain(self, stage: Stage, lined: Shape) -> bool:
        """Say whether new rows beyond the last key are staged as they are: nothing is to be merged, or to be told."""
        return stage.last is not None and not (lined.needed or lined.only_live or self._moves(lined))

    def unseen(self) -> Iterator[tuple[Name, Shape, tuple[Column, ...]]]:
        """Give the tables with columns that only live has, where no difference to the base tells what is in them."""
        for name, table in self.work.catalog.tables.items():
            if name in self.theirs.tables and name in self.old.tables and self.terms.rules.of(name) != "leave":
                lined = self._shape(name)
                columns = unseen(table, self.theirs.tables[name], lined)
                if columns:
                    yield name, lined, columns

    def count(self, name: Name) -> Differing:
        """Load the differences of a table without a key; gives how many there are."""
        table, lined = self.work.catalog.tables[name], self._shape(name)
        counted = Counted(table, lined)
        self.counted.append(counted)
        base = Side(self.base, self.old.tables[name], self.old.tables[name].relation)
        found = differences(lined, base, self._live(name))
        based = self.terms.final and not self.terms.baseless
        return count_table(self.work, counted, self.terms.policy, found, self.watch, based=based)

    def bring_referenced(self) -> None:
        """Bring live's rows that staged rows point at into the tables that are otherwise as in the backup."""
        for name in reversed(self.translations):
            translation = self.translations[name]
            wanted = self._wanted(translation.named) & translation.missing
            if not wanted:
                continue
            lined = self._shape(name)
            stage = self.work.of(name, lined.key)
            if stage is not None:
                rows = rows_with(self._live(name), lined, translation, wanted)
                width = len(lined.key)
                self._stage(stage, lined, (Difference(row[:width], None, row) for row in rows))

    def _stage(
        self, stage: Stage, lined: Shape, found: Iterator[Difference], *, new: Iterable[bytes] | None = None
    ) -> Differing:
        moves = self._moves(lined)
        stream = renamed(found, moves, len(lined.key)) if moves else found
        straight = new is not None and stage.fresh and lined.table in self.straight
        straight = straight and not self._is_mapped(lined.table)
        desk = Desk(self.work.connection, stage, lined, self.terms.policy, straight)
        done = merge_table(desk, stream, self.watch, new=new or ())
        if stage.fresh:
            edited = None if NEW in desk.edited else frozenset(lined.carried[at] for at in desk.edited)
            stage = replace(stage, fresh=not straight, straight=straight, edited=edited)
            self.work.made[lined.table] = stage
        self.work.ready(stage)
        return done

    def _moves(self, lined: Shape) -> Moves:
        pointing = self._pointing(lined.table)
        found = {lined.carried.index(column): one for column, one in pointing.items() if column in lined.carried}
        return {at: one for at, one in found.items() if one.live or one.base}

    def _is_mapped(self, name: Name) -> bool:
        """Say whether rows of a table decide what is brought in elsewhere, or hold ids that are others here."""
        return any(one.missing or one.live or one.base for one in self._pointing(name).values())

    def _pointing(self, name: Name) -> Mapping[str, Translation]:
        found = parents(self.work.catalog, name)
        return {column: self.translations[one] for column, one in found.items() if one in self.translations}

    def _wanted(self, named: Named) -> set[bytes]:
        """Give the ids that live's staged rows point at."""
        found: set[bytes] = set()
        for key in self.work.catalog.foreign_keys:
            stage = self.work.made.get(key.child)
            if key.parent == named.table and key.parent_columns == (named.key,) and stage is not None:
                column = quote(key.columns[0])
                query = f"SELECT DISTINCT {column}::text FROM {stage.name} WHERE {THERE} AND {STATE} = 'L'"
                found |= {one.encode() for (one,) in self.work.connection.execute(query.encode()) if one is not None}
        return found

    def _live(self, name: Name) -> Side:
        table = self.theirs.tables[name]
        return Side(self.live, table, table.relation, beside=self.beside)

    def _shape(self, name: Name) -> Shape:
        tables = self.work.catalog.tables[name], self.theirs.tables[name]
        decided = not self.terms.baseless or name in self.terms.untouched
        return shape(*tables, self.old.tables[name], decided=decided)

    def _base_relation(self, table: Table) -> str:
        """Give the base's rows; where the restored database is the base, as they were before the first pass."""
        return self._pristine(table, self.base) if self.terms.baseless else self.old.tables[table.name].relation

    def _pristine(self, table: Table, seen: "Connection") -> str:
        """Give the backup's own rows of a table, whatever earlier passes did to them, as *seen* by a connection."""
        lined = self._shape(table.name)
        stage = Stage(table, lined.key)
        if not is_there(seen, stage.pristine):
            return table.relation
        return replace(stage, last=read_last(self.work.connection, stage)).before()
