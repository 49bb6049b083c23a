"""Applies the stages to the restored database, with or without a superuser's rights, and without firing a trigger."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from ...postgres.catalog import ForeignKey
from ...postgres.counted import Counted
from ...postgres.names import Name, literal, quote
from ...postgres.order import flat, in_order
from .replicating import becomes_replica, looked_up
from .resolving import Stages
from .unkeyed import forget_waiting, is_loose, let_wait, loose_keys, waiting_keys

_UNIDENTIFIED: Final = """
    WITH RECURSIVE parts AS (
        SELECT unnest(%s::oid[]) AS oid
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN parts ON parts.oid = i.inhparent)
    SELECT n.nspname, c.relname, CASE c.relreplident WHEN 'n' THEN 'NOTHING' ELSE 'DEFAULT' END
    FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.oid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubupdate OR pubdelete) AND (c.relreplident = 'n'
        OR c.relreplident = 'd' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))"""


def apply(stages: Stages, counted: Sequence[Counted] = (), *, final: bool = True) -> None:
    """
    Make every staged row what it is to be: deletes of all tables first, children before parents, then inserts.

    A row that changes is deleted and inserted anew, so that values which are to be unique can change hands between
    rows. Foreign keys therefore wait for the end, which is still inside the transaction; those of tables without a key
    wait for the *final* pass.
    """
    for stage in stages.made.values():
        stages.run(*stage.settle())
    loose = tuple(loose_keys(stages, counted)) if final else ()
    touched = {*stages.made, *(one.table.name for one in counted), *(one.child.name for one in loose)}
    replica = becomes_replica(stages, touched, counted)
    with ExitStack() as stack:
        # A replica's triggers are those that are enabled always, and for replicas.
        stack.enter_context(_quiet(stages, touched, "AR" if replica else "OA"))
        stack.enter_context(_identified(stages, touched))
        stack.enter_context(
            looked_up(stages, touched, counted, final=final) if replica else _deferred(stages, touched, final=final)
        )
        _write(stages, counted)
        stages.run(*(one.settle() for one in loose))


def try_out(stages: Stages, counted: Sequence[Counted]) -> None:
    """
    Write rows of tables without a key, and take that back: the final pass is to write them.

    Whatever a constraint refuses that was not looked up is then refused before anything is stopped.
    """
    parents = {key.parent for key in stages.catalog.foreign_keys}
    refusing = [one for one in counted if one.table.uniques or one.table.excludes or one.table.name in parents]
    if refusing:
        with stages.connection.transaction(force_rollback=True):
            apply(Stages(stages.connection, stages.catalog), refusing, final=False)


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
def _identified(stages: Stages, touched: Collection[Name]) -> Iterator[None]:
    """
    Give tables that are published, and whose rows nothing identifies to a subscriber, all of their columns for that.

    Else the server refuses to delete from them, even where there is no row to delete.
    """
    oids = [stages.catalog.tables[name].oid for name in touched]
    found = [(Name(schema, name).sql, how) for schema, name, how in stages.connection.execute(_UNIDENTIFIED, (oids,))]
    for table, _ in found:
        stages.run(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
    yield
    for table, how in found:
        stages.run(f"ALTER TABLE {table} REPLICA IDENTITY {how}")


@contextmanager
def _deferred(stages: Stages, touched: Collection[Name], *, final: bool) -> Iterator[None]:
    """
    Let foreign keys wait until the end, and put them back as they were.

    A key that acts on children cannot wait, and must not act. Only one whose parents are touched is dropped: adding it
    again reads all children, which is slow in large tables. One from a table without a key comes again in the *final*
    pass: until then its children are as in the backup.
    """
    waiting = waiting_keys(stages.connection)
    keys = [
        key for key in stages.catalog.foreign_keys if key.child in touched or key.parent in touched or key in waiting
    ]
    loose = [key for key in keys if key in waiting or (key.parent in stages.made and is_loose(stages.catalog, key))]
    dropped = [key for key in keys if key in loose or (key.acts and key.parent in touched)]
    altered = [key for key in keys if key not in dropped and not key.deferrable]
    for key in dropped:
        stages.run(_constraint(key, "DROP", "IF EXISTS "))
    for key in altered:
        stages.run(f"{_constraint(key, 'ALTER')} DEFERRABLE INITIALLY DEFERRED")
    stages.run("SET CONSTRAINTS ALL DEFERRED")
    yield
    stages.run("SET CONSTRAINTS ALL IMMEDIATE")
    for key in altered:
        stages.run(f"{_constraint(key, 'ALTER')} NOT DEFERRABLE")
    forget_waiting(stages.connection)
    for key in dropped:
        if key in loose and not final:
            let_wait(stages.connection, key)
            continue
        stages.run(f"{_constraint(key, 'ADD')} {key.definition}")
        if key.comment is not None:
            stages.run(f"COMMENT ON CONSTRAINT {quote(key.name)} ON {key.child.sql} IS {literal(key.comment)}")


def _constraint(key: ForeignKey, how: str, where: str = "") -> str:
    return f"ALTER TABLE {key.child.sql} {how} CONSTRAINT {where}{quote(key.name)}"
