"""What carrying over lists, stops at and settles, on a real server."""

from contextlib import closing
from typing import Any

import pytest
from carry_sites import KEEP_BACKUP, site
from databases import script

from rollbook.postgres.conflict import Policy
from rollbook.postgres.names import Name
from rollbook.targets.postgres.carry import ConflictsFound, carry
from rollbook.targets.postgres.ledger import last_pass, read_conflicts
from rollbook.targets.postgres.session import connect

pytestmark = pytest.mark.server


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
