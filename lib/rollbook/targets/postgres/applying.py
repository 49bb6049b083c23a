"""Applies the stages to the restored database, with or without a superuser's rights, and without firing a trigger."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from ...postgres.catalog import ForeignKey
from ...postgres.counted import Counted
from ...postgres.names import Name, literal, quote
from ...postgres.order import flat, in_order
from .replicating import becomes_replica, looked_up
from .resolving import Stages


def apply(stages: Stages, counted: Sequence[Counted] = ()) -> None:
    """
    Make every staged row what it is to be: deletes of all tables first, children before parents, then inserts.

    A row that changes is deleted and inserted anew, so that values which are to be unique can change hands between
    rows. Foreign keys therefore wait for the end, which is still inside the transaction.
    """
    for stage in stages.made.values():
        stages.run(*stage.settle())
    touched = {*stages.made, *(one.table.name for one in counted)}
    replica = becomes_replica(stages, touched, counted)
    with ExitStack() as stack:
        # A replica's triggers are those that are enabled always, and for replicas.
        stack.enter_context(_quiet(stages, touched, "AR" if replica else "OA"))
        stack.enter_context(looked_up(stages, touched, counted) if replica else _deferred(stages, touched))
        _write(stages, counted)


def _write(stages: Stages, counted: Sequence[Counted]) -> None:
    names = flat(in_order(stages.made, stages.catalog.foreign_keys))
    for name in reversed(names):
        stages.run(stages.made[name].remove())
    for name in names:
        stages.run(stages.made[name].insert())
    for one in counted:
        stages.run(one.remove(), one.insert())


@contextmanager
def _quiet(stages: Stages, touched: Collection[Name], enabled: str) -> Iterator[None]:
    """Disable the users' triggers and rules that are *enabled* so: what they did in live is carried as rows."""
    # Triggers of partitions stand on relations that the catalog does not list.
    concerned = [
        trigger
        for trigger in stages.catalog.triggers
        if trigger.enabled in enabled and (trigger.relation in touched or trigger.relation not in stages.catalog.tables)
    ]
    for trigger in concerned:
        stages.run(trigger.disable())
    yield
    for trigger in concerned:
        stages.run(trigger.enable())


@contextmanager
def _deferred(stages: Stages, touched: Collection[Name]) -> Iterator[None]:
    """
    Let foreign keys wait until the end, and put them back as they were.

    A key that acts on children cannot wait, and must not act. Only one whose parents are touched is dropped: adding it
    again reads all children, which is slow in large tables.
    """
    keys = [key for key in stages.catalog.foreign_keys if key.child in touched or key.parent in touched]
    dropped = [key for key in keys if key.acts and key.parent in touched]
    altered = [key for key in keys if key not in dropped and not key.deferrable]
    for key in dropped:
        stages.run(f"{_constraint(key, 'DROP')}")
    for key in altered:
        stages.run(f"{_constraint(key, 'ALTER')} DEFERRABLE INITIALLY DEFERRED")
    stages.run("SET CONSTRAINTS ALL DEFERRED")
    yield
    stages.run("SET CONSTRAINTS ALL IMMEDIATE")
    for key in altered:
        stages.run(f"{_constraint(key, 'ALTER')} NOT DEFERRABLE")
    for key in dropped:
        stages.run(f"{_constraint(key, 'ADD')} {key.definition}")
        if key.comment is not None:
            stages.run(f"COMMENT ON CONSTRAINT {quote(key.name)} ON {key.child.sql} IS {literal(key.comment)}")


def _constraint(key: ForeignKey, how: str) -> str:
    return f"ALTER TABLE {key.child.sql} {how} CONSTRAINT {quote(key.name)}"
