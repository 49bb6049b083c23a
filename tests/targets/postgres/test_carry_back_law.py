"""The law of the way back, on random rows: what users wrote since a swap is told from what the rollback left otherwise."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from carry_horizons import note_backup, note_restored
from databases import script
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from rollbook.postgres.conflict import KEEP_LIVE, Policy
from rollbook.postgres.rules import rules_with
from rollbook.targets.postgres.apart import note_apart
from rollbook.targets.postgres.carry import Sources, carry, finish
from rollbook.targets.postgres.carry_back import Since, carry_back
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.stood import keep_stood

pytestmark = pytest.mark.server
KEEP_BACKUP = Policy("keep_backup", {})
# `gone` goes with the migration: no row that is new since has a place in `strict` then, for it wants one.
SCHEMA = """
    CREATE TABLE loose (id integer PRIMARY KEY, a boolean, b text, gone text);
    CREATE TABLE strict (id text PRIMARY KEY, a boolean, b text, gone text NOT NULL)"""
MIGRATED = "ALTER TABLE loose DROP gone; ALTER TABLE strict DROP gone"
# What the migration renamed: nothing, tables and columns, or two tables that have each other's names since.
RENAMED = (
    (),
    (("loose", "wide"), ("wide.b", "c"), ("strict.id", "code"), ("strict.a", "yes")),
    (("loose", "aside"), ("strict", "loose"), ("aside", "strict"), ("strict.b", "c"), ("loose.b", "gone")),
)
TABLES, COLUMNS, KEYS = ("loose", "strict"), ("a", "b"), "123456"

Row = tuple[str, ...]
Renames = tuple[tuple[str, str], ...]
Rows = dict[tuple[str, str], Row]


def value(rng: Random, column: str) -> str:
    return rng.choice(("true", "false", "NULL")) if column == "a" else rng.choice(("'x'", "'y\ty'", "E'\\\\N'", "NULL"))


def deed(rng: Random, *, gone: bool) -> str:
    """Give something that a user or a migration does to a row."""
    table, key, column = rng.choice(TABLES), rng.choice(KEYS), rng.choice(COLUMNS)
    match rng.choice(("insert", "update", "update", "delete")):
        case "insert":
            names, more = ("id, a, b, gone", ", 'g'") if gone else ("id, a, b", "")
            row = f"'{key}', {value(rng, 'a')}, {value(rng, 'b')}{more}"
            return f"INSERT INTO {table} ({names}) VALUES ({row}) ON CONFLICT DO NOTHING"
        case "update":
            return f"UPDATE {table} SET {column} = {value(rng, column)} WHERE id = '{key}'"
    return f"DELETE FROM {table} WHERE id = '{key}'"


def deeds(rng: Random, most: int, *, gone: bool) -> str:
    found = ";\n".join(deed(rng, gone=gone) for _ in range(rng.randint(0, most)))
    note(found)
    return found or "SELECT 1"


@contextmanager
def renamed(renames: Renames, *urls: str) -> Iterator[None]:
    """Let things have their new names meanwhile: no row shows it."""
    there = [statement(old, new) for old, new in renames]
    back = [statement(f"{old.rpartition('.')[0]}.{new}".lstrip("."), old.rpartition(".")[2]) for old, new in renames]
    for url in urls:
        script(url, "SELECT 1", *there)
    yield
    for url in urls:
        script(url, "SELECT 1", *reversed(back))


def statement(old: str, new: str) -> str:
    table, _, column = old.partition(".")
    return f"ALTER TABLE {table} RENAME {column} TO {new}"


def read(url: str) -> Rows:
    queries = (f"SELECT '{table}', id::text, a::text, b::text FROM {table}" for table in TABLES)
    return {(row[0], row[1]): tuple(row[2:]) for query in queries for row in script(url, query)}


@dataclass
class Expected:
    """What the way back comes to; *side* wins where users wrote into what *kept* has otherwise than *swapped*."""

    kept: Rows
    swapped: Rows
    now: Rows
    side: str
    rows: Rows = field(default_factory=dict)
    conflicts: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rows = dict(self.kept)
        for at in self.swapped.keys() | self.now.keys():
            if self.swapped.get(at) != self.now.get(at):
                self._written(at, self.kept.get(at), self.swapped.get(at), self.now.get(at))

    def _written(self, at: tuple[str, str], kept: Row | None, stood: Row | None, now: Row | None) -> None:
        if kept == now:
            return
        if kept is not None and stood is not None and now is not None:
            fought = [k != s and n not in (s, k) for k, s, n in zip(kept, stood, now, strict=True)]
            mine = "live" if self.side == "live" else "kept"
            cells = zip(kept, stood, now, fought, strict=True)
            self.rows[at] = tuple((n if mine == "live" else k) if f else (n if n != s else k) for k, s, n, f in cells)
            if any(fought):
                self.conflicts.add(at)
            return
        if kept != stood and not (kept is None and now is None):
            self.conflicts.add(at)
            if self.side == "backup":
                return
        self.rows.pop(at, None)
        if now is not None:
            self.rows[at] = now


def made(trio: Any, rng: Random, names: Renames, *, based: bool, noted: bool) -> Sources:
    """Make a site, which users write to before and after it is migrated."""
    backup, migration = deeds(rng, 12, gone=True), deeds(rng, 6, gone=False)
    for url in (trio.live, trio.base, trio.restored):
        script(url, f"{SCHEMA}; {backup}")
    if noted:
        note_backup(trio.live, trio.restored)
    if noted or names:
        note_restored(trio.base)
    script(trio.live, deeds(rng, 4, gone=True))
    for url in (trio.live, trio.base):
        script(url, f"{MIGRATED}; {migration}")
    script(trio.live, deeds(rng, 8, gone=False))
    return Sources(trio.live, trio.restored, trio.base if based else None)


def gone_back(trio: Any, rng: Random, sources: Sources, policy: Policy, names: Renames) -> Since:
    """Carry both passes, users writing in between, and swap."""
    with renamed(names, trio.live, trio.base):
        note_apart(sources, rules_with({}))
        carry(sources, final=False, policy=policy)
    script(trio.live, deeds(rng, 4, gone=False))
    with renamed(names, trio.live, trio.base):
        carry(sources, final=True, policy=policy)
        return swapped(trio.restored, trio.live)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rng=st.randoms(use_true_random=False),
    policy=st.sampled_from((KEEP_LIVE, KEEP_BACKUP)),
    back=st.sampled_from((KEEP_LIVE, KEEP_BACKUP)),
    based=st.sampled_from((True, True, False)),
    noted=st.booleans(),
    names=st.sampled_from(RENAMED),
)
def test_the_way_back_takes_what_users_wrote_since_and_nothing_else(
    trio: Any, rng: Random, policy: Policy, back: Policy, based: bool, noted: bool, names: Renames
) -> None:
    """
    Run, write, undo, perhaps twice, write, undo that: every cell and every conflict is as computed separately.

    Whatever the migration renamed, it comes to the same.
    """
    trio.clear()
    names = names if based else ()
    sources = made(trio, rng, names, based=based, noted=noted)
    moment = gone_back(trio, rng, sources, policy, names)
    kept, stood = read(trio.live), read(trio.restored)
    script(trio.restored, deeds(rng, 8, gone=True))

    with renamed(names, trio.live):
        carry_back(trio.restored, trio.live, moment, back)
    if rng.random() < 0.5:  # cut off after it was committed, and perhaps written to meanwhile
        script(trio.restored, deeds(rng, 4, gone=True))
        with renamed(names, trio.live):
            carry_back(trio.restored, trio.live, moment, back)

    expected = Expected(kept, stood, read(trio.restored), "backup" if back is KEEP_BACKUP else "live")
    called = {table: called_since(table, names) for table in TABLES}
    since = {(called[table], key) for table, key in expected.conflicts}
    assert (read(trio.live), conflicts(trio.live)) == (expected.rows, since)
    with renamed(names, trio.live):
        moment = swapped(trio.live, trio.restored, called.values())
    kept, stood = read(trio.restored), read(trio.live)
    script(trio.live, deeds(rng, 8, gone=False))

    with renamed(names, trio.live):
        carry_back(trio.live, trio.restored, moment, back)

    expected = Expected(kept, stood, read(trio.live), "backup" if back is KEEP_BACKUP else "live")
    # What `strict` lacks a value for goes into files, as in any pass.
    left_out = {at for at in expected.rows.keys() - kept.keys() if at[0] == "strict"}
    rows = {at: row for at, row in expected.rows.items() if at not in left_out}
    assert (read(trio.restored), conflicts(trio.restored)) == (rows, expected.conflicts | left_out)
    finish(trio.restored)


def conflicts(url: str) -> set[tuple[str, str]]:
    with closing(connect(url)) as connection:
        return {(one.table.name, one.key[0]) for one in read_conflicts(connection)}


def called_since(table: str, names: Renames) -> str:
    """Give what a table is called since: renames come one after the other."""
    for old, new in names:
        table = new if old == table else table
    return table


def swapped(incoming: str, live: str, tables: Iterable[str] = TABLES) -> Since:
    """Do what a swap, or a way back, does to what the passes wrote down."""
    with closing(connect(incoming)) as ours, closing(connect(live)) as theirs:
        theirs.autocommit = True
        assert keep_stood(ours, theirs)
    finish(incoming)
    ((xid,),) = script(incoming, "SELECT pg_current_xact_id()::text::bigint")
    names = frozenset(f"public.{name}" for name in tables)
    return Since(xid, names, names)
