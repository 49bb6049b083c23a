"""Carrying over between tables whose columns, partitions or names are unlike, on a real server."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from carry_sites import mighty_if, site
from databases import script

from rollbook.postgres.conflict import KEEP_LIVE
from rollbook.postgres.rules import rules_with
from rollbook.targets.postgres.apart import note_apart
from rollbook.targets.postgres.carry import Errand, Sources, carry, finish
from rollbook.targets.postgres.carry_back import Since, carry_back
from rollbook.targets.postgres.exporting import Exports
from rollbook.targets.postgres.ledger import read_conflicts, read_exported
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.stood import keep_stood

pytestmark = pytest.mark.server


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


def test_addresses_are_not_shown() -> None:
    """An address may hold a password."""
    assert "sesame" not in repr(Sources("postgresql://u:sesame@h/d", "postgresql://u:sesame@h/e", None))


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
@pytest.mark.parametrize("key", ["PRIMARY KEY (id, day)", "CHECK (day > 0)"])
def test_rows_that_no_partition_takes_are_conflicts(trio: Any, key: str, mighty: bool) -> None:
    """Where the migration made room for them in a way that does not go beside the backup's, they are left out and listed."""
    good = (PARTS[0].replace("PRIMARY KEY (id, day)", key), *PARTS[1:])
    wider = "CREATE TABLE event_all PARTITION OF event FOR VALUES FROM (0) TO (40)"
    anew = ("CREATE TABLE moved AS TABLE event", "DROP TABLE event_1", wider, "INSERT INTO event TABLE moved")
    users = ("INSERT INTO event (day, what) VALUES (2, 'new')", "INSERT INTO event (day, what) VALUES (20, 'late')")
    sources = mighty_if(trio, site(trio, good, anew, users), mighty)

    done = carry(sources, final=True)

    assert done.conflicts == 1
    with closing(connect(sources.restored)) as restored:
        (found,) = read_conflicts(restored)
    assert (found.kind, found.about, found.settled) == ("check_failed", "its partitions", "left_out")
    assert script(trio.restored, "SELECT what FROM event ORDER BY what") == [("new",), ("old",)]


def test_on_the_way_back_rows_that_no_partition_takes_are_conflicts(trio: Any) -> None:
    """A migration that detached a partition left no place for what users write into the one that is live then."""
    sources = site(trio, PARTS, ("ALTER TABLE event DETACH PARTITION event_1",), ())
    note_apart(sources, rules_with({}))
    carry(sources, final=True)
    with closing(connect(trio.restored)) as ours, closing(connect(trio.live)) as theirs:
        theirs.autocommit = True
        assert keep_stood(ours, theirs)
    finish(trio.restored)
    ((xid,),) = script(trio.restored, "SELECT pg_current_xact_id()::text::bigint")
    script(trio.restored, "UPDATE event SET what = 'edited' WHERE day = 1")
    written = frozenset({"public.event_1"})

    carry_back(trio.restored, trio.live, Since(xid, written, written), KEEP_LIVE)

    with closing(connect(trio.live)) as kept:
        found = [one for one in read_conflicts(kept) if one.kind != "edited_by_both"]  # by the migration, which took it
    assert [(one.kind, one.about, one.settled) for one in found] == [("check_failed", "its partitions", "left_out")]
    assert found[0].live is not None
    assert found[0].live["what"] == "edited"


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
