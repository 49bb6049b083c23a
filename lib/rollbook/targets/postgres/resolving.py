"""
Settles, on the stages, what single rows cannot know: unique values wanted twice, and parents that are gone.

It goes in rounds until nothing moves: checks, unique values, then foreign keys whose columns must be filled, then those
that may be NULL. A row only ever moves from live's to the backup's to removed, so the rounds end.
"""

from collections.abc import Callable
from dataclasses import field, replace
from typing import TYPE_CHECKING

from ...dataclass import dataclass
from ...errors import StepFailed
from ...postgres.catalog import Catalog, Check, ForeignKey, Unique
from ...postgres.clashes import adopt_clashing, losers
from ...postgres.conflict import Kind, Policy, Side
from ...postgres.names import Name, equal, listed, literal
from ...postgres.orphans import Link
from ...postgres.staging import STATE, THERE, Stage
from .ledger import note_last, read_last
from .partitions import checks_of
from .session import is_there

if TYPE_CHECKING:
    from .session import Connection

_HITS = "pg_temp.hits"
_SHOWN = 10


@dataclass(slots=True)
class Stages:
    """The stages of one pass, made when they are first wanted; *connection* is the restored database's."""

    connection: "Connection"
    catalog: Catalog
    made: dict[Name, Stage] = field(default_factory=dict)

    def of(self, table: Name, key: tuple[str, ...] = ()) -> Stage | None:
        """Give a table's stage; None where nothing tells its rows apart."""
        if table in self.made:
            return self.made[table]
        found = self.catalog.tables[table]
        if not key and not found.keys:
            return None
        stage = Stage(found, key or found.keys[0].columns)
        self.run(*stage.make())
        if fresh := not is_there(self.connection, stage.pristine):
            self.run(*stage.make_pristine())
            note_last(self.connection, stage)
        self.made[table] = replace(stage, last=read_last(self.connection, stage), fresh=fresh)
        return self.made[table]

    def open(self, table: Name) -> Stage | None:
        """Give a table's stage, with what earlier passes touched on it."""
        new = table not in self.made
        stage = self.of(table)
        if stage is not None and new:
            self.ready(stage)
        return stage

    def ready(self, stage: Stage) -> None:
        """Finish a stage that has been loaded. Raises StepFailed where two of its keys are one to the table."""
        from psycopg.errors import UniqueViolation

        try:
            with self.connection.transaction():
                self.run(*stage.index())
        except UniqueViolation as error:
            raise self._respelled(stage) from error
        self.run(*stage.record(), *stage.recall())

    def _respelled(self, stage: Stage) -> StepFailed:
        found = [str(keys) for (keys,) in self.connection.execute(stage.alike(_SHOWN).encode())]
        return StepFailed(
            f"{stage.table.name}: the key ({', '.join(stage.key)}) was spelled otherwise by users, which its type or"
            f" collation takes for the same: {'; '.join(found)}; nothing of this pass was kept",
            advice="Give these rows in live the spelling that the backup has, with an UPDATE of the key, and do this"
            " again; after the swap, spell them as users did.",
        )

    def recall(self) -> None:
        """Open the stages of all tables that an earlier pass touched."""
        known = self.connection.execute(
            "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind = 'r'"
            " AND c.relnamespace = pg_catalog.to_regnamespace('rollbook')"
        )
        touched = {name for (name,) in known}
        for name, table in self.catalog.tables.items():
            if f"pristine_{table.oid}" in touched:
                self.open(name)

    def run(self, *statements: str) -> int:
        """Execute statements; gives how many rows the last one touched."""
        touched = 0
        for statement in statements:
            touched = self.connection.execute(statement.encode()).rowcount
        return touched

    def hits(self, stage: Stage, statement: str) -> int:
        """Make the table of hits on a stage anew, and write down what the backup has under their keys."""
        self.run(f"DROP TABLE IF EXISTS {_HITS}")
        found = self.run(statement)
        if found and stage.last is not None:
            self.run(stage.record_new(_HITS))
        return found

    def adopt(self, stage: Stage, statement: str) -> None:
        """Stage more of the backup's rows, and write down what they were."""
        if self.run(statement):
            self.run(*stage.record())


def resolve(stages: Stages, policy: Policy, more: Callable[[], bool] = lambda: False) -> None:
    """
    Settle everything; afterwards what is on the stages can be applied.

    *more* is done at the end of each round, and says whether it moved a row.
    """
    for key in stages.catalog.foreign_keys:
        _prepare(stages, key)
    while (
        _checks(stages)
        or _uniques(stages, policy)
        or _parents(stages, policy, hard=True)
        or _parents(stages, policy, hard=False)
        or more()
    ):
        continue


def _prepare(stages: Stages, key: ForeignKey) -> None:
    link = _link(stages, key)
    if link is not None and (index := link.index_parent()):
        stages.run(index)


def _link(stages: Stages, key: ForeignKey) -> Link | None:
    """Give the key's link, where its child can be staged and either end is."""
    if key.child not in stages.made and key.parent not in stages.made:
        return None
    child = stages.open(key.child)
    parent_table = stages.catalog.tables[key.parent]
    return None if child is None else Link(key, child, parent_table, stages.made.get(key.parent))


def _each(stages: Stages) -> tuple[Stage, ...]:
    return tuple(stages.made[name] for name in sorted(stages.made))


def _checks(stages: Stages) -> bool:
    each = ((stage, checks_of(stages.connection, stage.table)) for stage in _each(stages))
    found = [_check(stages, stage, check) for stage, checks in each for check in checks]
    return any(found)


def _check(stages: Stages, stage: Stage, check: Check) -> bool:
    alias = f"stage_{stage.table.oid}"
    found = stages.hits(
        stage,
        f"CREATE TEMP TABLE hits ON COMMIT DROP AS SELECT {listed(stage.key)}, 'revert' AS how,"
        f" {stage.shown(alias)} AS live, NULL::jsonb AS backup"
        f" FROM {stage.name} WHERE {THERE} AND {STATE} = 'L' AND NOT ({check.expression})",
    )
    if found:
        stages.run(
            f"UPDATE {_HITS} h SET backup = {stage.shown('p')} FROM {stage.pristine} p"
            f" WHERE p.{THERE} AND {equal(stage.key, 'p', 'h')}"
        )
        _note(stages, stage, "check_failed", check.name, _REVERTED)
        stages.run(stage.revert(_HITS))
    return found > 0


def _uniques(stages: Stages, policy: Policy) -> bool:
    found = [
        _unique(stages, stage, unique, policy.side("unique_clash", stage.table.name))
        for stage in _each(stages)
        for unique in stage.table.uniques
        if set(unique.columns) != set(stage.key) and stage.may_clash(unique)
    ]
    return any(found)


def _unique(stages: Stages, stage: Stage, unique: Unique, side: Side) -> bool:
    stages.adopt(stage, adopt_clashing(stage, unique))
    found = stages.hits(stage, losers(stage, unique, side))
    if found:
        _note(stages, stage, "unique_clash", unique.name, f"CASE h.how WHEN 'lose' THEN 'removed' ELSE {_REVERTED} END")
        stages.run(stage.revert(f"(SELECT * FROM {_HITS} WHERE how = 'revert')"))
        stages.run(stage.lose(f"(SELECT * FROM {_HITS} WHERE how = 'lose')"))
    return found > 0


def _parents(stages: Stages, policy: Policy, *, hard: bool) -> bool:
    settle: Callable[[Stages, Link, Side], None] = _fill_or_lose if hard else _empty
    moved = False
    for key in stages.catalog.foreign_keys:
        if hard == bool(stages.catalog.nullable(key)):
            continue
        link = _link(stages, key)
        if link is None:
            continue
        children = link.adopt_children()
        if children:
            stages.adopt(link.child, children)
        if link.child.straight and stages.run(link.strays()):
            stages.adopt(link.child, link.adopt_strays())
        if stages.hits(link.child, link.orphans()):
            settle(stages, link, policy.side("parent_gone", key.child))
            moved = True
    return moved


def _empty(stages: Stages, link: Link, _side: Side) -> None:
    _note(stages, link.child, "parent_gone", link.key.name, "'null'")
    stages.run(link.child.empty(_HITS, stages.catalog.nullable(link.key)))


def _fill_or_lose(stages: Stages, link: Link, side: Side) -> None:
    if side == "live":
        _note(stages, link.child, "parent_gone", link.key.name, _REMOVED)
        stages.run(link.child.lose(_HITS))
        return
    ours = f"CASE WHEN h.whose = 'L' THEN {_REVERTED} ELSE 'backup' END"
    _note(stages, link.child, "parent_gone", link.key.name, ours)
    parents = link.restore_parents()
    helped = stages.run(parents) if parents else 0
    helped += stages.run(link.child.revert(f"(SELECT * FROM {_HITS} WHERE whose = 'L')"))
    if not helped:
        stages.run(
            "DELETE FROM rollbook.conflicts c USING pg_temp.hits h"
            f" WHERE c.kind = 'parent_gone' AND c.about = {literal(link.key.name)}"
            f" AND c.namespace = {literal(link.key.child.schema)} AND c.relation = {literal(link.key.child.name)}"
            f" AND c.key = {link.child.key_text('h')}"
        )
        _note(stages, link.child, "parent_gone", link.key.name, _REMOVED)
        stages.run(link.child.lose(_HITS))


_REVERTED = "CASE WHEN p.\"~there\" THEN 'backup' ELSE 'left_out' END"
_REMOVED = "CASE WHEN p.\"~there\" THEN 'removed' ELSE 'left_out' END"


def _note(stages: Stages, stage: Stage, kind: Kind, about: str, settled: str) -> None:
    """Write conflicts down, both sides included; one that was met in an earlier round stays as it was."""
    schema, name = stage.table.name
    stages.run(
        "INSERT INTO rollbook.conflicts (kind, namespace, relation, key, about, settled, live, backup)"
        f" SELECT '{kind}', {literal(schema)}, {literal(name)}, {stage.key_text('h')}, {literal(about)}, {settled},"
        f" h.live, h.backup FROM {_HITS} h JOIN {stage.pristine} p ON {equal(stage.key, 'p', 'h')}"
        f" ORDER BY {listed(stage.key, 'h')} ON CONFLICT DO NOTHING"
    )
