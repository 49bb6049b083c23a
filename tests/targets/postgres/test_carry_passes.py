"""What a later pass of carrying over looks at again, and what was new since the backup, on a real server."""

from contextlib import closing
from typing import Any

import pytest
from carry_horizons import note_backup
from carry_sites import mighty_if, site
from databases import script

from rollbook.postgres.names import Name
from rollbook.postgres.passes import Differing
from rollbook.targets.postgres.carry import Errand, carry
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server


def test_a_later_pass_looks_only_at_what_moved(trio: Any) -> None:
    """Rows that the first pass carried are not read again, are in, and are told with those of the final pass."""
    good = (
        "CREATE TABLE t (id int PRIMARY KEY, a text)",
        "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 5000) g",
    )
    users = "INSERT INTO t SELECT g, 'n' FROM generate_series(6001, 9000) g; UPDATE t SET a = 'u' WHERE id = 7"
    sources = site(trio, good, ("SELECT 1",), (users,))
    looked: list[int] = []
    errand = Errand(watch=looked.append)

    carry(sources, final=False, errand=errand)
    script(trio.live, "INSERT INTO t VALUES (9999, 'late')", "DELETE FROM t WHERE id = 6500")
    first, looked[:] = sum(looked), []
    done = carry(sources, final=True, errand=errand)

    assert first == 3001
    assert sum(looked) < 300
    assert done.differing == ((Name("public", "t"), Differing(3000, 1, 0)),)
    found = script(trio.restored, "SELECT count(*), count(*) FILTER (WHERE a <> 'x') FROM t")
    assert found == [(8000, 3001)]


def test_rows_beyond_the_last_key_of_the_backup_are_carried_as_they_are(trio: Any) -> None:
    """Nothing is kept of each; one that users deleted later goes, and one that does not fit is listed with both sides."""
    good = (
        "CREATE TABLE t (id int PRIMARY KEY, a text UNIQUE)",
        "INSERT INTO t SELECT g, 'x' || g FROM generate_series(1, 300) g",
    )
    dropped = ("ALTER TABLE t DROP CONSTRAINT t_a_key",)
    users = "INSERT INTO t SELECT g, 'n' || g FROM generate_series(1000, 2000) g"
    sources = site(trio, good, dropped, (users,))
    pristine = "SELECT 'rollbook.pristine_' || 't'::regclass::oid::text"

    carry(sources, final=False)
    ((kept,),) = script(trio.restored, pristine)
    recorded = script(trio.restored, f"SELECT count(*) FROM {kept}")
    script(trio.live, "DELETE FROM t WHERE id = 1500", "UPDATE t SET a = 'x7' WHERE id = 1600")
    carry(sources, final=True)

    assert recorded == [(0,)]
    assert script(trio.restored, "SELECT count(*) FROM t") == [(300 + 1001 - 2,)]
    assert script(trio.restored, "SELECT id FROM t WHERE a = 'x7' OR id IN (1500, 1600)") == [(1600,)]
    with closing(connect(trio.restored)) as restored:
        found = [(one.kind, one.key, one.settled) for one in read_conflicts(restored)]
    assert found == [("unique_clash", ("7",), "removed")]


def test_a_value_beyond_the_last_key_that_the_backup_refuses_is_listed(trio: Any) -> None:
    """New rows are loaded as they are; those that a column does not take are merged by themselves."""
    good = ("CREATE TABLE t (id int PRIMARY KEY, a int, b text NOT NULL)", "INSERT INTO t VALUES (1, 1, 'b')")
    loose = ("ALTER TABLE t ALTER a TYPE text, ALTER b DROP NOT NULL",)
    users = "INSERT INTO t SELECT g, g::text, 'b' FROM generate_series(1000, 1300) g"
    odd = ("UPDATE t SET a = 'odd' WHERE id = 1100", "UPDATE t SET b = NULL WHERE id = 1200")
    sources = site(trio, good, loose, (users, *odd))

    carry(sources, final=True)

    assert script(trio.restored, "SELECT count(*), count(a) FROM t") == [(301, 300)]
    with closing(connect(trio.restored)) as restored:
        found = [(one.kind, one.key, one.settled) for one in read_conflicts(restored)]
    assert sorted(found) == [("no_cast", ("1100",), "null"), ("null_refused", ("1200",), "left_out")]


@pytest.mark.parametrize("mighty", [True, False])
def test_a_parent_that_one_pass_carried_and_users_deleted_leaves_no_child(trio: Any, mighty: bool) -> None:
    """A child that did not change since is looked at again where its parent goes, also where live has no key any more."""
    good = (
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (id int PRIMARY KEY, p int NOT NULL REFERENCES p)",
        "INSERT INTO p SELECT generate_series(1, 2000)",
        "INSERT INTO c SELECT g, g FROM generate_series(1, 2000) g",
    )
    users = (
        "INSERT INTO p SELECT generate_series(10000, 12000)",
        "INSERT INTO c SELECT g + 20000, g FROM generate_series(10000, 12000) g",
    )
    site_now = site(trio, good, ("ALTER TABLE c DROP CONSTRAINT c_p_fkey",), users)
    sources = mighty_if(trio, site_now, mighty)

    carry(sources, final=False)
    script(trio.live, "DELETE FROM p WHERE id IN (1000, 11000)")
    carry(sources, final=True)

    assert script(trio.restored, "SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM c)") == [(3999, 3999)]
    with closing(connect(sources.restored)) as restored:
        found = sorted((one.kind, one.key, one.settled) for one in read_conflicts(restored))
    assert found == [("parent_gone", ("1000",), "removed"), ("parent_gone", ("31000",), "left_out")]


INTEGER = "CREATE TABLE t (id int PRIMARY KEY, a text)"
TEXT = "CREATE TABLE t (id text PRIMARY KEY, a text)"
PARTS = (
    "CREATE TABLE t (id int PRIMARY KEY, a text) PARTITION BY RANGE (id)",
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (2000)",
    "CREATE TABLE t2 PARTITION OF t DEFAULT",
)
LATER = {
    "nothing": "SELECT 1",
    "a row went": "DELETE FROM t WHERE id::int = 4321",
    "one went and one came elsewhere": "DELETE FROM t WHERE id::int = 4321; INSERT INTO t VALUES ('77777', 'late')",
    "one went and came back": "DELETE FROM t WHERE id::int = 30; INSERT INTO t VALUES ('30', 'again')",
    "a key changed": "UPDATE t SET id = '88888' WHERE id::int = 30",
    "a cell changed back": "UPDATE t SET a = 'x' WHERE id::int = 7",
    "one went but stayed": "BEGIN; DELETE FROM t WHERE id::int < 900; ROLLBACK",
    "all went": "TRUNCATE t",
    "all is other": "UPDATE t SET a = 'u'",
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("made", [(INTEGER,), (TEXT,), PARTS], ids=["integer", "text", "partitioned"])
def test_a_later_pass_knows_what_moved_by_transactions(trio: Any, made: tuple[str, ...], later: str) -> None:
    """Whatever came, went or was changed since the first pass, the final one leaves what live has, and hashes nothing."""
    good = (*made, "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 5000) g")
    users = "INSERT INTO t SELECT g, 'n' FROM generate_series(6001, 7000) g; UPDATE t SET a = 'u' WHERE id::int = 7"
    sources = site(trio, good, ("SELECT 1",), (users,))

    carry(sources, final=False)
    # So that a pass which compares sums again finds all of the table moved, and looks at each of its rows.
    script(trio.restored, "UPDATE rollbook.sums SET sum = split_part(sum, chr(9), 1) || chr(9) || '0'")
    # Each by itself, as users' statements are.
    script(trio.live, *LATER[later].split("; "))
    looked: list[int] = []
    carry(sources, final=True, errand=Errand(watch=looked.append))

    every = "SELECT id::int, a FROM t ORDER BY 1"
    assert script(trio.restored, every) == script(trio.live, every)
    if not later.startswith("all"):
        assert sum(looked) < 300


@pytest.mark.parametrize("made", [(INTEGER,), (TEXT,), PARTS], ids=["integer", "text", "partitioned"])
def test_what_came_between_two_passes_and_went_before_the_third_is_gone(trio: Any, made: tuple[str, ...]) -> None:
    """A row that went after the pass that carried it leaves its chunk with as many as the pass before had seen."""
    good = (*made, "INSERT INTO t SELECT g * 2, 'x' FROM generate_series(1, 5000) g")
    sources = site(trio, good, ("SELECT 1",), ("UPDATE t SET a = 'u' WHERE id::int = 8",))

    carry(sources, final=False)
    script(trio.live, "INSERT INTO t VALUES ('777', 'came'), ('88888', 'came')")
    carry(sources, final=False)
    script(trio.live, "DELETE FROM t WHERE id::int IN (777, 88888)", "UPDATE t SET a = 'v' WHERE id::int = 4000")
    carry(sources, final=True)

    every = "SELECT id::int, a FROM t ORDER BY 1"
    assert script(trio.restored, every) == script(trio.live, every)


@pytest.mark.parametrize("what", ["another cluster", "a column made anew", "a part attached"])
def test_a_later_pass_compares_sums_where_transactions_tell_nothing(trio: Any, what: str) -> None:
    """Where the note is not of live's history, or rows came that nobody wrote, all is compared, and nothing is missed."""
    good = (*PARTS, "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 3000) g", "CREATE TABLE aside (LIKE t)")
    good = (*good, "INSERT INTO aside SELECT g, 'aside' FROM generate_series(10001, 10100) g")
    meanwhile = {
        "another cluster": (
            "UPDATE rollbook.horizons SET told = jsonb_set(told, '{system}', '\"1\"')",
            "UPDATE t SET a = 'late' WHERE id = 5",
        ),
        "a column made anew": ("SELECT 1", "ALTER TABLE t DROP a; ALTER TABLE t ADD a text DEFAULT 'anew'"),
        "a part attached": (
            "SELECT 1",
            "ALTER TABLE t DETACH PARTITION t2; ALTER TABLE t ATTACH PARTITION aside FOR VALUES FROM (10001) TO (11000)",
        ),
    }
    sources = site(trio, good, ("SELECT 1",), ("UPDATE t SET a = 'u' WHERE id = 7",))

    carry(sources, final=False)
    note, change = meanwhile[what]
    script(trio.restored, note)
    script(trio.live, change)
    carry(sources, final=True)

    every = "SELECT id, a FROM t ORDER BY 1"
    assert script(trio.restored, every) == script(trio.live, every)


def test_a_note_that_only_counts_is_no_sum(trio: Any) -> None:
    """Where a first pass knew what is newer than the backup, it notes how many rows there are, which tells no change."""
    good = (INTEGER, "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 5000) g")
    sources = site(trio, good, ("SELECT 1",), ("SELECT 1",))
    note_backup(trio.live, trio.restored)
    script(trio.live, "UPDATE t SET a = 'u' WHERE id = 7")

    carry(sources, final=False)
    noted = script(trio.restored, "SELECT DISTINCT sum FROM rollbook.sums WHERE relation = 't'::regclass ORDER BY 1")
    script(trio.restored, "DELETE FROM rollbook.horizons WHERE name LIKE 'pass%'")
    script(trio.live, "UPDATE t SET a = 'late' WHERE id = 9")
    carry(sources, final=True)

    assert noted == [("127",), ("128",), ("9",)]
    assert script(trio.restored, "SELECT id, a FROM t WHERE a <> 'x' ORDER BY 1") == [(7, "u"), (9, "late")]
