"""The law of carrying over, on random sites: what comes of it is what an oracle computes over plain dicts."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from random import Random
from typing import Any

import psycopg
import pytest
from carry_horizons import note_backup, note_restored
from carry_oracle import Conflicts, Database, KeyLaw, Oracle, TableLaw
from carry_worlds import World, make_world, migrate, use
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from rollbook.postgres import digest
from rollbook.postgres.conflict import KEEP_LIVE, Policy
from rollbook.postgres.passes import Carried
from rollbook.targets.postgres import merging
from rollbook.targets.postgres.carry import Sources, carry, finish
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server
KEEP_BACKUP = Policy("keep_backup", {})
EXAMPLES = int(os.environ.get("ROLLBOOK_CARRY_EXAMPLES", "30"))
TORTURED = 400
_WRITE = merging._write
_REFUSE = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''fired''; END'"
_SCHEMA = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable, condeferred, convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgrelid::regclass::text, tgname, tgenabled::text, true, true, true FROM pg_trigger
    WHERE NOT tgisinternal ORDER BY 1, 2"""


def session(url: str) -> psycopg.Connection[Any]:
    opened = connect(url)
    opened.autocommit = True
    opened.execute("SET search_path = public")
    return opened


def attempt(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Execute what a user or a migration wants; it may be refused."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (
        psycopg.errors.DataError,
        psycopg.errors.IntegrityError,
        psycopg.ProgrammingError,
        psycopg.NotSupportedError,
    ):
        return False
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False
    return True


def read(connection: psycopg.Connection[Any], world: World) -> Database:
    found: Database = {}
    for tab in world.tables.values():
        columns = [name for name in present(connection, tab.name) if name != "made"]
        if columns:
            texts = ", ".join(f"{name}::text" for name in columns)
            rows = [
                dict(zip(columns, row, strict=True)) for row in connection.execute(f"SELECT {texts} FROM {tab.name}")
            ]
            found[tab.name] = {tuple(row[col] for col in tab.key): row for row in rows}
    return found


def present(connection: psycopg.Connection[Any], table: str) -> dict[str, tuple[bool, str]]:
    query = (
        "SELECT column_name, is_nullable = 'NO', data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s"
    )
    return {name: (required, type_) for name, required, type_ in connection.execute(query, (table,))}


def laws(world: World, live: psycopg.Connection[Any]) -> dict[str, TableLaw]:
    found = {}
    for tab in world.tables.values():
        theirs = present(live, tab.name)
        retyped = [
            col for col in tab.cols.values() if theirs.get(col.name, (0, ""))[1] == "text" and col.type != "text"
        ]
        found[tab.name] = TableLaw(
            name=tab.name,
            columns=tuple(tab.cols),
            live_columns=tuple(theirs),
            required=frozenset(col.name for col in tab.cols.values() if col.required),
            defaults={col.name: col.default for col in tab.cols.values()},
            uniques=tab.uniques,
            refuses={col.name: frozenset({"\\zz"}) for col in retyped},
        )
    return found


def marks(connection: psycopg.Connection[Any]) -> dict[str, int]:
    names = [row[0] for row in connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")]
    states = {
        name: connection.execute(f"SELECT last_value, is_called FROM {name}").fetchone() or (0, False) for name in names
    }
    return {name: last + int(called) for name, (last, called) in states.items()}


def build(trio: Any, world: World, rng: Random, *, noted: bool) -> None:
    """Make the site three times, let users write in the live one, and migrate that and the base."""
    for url in (trio.live, trio.base, trio.restored):
        with closing(session(url)) as connection:
            connection.execute(";".join([_REFUSE, *world.script()]).encode())
            if url == trio.restored:
                for name in world.tables:
                    connection.execute(f"ALTER TABLE {name} ENABLE {rng.choice(('', '', 'ALWAYS'))} TRIGGER noisy")
    if noted:
        note_backup(trio.live, trio.restored)
    note_restored(trio.base)
    with closing(session(trio.live)) as live, closing(session(trio.base)) as base:
        write(live, use(rng, world))
        for statement in migrate(rng, world):
            note(f"migration: {statement}")
            if attempt(live, statement):
                attempt(base, statement)


def renames(
    rng: Random, world: World, live: psycopg.Connection[Any], base: psycopg.Connection[Any], part: float
) -> list[tuple[str, str]]:
    """Give statements by which a migration renames columns and tables, each with the one that takes it back."""
    found = []
    for tab in world.tables.values():
        known = [name for name in present(live, tab.name) if name in tab.cols and name in present(base, tab.name)]
        altering = f"ALTER TABLE {tab.name} RENAME"
        found += [
            (f"{altering} {name} TO {name}_2", f"{altering} {name}_2 TO {name}")
            for name in known
            if rng.random() < part
        ]
        if known and rng.random() < part:
            found.append((f"{altering} TO {tab.name}_2", f"ALTER TABLE {tab.name}_2 RENAME TO {tab.name}"))
    return found


@contextmanager
def renamed(renaming: list[tuple[str, str]], *connections: psycopg.Connection[Any]) -> Iterator[None]:
    """Let things have their new names for as long as a pass takes: no row shows it."""
    for connection in connections:
        for statement, _ in renaming:
            connection.execute(statement.encode())
    yield
    for connection in connections:
        for _, statement in reversed(renaming):
            connection.execute(statement.encode())


def write(live: psycopg.Connection[Any], statements: list[str]) -> None:
    for statement in statements:
        note(f"{'did' if attempt(live, statement) else 'did not'}: {statement}")


@pytest.mark.parametrize("noted", [True, False])
def test_passes_come_to_what_the_oracle_says(trio: Any, noted: bool) -> None:
    """
    Every cell, every conflict, every constraint and trigger, and every sequence is as computed separately.

    With chunks of a row or two, passes after the first one pass over most of what did not change in between, and new
    rows beyond the backup's last key are not merged. A superuser writes as a replica does, and such rows straight into
    their tables. Where it is *noted* which rows the backup had, only those written since are looked at. Whatever the
    migration renamed, it comes to the same.
    """
    hold_to_the_law(trio, EXAMPLES if noted else EXAMPLES // 2, noted=noted)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("noted", [True, False])
def test_many_passes_come_to_what_the_oracle_says(trio: Any, noted: bool) -> None:
    """The same on many more sites than a usual run has time for."""
    hold_to_the_law(trio, TORTURED, noted=noted)


def hold_to_the_law(trio: Any, examples: int, *, noted: bool) -> None:
    """Hold as many *examples* of random sites to the oracle, and see that they went all the ways there are."""
    looked: Counter[bool] = Counter()
    straight: Counter[bool] = Counter()

    def write_straight(*given: Any) -> bool:
        straight[taken := _WRITE(*given)] += 1
        return taken

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        rng=st.randoms(use_true_random=False),
        policy=st.sampled_from((KEEP_LIVE, KEEP_BACKUP)),
        based=st.sampled_from((True, True, False)),
        bits=st.sampled_from((0, 0, 1, 7)),
        mighty=st.sampled_from((True, True, False)),
        batch=st.sampled_from((1, 2, 100)),
        names=st.sampled_from((0.0, 0.3)),
    )
    def law(rng: Random, policy: Any, based: bool, bits: int, mighty: bool, batch: int, names: float) -> None:
        trio.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(digest, "_CHUNK_BITS", bits)
            patch.setattr(merging, "_write", write_straight)
            patch.setattr(merging, "BATCH", batch)
            looked.update(hold_to_the_oracle(trio, rng, policy, based=based, mighty=mighty, noted=noted, names=names))

    law()

    assert looked[False] > (looked.total() // 8 if noted else -1)
    assert noted or not looked[False]
    assert straight[True]


def hold_to_the_oracle(
    trio: Any, rng: Random, policy: Any, *, based: bool, mighty: bool, noted: bool, names: float
) -> Iterable[bool]:
    """
    Carry the rows of a random site in three passes, and compare; says of its tables whether all was looked at.

    *names* is which part of all columns the migration renamed, and about which of all tables.
    """
    world = make_world(rng)
    note("\n".join(world.script()))
    build(trio, world, rng, noted=noted)
    carrier = trio.mighty() if mighty else trio
    sources = Sources(carrier.live, carrier.restored, carrier.base if based else None)
    with (
        closing(session(trio.live)) as live,
        closing(session(trio.restored)) as restored,
        closing(session(trio.base)) as base,
    ):
        backup, schema, ours = read(restored, world), restored.execute(_SCHEMA).fetchall(), marks(restored)
        write(live, use(rng, world))

        renaming = renames(rng, world, live, base, names if based else 0.0)

        def one_pass(*, final: bool) -> Carried:
            with renamed(renaming, live, base):
                return carry(sources, final=final, policy=policy)

        first = one_pass(final=False)
        note("first pass done")
        write(live, use(rng, world)[: rng.randint(0, 4)])
        one_pass(final=False)
        note("second pass done")
        write(live, use(rng, world)[: rng.choice((0, 2, 99))])
        one_pass(final=True)

        keys = [KeyLaw(fk.name, fk.child, fk.columns, fk.parent, fk.parent_columns) for fk in world.keys]
        now, old = read(live, world), read(base, world) if based else None
        oracle = Oracle(laws(world, live), keys, backup, now, old, "backup" if policy is KEEP_BACKUP else "live")
        assert read(restored, world) == oracle.rows
        assert conflicts(carrier.restored) == oracle.conflicts
        assert restored.execute(_SCHEMA).fetchall() == schema
        theirs = marks(live)
        assert all(mark >= max(ours[name], theirs.get(name, 0)) for name, mark in marks(restored).items())
        finish(carrier.restored)
    return [str(name) in first.told.whole for name, _ in first.differing]


def conflicts(url: str) -> Conflicts:
    with closing(connect(url)) as restored:
        return {(one.kind, one.table.name, one.key, one.about): one.settled for one in read_conflicts(restored)}
