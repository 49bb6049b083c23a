"""New rows that are written straight into their table, on a real server."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from carry_sites import KEEP_BACKUP, mighty_if, site
from databases import script

from rollbook.postgres import digest
from rollbook.postgres.names import Name
from rollbook.targets.postgres import merging
from rollbook.targets.postgres.carry import carry
from rollbook.targets.postgres.catalog import read_catalog
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.resolving import Stages
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.straight import straight_tables

pytestmark = pytest.mark.server
GOOD = (
    "CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE, size int CHECK (size < 100))",
    "CREATE TABLE c (id int PRIMARY KEY, p int NOT NULL REFERENCES p, up int REFERENCES c)",
    "INSERT INTO p SELECT g, 'c' || g, g FROM generate_series(1, 9) g",
    "INSERT INTO c SELECT g, g FROM generate_series(1, 9) g",
)
Written = list[tuple[str, int, bool]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Let a chunk have one row, and note which batches are written straight: table, rows, and whether it took them."""
    found: Written = []
    write: Callable[..., bool] = merging._write

    def noted(desk: Any, lines: Any) -> bool:
        taken = write(desk, lines)
        found.append((desk.shape.table.name, len(lines), taken))
        return taken

    monkeypatch.setattr(merging, "_write", noted)
    monkeypatch.setattr(digest, "_CHUNK_BITS", 0)
    return found


def listed(url: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    with closing(connect(url)) as restored:
        return sorted((one.kind, one.table.name, one.key, one.settled) for one in read_conflicts(restored))


@pytest.mark.parametrize("mighty", [True, False])
def test_new_rows_go_straight_where_the_account_may_write_as_a_replica(
    trio: Any, written: Written, mighty: bool
) -> None:
    """The rows come to the same either way; later passes change, take and add to what the first one wrote so."""
    users = (
        "INSERT INTO p SELECT g, 'c' || g, 1 FROM generate_series(20, 29) g; UPDATE p SET size = 50 WHERE id = 3",
        "INSERT INTO c SELECT g, g, g FROM generate_series(20, 29) g; INSERT INTO c VALUES (40, 1, 20)",
    )
    sources = mighty_if(trio, site(trio, GOOD, ("SELECT 1",), users), mighty)

    carry(sources, final=False)
    script(
        trio.live, "DELETE FROM c WHERE id = 25; DELETE FROM p WHERE id = 25; UPDATE p SET code = 'c3x' WHERE id = 3"
    )
    script(trio.live, "UPDATE p SET code = 'c25' WHERE id = 26; INSERT INTO p VALUES (30, 'c26', 1)")
    carry(sources, final=True)

    assert written == ([("c", 11, True), ("p", 10, True)] if mighty else [])
    for rows in ("SELECT * FROM p ORDER BY id", "SELECT * FROM c ORDER BY id"):
        assert script(trio.restored, rows) == script(trio.live, rows)
    assert listed(sources.restored) == []


@pytest.mark.parametrize("backup_wins", [True, False])
def test_what_the_table_refuses_goes_over_the_stage(
    trio: Any, written: Written, monkeypatch: pytest.MonkeyPatch, backup_wins: bool
) -> None:
    """A value that changed hands, a clash and a broken check, each in a batch of its own, are settled as they ever are."""
    migration = (
        "ALTER TABLE p DROP CONSTRAINT p_size_check, DROP CONSTRAINT p_code_key",
        "UPDATE p SET code = 'm' WHERE id = 5",
    )
    users = (
        "DELETE FROM c WHERE id = 1; DELETE FROM p WHERE id = 1; INSERT INTO p VALUES (20, 'c1', 1), (21, 'new', 1)",
        "INSERT INTO p VALUES (22, 'new', 2), (23, 'c5', 1), (24, 'big', 500)",
    )
    sources = mighty_if(trio, site(trio, GOOD, migration, users), True)
    monkeypatch.setattr(merging, "BATCH", 1)

    carry(sources, final=True, **({"policy": KEEP_BACKUP} if backup_wins else {}))

    assert written == [("p", 1, taken) for taken in (False, True, False, False, False)]
    found = script(trio.restored, "SELECT id, code FROM p WHERE id IN (1, 5) OR id > 9 ORDER BY id")
    assert listed(sources.restored) == (
        [
            ("check_failed", "p", ("24",), "left_out"),
            ("unique_clash", "p", ("22",), "left_out"),
            ("unique_clash", "p", ("23",), "left_out"),
        ]
        if backup_wins
        else [
            ("check_failed", "p", ("24",), "left_out"),
            ("parent_gone", "c", ("5",), "removed"),
            ("unique_clash", "p", ("22",), "left_out"),
            ("unique_clash", "p", ("5",), "removed"),
        ]
    )
    assert found == ([(5, "c5"), (20, "c1"), (21, "new")] if backup_wins else [(20, "c1"), (21, "new"), (23, "c5")])


@pytest.mark.parametrize("backup_wins", [True, False])
def test_rows_that_were_written_straight_lose_their_parents_like_others(
    trio: Any, written: Written, backup_wins: bool
) -> None:
    """A parent that is left out, that a migration let users do without, or that live no longer has takes its children."""
    migration = (
        "ALTER TABLE p DROP CONSTRAINT p_size_check",
        "ALTER TABLE c DROP CONSTRAINT c_p_fkey, DROP CONSTRAINT c_up_fkey",
    )
    users = (
        "INSERT INTO p VALUES (20, 'big', 500); INSERT INTO c VALUES (20, 20, NULL), (21, 99, NULL), (22, 2, 98), (23, 3, 20)",
        "DELETE FROM p WHERE id = 4; INSERT INTO c VALUES (24, 4, NULL), (25, 5, 24)",
    )
    sources = mighty_if(trio, site(trio, GOOD, migration, users), True)

    carry(sources, final=True, **({"policy": KEEP_BACKUP} if backup_wins else {}))

    assert written == [("c", 6, True), ("p", 1, False)]
    kept = [(2, None), (3, None), *([(4, None)] if backup_wins else []), *((one, None) for one in range(5, 10))]
    new = [(22, None), (23, None), (25, None)]
    found = script(trio.restored, "SELECT id, up FROM c WHERE id > 1 ORDER BY id")
    assert found == [*kept, *new]
    gone = {key for kind, table, (key,), _ in listed(sources.restored) if (kind, table) == ("parent_gone", "c")}
    assert gone >= {"20", "21", "22", "23", "24", "25"} - ({"24"} if backup_wins else set())


def test_tables_of_which_a_replica_would_leave_something_unchecked_are_not_written_to(trio: Any) -> None:
    """Constraints whose check may wait, keys that are full or of partitions, and triggers that replicas fire."""
    script(
        trio.restored,
        *GOOD,
        "CREATE TABLE waits (id int PRIMARY KEY, a int UNIQUE DEFERRABLE)",
        "CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE whole (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES pair MATCH FULL)",
        "CREATE TABLE parted (id int PRIMARY KEY, p int) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parted (FOREIGN KEY (p) REFERENCES p) DEFAULT",
        "CREATE TABLE fires (id int PRIMARY KEY)",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON fires FOR EACH ROW EXECUTE FUNCTION no()",
        "ALTER TABLE fires ENABLE ALWAYS TRIGGER no",
    )

    with closing(connect(trio.mighty().restored)) as mighty, closing(connect(trio.restored)) as keeper:
        found = straight_tables(Stages(mighty, read_catalog(mighty)))
        assert straight_tables(Stages(keeper, read_catalog(keeper))) == frozenset()

    assert found == {Name("public", name) for name in ("p", "c", "pair")}
