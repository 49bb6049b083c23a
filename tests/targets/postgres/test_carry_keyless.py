"""Carrying over rows without a key, or whose key is another, on a real server."""

from contextlib import closing
from typing import Any

import pytest
from carry_sites import KEEP_BACKUP, mighty_if, site
from databases import script

from rollbook.errors import StepFailed
from rollbook.postgres.conflict import Policy
from rollbook.postgres.passes import Differing
from rollbook.targets.postgres.carry import carry
from rollbook.targets.postgres.ledger import read_conflicts
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server


def test_rows_without_a_key_are_carried_once(trio: Any) -> None:
    """Rows are counted: as many come and go as users added and took, also when the final pass is done again."""
    good = ("CREATE TABLE log (a text, b int)", "INSERT INTO log VALUES ('x', 1), ('x', 1), ('y', NULL), ('z', 3)")
    users = ("INSERT INTO log VALUES ('y', NULL), (E'n\\tl', 4), ('y', NULL)", "DELETE FROM log WHERE ctid = '(0,1)'")
    sources = site(trio, good, ("DELETE FROM log WHERE a = 'z'",), users)

    for final in (False, True, True):
        carry(sources, final=final)

    found = script(trio.restored, 'SELECT a, b FROM log ORDER BY a COLLATE "C", b')
    assert found == [("n\tl", 4), ("x", 1), ("y", None), ("y", None), ("y", None), ("z", 3)]


REKEYED = (
    "CREATE TABLE t (id int PRIMARY KEY CHECK (id < 100), a int, b text)",
    "INSERT INTO t VALUES (1, 1, 'one'), (2, 2, 'two')",
    "CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO c VALUES (1, 2)",
)
REKEYING = (
    "ALTER TABLE c DROP CONSTRAINT c_t_fkey; ALTER TABLE t DROP CONSTRAINT t_pkey, DROP CONSTRAINT t_id_check",
    "ALTER TABLE t ADD code text, ALTER a TYPE text; UPDATE t SET code = b; ALTER TABLE t ADD PRIMARY KEY (code)",
)


@pytest.mark.parametrize("mighty", [False, True])
def test_what_will_not_fit_where_the_key_is_another_is_told_by_the_first_pass(trio: Any, mighty: bool) -> None:
    """Clashes, checks and values that are none are listed while nothing is stopped, and left out by the final pass."""
    users = (
        "INSERT INTO t (id, a, b, code) VALUES (1, '7', 'same', 'n1'), (3, '3', 'new', 'n2'), (3, '3', 'twice', 'n3')",
        "INSERT INTO t (id, a, b, code) VALUES (4, 'four', 'no number', 'n4'), (500, '5', 'too much', 'n5')",
        "UPDATE t SET b = 'changed' WHERE id = 2",
    )
    sources = mighty_if(trio, site(trio, REKEYED, REKEYING, users), mighty)

    first = carry(sources, final=False)
    with closing(connect(sources.restored)) as restored:
        told = sorted((one.kind, one.about, one.settled, (one.live or {}).get("b")) for one in read_conflicts(restored))
    untouched = script(trio.restored, "SELECT id, a, b FROM t ORDER BY id")
    last = carry(sources, final=True)

    assert told == [
        ("check_failed", "t_id_check", "left_out", "too much"),
        ("no_cast", "", "left_out", "no number"),
        ("unique_clash", "t_pkey", "left_out", "same"),
        ("unique_clash", "t_pkey", "left_out", "twice"),
    ]
    assert untouched == [(1, 1, "one"), (2, 2, "two")]
    assert first.told.conflicts == last.told.conflicts
    assert (first.told.differing, last.told.differing) == ({}, {"t": Differing(6, 0, 1)})
    assert script(trio.restored, "SELECT id, a, b FROM t ORDER BY id") == [
        (1, 1, "one"),
        (2, 2, "changed"),
        (3, 3, "new"),
    ]
    assert script(trio.restored, "SELECT * FROM c") == [(1, 2)]


def test_what_no_look_up_tells_of_rows_without_a_key_is_refused_by_the_first_pass(trio: Any) -> None:
    """An exclusion constraint is asked by writing the rows, which are taken back; nothing is stopped yet."""
    good = ("CREATE TABLE log (a int, EXCLUDE (a WITH =))", "INSERT INTO log VALUES (1)")
    gone = ("ALTER TABLE log DROP CONSTRAINT log_a_excl",)
    sources = site(trio, good, gone, ("INSERT INTO log VALUES (1)",))

    with pytest.raises(StepFailed, match="log_a_excl"):
        carry(sources, final=False)

    script(trio.live, "DELETE FROM log", "INSERT INTO log VALUES (2)")
    carry(sources, final=False)
    between = script(trio.restored, "SELECT a FROM log")
    carry(sources, final=True)
    assert (between, script(trio.restored, "SELECT a FROM log")) == ([(1,)], [(2,)])


LOOSE = (
    "CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE)",
    "CREATE TABLE must (p int NOT NULL REFERENCES p, what text)",
    "CREATE TABLE may (code text REFERENCES p (code) ON UPDATE CASCADE ON DELETE SET NULL) PARTITION BY LIST (code)",
    "CREATE TABLE may_be PARTITION OF may DEFAULT",
    "CREATE TABLE gone (p int NOT NULL CONSTRAINT gone_fk REFERENCES p ON DELETE CASCADE, what text)",
    "COMMENT ON CONSTRAINT gone_fk ON gone IS 'kept'",
    "INSERT INTO p SELECT g, 'c' || g FROM generate_series(1, 9) g",
    "INSERT INTO must SELECT id, 'm' FROM p; INSERT INTO may SELECT code FROM p; INSERT INTO gone SELECT id, 'g' FROM p",
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$",
    "CREATE TRIGGER no BEFORE DELETE ON gone FOR EACH ROW EXECUTE FUNCTION no()",
)
KEYS = "SELECT conname, pg_get_constraintdef(oid), obj_description(oid) FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2"


@pytest.mark.parametrize("backup_wins", [True, False])
@pytest.mark.parametrize("passes", [(True,), (False, True), (False, False, True, True)])
@pytest.mark.parametrize("mighty", [True, False])
def test_children_without_a_key_are_settled_by_the_final_pass(
    trio: Any, mighty: bool, passes: tuple[bool, ...], backup_wins: bool
) -> None:
    """Where users deleted or renamed their parents they follow, and the backup's own are emptied, listed, or keep theirs."""
    users = (
        "DELETE FROM must WHERE p IN (1, 2); DELETE FROM p WHERE id IN (1, 2); UPDATE p SET code = 'new3' WHERE id = 3",
        "INSERT INTO p VALUES (20, 'c20'); INSERT INTO must VALUES (20, 'n'); INSERT INTO may VALUES ('c20')",
    )
    sources = mighty_if(
        trio, site(trio, LOOSE, ("DROP TABLE gone", "DELETE FROM may WHERE code = 'c2'"), users), mighty
    )
    before = script(trio.restored, KEYS)

    for final in passes:
        carry(
            sources,
            final=final,
            policy=KEEP_BACKUP if backup_wins else Policy("keep_live", {}),
        )

    kept = [1, 2] if backup_wins else []
    assert script(trio.restored, "SELECT array_agg(id ORDER BY id) FROM p") == [([*kept, *range(3, 10), 20],)]
    assert script(trio.restored, "SELECT array_agg(p ORDER BY p) FROM must") == [([*range(3, 10), 20],)]
    assert script(trio.restored, "SELECT array_agg(p ORDER BY p) FROM gone") == [([*kept, *range(3, 10)],)]
    found = [one for (one,) in script(trio.restored, "SELECT code FROM may ORDER BY code")]
    assert found == sorted(["c20", "new3", *(f"c{one}" for one in ([2] if backup_wins else []) + [*range(4, 10)])]) + [
        None
    ] * (1 if backup_wins else 2)
    assert script(trio.restored, KEYS) == before
    with closing(connect(sources.restored)) as restored:
        listed = sorted((one.table.name, one.key, one.settled) for one in read_conflicts(restored))
    settled = "backup" if backup_wins else "removed"
    assert [one for one in listed if one[0] == "gone"] == [("gone", (str(one), "g"), settled) for one in (1, 2)]


@pytest.mark.parametrize("mighty", [True, False])
def test_a_child_without_a_key_that_broke_its_own_is_refused_in_words(trio: Any, mighty: bool) -> None:
    """A foreign key that does not hold for old rows tells nothing of which to settle: the pass is taken back."""
    good = (
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (p int NOT NULL)",
        "INSERT INTO p VALUES (1), (2)",
        "INSERT INTO c VALUES (2), (99)",
        "ALTER TABLE c ADD CONSTRAINT c_p_fkey FOREIGN KEY (p) REFERENCES p NOT VALID",
    )
    sources = site(trio, good, ("DROP TABLE c",), ("DELETE FROM p WHERE id = 2", "INSERT INTO p VALUES (3)"))

    with pytest.raises(StepFailed, match="c_p_fkey"):
        carry(mighty_if(trio, sources, mighty), final=True)

    assert script(trio.restored, "SELECT id FROM p ORDER BY id") == [(1,), (2,)]


def test_a_cascade_from_a_parent_without_a_key_is_refused_in_words(trio: Any) -> None:
    """What users delete from a table without a key takes no row of the backup with it unseen."""
    good = (
        "CREATE TABLE p (code text UNIQUE)",
        "CREATE TABLE c (id int PRIMARY KEY, code text REFERENCES p (code) ON DELETE CASCADE)",
        "INSERT INTO p VALUES ('a'), ('b')",
        "INSERT INTO c VALUES (1, 'a'), (2, 'b')",
    )
    sources = site(trio, good, ("DROP TABLE c",), ("DELETE FROM p WHERE code = 'b'",))

    with pytest.raises(StepFailed, match="c_code_fkey"):
        carry(sources, final=True)

    assert script(trio.restored, "SELECT id FROM c ORDER BY id") == [(1,), (2,)]
