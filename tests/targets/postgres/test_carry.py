"""Single cases of carrying over, on a real server."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from databases import script

from rollbook.errors import StepFailed
from rollbook.postgres.conflict import Policy
from rollbook.postgres.names import Name
from rollbook.postgres.passes import Differing
from rollbook.targets.postgres.carry import ConflictsFound, Errand, Sources, carry
from rollbook.targets.postgres.exporting import Exports
from rollbook.targets.postgres.ledger import last_pass, read_conflicts, read_exported
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server
KEEP_BACKUP = Policy("keep_backup", {})


def site(trio: Any, good: Sequence[str], migration: Sequence[str], users: Sequence[str]) -> Sources:
    """Build a site and its backup, migrate it and the base, and let users write."""
    for url in (trio.live, trio.base, trio.restored):
        script(url, *good)
    for url in (trio.live, trio.base):
        script(url, "SELECT 1", *migration)
    script(trio.live, "SELECT 1", *users)
    return Sources(trio.live, trio.restored, trio.base)


def mighty_if(trio: Any, sources: Sources, mighty: bool) -> Sources:
    """Let a superuser carry, who may write as a replica does."""
    other = trio.mighty()
    return Sources(other.live, other.restored, other.base) if mighty else sources


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


def test_tables_without_a_column_in_common_stay_as_in_the_backup(trio: Any, tmp_path: Path) -> None:
    """Nothing of their rows can be carried: what only live has a column for is exported."""
    good = ("CREATE TABLE bare ()", "INSERT INTO bare DEFAULT VALUES", "CREATE TABLE one (a text)")
    users = ("INSERT INTO bare DEFAULT VALUES", "INSERT INTO one VALUES ('new')")
    sources = site(trio, good, ("ALTER TABLE one RENAME a TO b",), users)

    carry(sources, final=False)
    done = carry(sources, final=True, errand=Errand(exports=Exports(tmp_path)))

    assert script(trio.restored, "SELECT (SELECT count(*) FROM bare), (SELECT count(*) FROM one)") == [(1, 0)]
    (exported,) = (one for one in done.told.exported if one.what == "rows of one")
    assert Path(exported.path).read_text().split() == ["b", "new"]


def test_the_last_pass_stops_at_a_conflict_and_keeps_nothing(trio: Any) -> None:
    """With `stop` the first pass goes on, the final one raises, and an answer settles it."""
    good = ("CREATE TABLE t (id int PRIMARY KEY, a text, b text)", "INSERT INTO t VALUES (1, 'a', 'a'), (2, 'a', 'a')")
    sources = site(trio, good, ("UPDATE t SET a = 'm'",), ("UPDATE t SET a = 'u', b = 'u' WHERE id = 1",))
    stop = Policy("stop", {})

    carry(sources, final=False, policy=stop)
    with pytest.raises(ConflictsFound) as caught:
        carry(sources, final=True, policy=stop)
    with closing(connect(trio.restored)) as restored:
        last = last_pass(restored)
    assert last is not None
    assert not last.final
    carry(sources, final=True, policy=Policy("stop", {("edited_by_both", Name("public", "t")): "backup"}))

    assert [(one.kind, one.key, one.about) for one in caught.value.conflicts] == [("edited_by_both", ("1",), "a")]
    assert script(trio.restored, "SELECT * FROM t ORDER BY id") == [(1, "a", "u"), (2, "a", "a")]


def test_what_has_no_column_in_the_backup_is_exported(trio: Any) -> None:
    """Cells of a column that the migration added are kept aside, with their key."""
    good = ("CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t VALUES (1, 'a')")
    users = ("UPDATE t SET later = 'mine' WHERE id = 1", "INSERT INTO t VALUES (2, 'b', 'new')")
    sources = site(trio, good, ("ALTER TABLE t ADD later text DEFAULT 'd'",), users)

    carry(sources, final=True)

    with closing(connect(trio.restored)) as restored:
        found = [(key, dict(cells)) for _, key, cells in read_exported(restored)]
    assert found == [(("1",), {"later": "mine"}), (("2",), {"later": "new"})]
    assert script(trio.restored, "SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("backup_wins", [True, False])
def test_a_deleted_parent_takes_no_row_with_it_unseen(trio: Any, backup_wins: bool) -> None:
    """A key that cascades does not: the children of a dropped table are listed, and stay or go by the policy."""
    good = (
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (id int PRIMARY KEY, p int NOT NULL REFERENCES p ON DELETE CASCADE)",
        "INSERT INTO p VALUES (1), (2)",
        "INSERT INTO c VALUES (10, 1), (20, 2)",
    )
    sources = site(trio, good, ("DROP TABLE c",), ("DELETE FROM p WHERE id = 2",))

    carry(sources, final=True, **({"policy": KEEP_BACKUP} if backup_wins else {}))

    with closing(connect(trio.restored)) as restored:
        listed = [(one.kind, one.table.name, one.key, one.settled) for one in read_conflicts(restored)]
    assert listed == [("parent_gone", "c", ("20",), "backup" if backup_wins else "removed")]
    assert (
        len(script(trio.restored, "SELECT * FROM p"))
        == len(script(trio.restored, "SELECT * FROM c"))
        == 1 + backup_wins
    )


def test_unique_expressions_and_partial_indexes_are_looked_up(trio: Any) -> None:
    """A unique index over an expression, or of some rows only, is a clash in the plan and no error of the server."""
    good = (
        "CREATE TABLE t (id int PRIMARY KEY, mail text, open boolean)",
        "CREATE UNIQUE INDEX one ON t (lower(mail)) WHERE open",
        "INSERT INTO t VALUES (1, 'A@x', true), (2, 'b@x', false)",
    )
    sources = site(
        trio, good, ("DELETE FROM t WHERE id = 1",), ("INSERT INTO t VALUES (3, 'a@X', true), (4, 'B@x', true)",)
    )

    carry(sources, final=True)

    assert script(trio.restored, "SELECT id FROM t ORDER BY id") == [(2,), (3,), (4,)]


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


def test_what_is_settled_is_not_unsettled_again(trio: Any) -> None:
    """A parent that was emptied for its own parent's sake is not filled again for its child's: the rounds end."""
    good = (
        "CREATE TABLE root (id int PRIMARY KEY)",
        "CREATE TABLE a (id int PRIMARY KEY, u int UNIQUE REFERENCES root)",
        "CREATE TABLE b (id int PRIMARY KEY, x int NOT NULL REFERENCES a (u))",
        "INSERT INTO root VALUES (1)",
        "INSERT INTO a VALUES (1, 1)",
        "INSERT INTO b VALUES (1, 1)",
    )
    sources = site(trio, good, ("DROP TABLE b, a",), ("DELETE FROM root",))

    carry(sources, final=True, policy=KEEP_BACKUP)

    rows = "SELECT (SELECT count(*) FROM root), (SELECT count(*) FROM a), (SELECT count(*) FROM b)"
    assert script(trio.restored, rows) == [(0, 1, 0)]


def test_addresses_are_not_shown() -> None:
    """An address may hold a password."""
    assert "sesame" not in repr(Sources("postgresql://u:sesame@h/d", "postgresql://u:sesame@h/e", None))


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


def test_no_trigger_and_no_cascade_acts_when_a_superuser_carries(trio: Any) -> None:
    """Whatever a trigger is enabled for, it stays silent and as it was; deleted parents take no child with them."""
    good = (
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE)",
        "INSERT INTO p VALUES (1), (2), (3)",
        "INSERT INTO c VALUES (1, 1), (2, 2)",
    )
    users = ("UPDATE c SET p = 3 WHERE id = 2", "DELETE FROM p WHERE id = 2", "INSERT INTO c VALUES (900, 3)")
    sources = mighty_if(trio, site(trio, good, ("SELECT 1",), users), True)
    script(trio.restored, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''fired''; END'")
    for name, enabled in (("o", ""), ("a", "ALWAYS"), ("r", "REPLICA")):
        made = f"CREATE TRIGGER {name} BEFORE INSERT OR DELETE ON c FOR EACH ROW EXECUTE FUNCTION refuse()"
        script(trio.restored, made, f"ALTER TABLE c ENABLE {enabled} TRIGGER {name}")

    carry(sources, final=True)

    assert script(trio.restored, "SELECT id, p FROM c ORDER BY id") == [(1, 1), (2, 3), (900, 3)]
    enabled = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert script(trio.restored, enabled) == [("a", "A"), ("o", "O"), ("r", "R")]


def test_unique_values_whose_check_may_wait_are_checked_when_a_superuser_carries(trio: Any) -> None:
    """A replica would not check them: the server's triggers stay in force for such a table."""
    good = (
        "CREATE TABLE t (id int PRIMARY KEY, a int, EXCLUDE (a WITH =) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO t VALUES (1, 1)",
    )
    gone = ("ALTER TABLE t DROP CONSTRAINT t_a_excl",)
    sources = mighty_if(trio, site(trio, good, gone, ("INSERT INTO t VALUES (2, 1)",)), True)

    with pytest.raises(StepFailed, match="t_a_excl"):
        carry(sources, final=True)


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


PARTS = (
    "CREATE TABLE event (id serial, day int, what text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "INSERT INTO event (day, what) VALUES (1, 'old')",
)


@pytest.mark.parametrize("based", [False, True])
def test_partitions_that_came_since_the_backup_are_made_for_their_rows(trio: Any, based: bool) -> None:
    """A job of the site's made them, before the first pass or after it; nested ones too, and with the parent's owner."""
    sources = site(trio, PARTS, (), ("CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (10) TO (20)",))
    sources = sources if based else Sources(sources.live, sources.restored, None)
    script(sources.live, "INSERT INTO event (day, what) VALUES (11, 'new')")
    first = carry(sources, final=False)
    nested = (
        "CREATE TABLE event_3 PARTITION OF event FOR VALUES FROM (20) TO (40) PARTITION BY LIST (day)",
        "CREATE TABLE event_31 PARTITION OF event_3 FOR VALUES IN (31)",
        "UPDATE event SET day = 31 WHERE what = 'old'",
    )
    script(sources.live, "SELECT 1", *nested)

    last = carry(sources, final=True)

    assert (first.told.partitions, last.told.partitions) == (("event_2",), ("event_3", "event_31"))
    found = script(sources.restored, "SELECT tableoid::regclass::text, what FROM event ORDER BY 1")
    assert found == [("event_2", "new"), ("event_31", "old")]
    assert script(sources.restored, "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename ~ '^event'") == [
        ("keeper",)
    ]


def test_partitions_that_do_not_go_beside_those_of_the_backup_are_left_out(trio: Any) -> None:
    """Where the migration divided a table anew, its rows go where the backup has a place for them."""
    anew = ("DROP TABLE event_1", "CREATE TABLE event_12 PARTITION OF event FOR VALUES FROM (0) TO (5)")
    sources = site(trio, PARTS, anew, ("INSERT INTO event (day, what) VALUES (2, 'new')",))

    done = carry(sources, final=True)

    assert done.told.partitions == ()
    assert script(sources.restored, "SELECT tableoid::regclass::text, what FROM event ORDER BY what") == [
        ("event_1", "new"),
        ("event_1", "old"),
    ]


@pytest.mark.parametrize("mighty", [False, True])
def test_no_rule_acts_while_rows_are_carried(trio: Any, mighty: bool) -> None:
    """What a rule made of a write of users' is carried as it is in live, and nothing else; the rules are kept."""
    good = (
        "CREATE TABLE kept (id int PRIMARY KEY, a text)",
        "CREATE TABLE noted (id serial PRIMARY KEY, a text)",
        "INSERT INTO kept VALUES (1, 'x'), (2, 'x')",
        "CREATE RULE hide AS ON DELETE TO kept DO INSTEAD UPDATE kept SET a = 'gone' WHERE id = OLD.id",
        "CREATE RULE note AS ON INSERT TO kept DO ALSO INSERT INTO noted (a) VALUES (NEW.a)",
        "ALTER TABLE kept ENABLE ALWAYS RULE note",
    )
    users = (
        "DELETE FROM kept WHERE id = 1",
        "INSERT INTO kept VALUES (3, 'new')",
        "UPDATE kept SET a = 'y' WHERE id = 2",
    )
    sources = mighty_if(trio, site(trio, good, (), users), mighty)

    carry(sources, final=False)
    carry(sources, final=True)

    assert script(trio.restored, "SELECT * FROM kept ORDER BY id") == [(1, "gone"), (2, "y"), (3, "new")]
    assert script(trio.restored, "SELECT * FROM noted") == [(1, "new")]
    ruled = "SELECT rulename, ev_enabled::text FROM pg_rewrite WHERE rulename IN ('hide', 'note') ORDER BY 1"
    assert script(trio.restored, ruled) == [("hide", "O"), ("note", "A")]


@pytest.mark.parametrize("mighty", [False, True])
def test_percent_signs_and_braces_in_names_are_names(trio: Any, tmp_path: Path, mighty: bool) -> None:
    """Tables, keys, columns and constraints of any name are carried, with their conflicts, exports and sequences."""
    good = (
        'CREATE TABLE "%s" ("%(id)s" serial PRIMARY KEY, "100%" text UNIQUE, "{x}" int CHECK ("{x}" > 0), "%%" text)',
        'CREATE TABLE "50% off" ("%b" int REFERENCES "%s", "%t" text, UNIQUE ("%b", "%t"))',
        'CREATE TABLE "100%" ("%" text, "%s" int REFERENCES "%s" ON DELETE SET NULL)',
        """INSERT INTO "%s" ("100%", "{x}") VALUES ('a', 1), ('b', 2), ('c', 3)""",
        """INSERT INTO "50% off" VALUES (1, 'x'), (2, 'y')""",
        """INSERT INTO "100%" VALUES ('x', 1)""",
    )
    migration = ('ALTER TABLE "%s" DROP CONSTRAINT "%s_{x}_check", ADD "new %" text', 'CREATE TABLE "only %" ("%" int)')
    users = (
        """INSERT INTO "%s" ("100%", "{x}", "new %") VALUES ('d', 4, 'n'), ('bad', -5, 'n')""",
        """UPDATE "%s" SET "100%" = 'z', "new %" = 'm' WHERE "100%" = 'b'""",
        """DELETE FROM "%s" WHERE "100%" = 'c'""",
        """INSERT INTO "50% off" VALUES (2, 'new')""",
        """INSERT INTO "100%" VALUES ('new', 2)""",
        """INSERT INTO "only %" VALUES (7)""",
    )
    sources = mighty_if(trio, site(trio, good, migration, users), mighty)

    carry(sources, final=False)
    done = carry(sources, final=True, errand=Errand(exports=Exports(tmp_path)))

    assert script(trio.restored, 'SELECT "100%" FROM "%s" ORDER BY 1') == [("a",), ("d",), ("z",)]
    assert script(trio.restored, 'SELECT * FROM "50% off" ORDER BY 2') == [(2, "new"), (1, "x"), (2, "y")]
    assert script(trio.restored, 'SELECT * FROM "100%" ORDER BY 1') == [("new", 2), ("x", 1)]
    assert {one.what for one in done.told.exported} >= {"conflicts", "cells without a column", "rows of only %"}
    assert script(trio.restored, """SELECT nextval('"%s_%(id)s_seq"')""") == [(6,)]
