"""No trigger, cascade or rule acts while rows are carried over, on a real server."""

from typing import Any

import pytest
from carry_sites import mighty_if, site
from databases import script

from rollbook.errors import StepFailed
from rollbook.targets.postgres.carry import carry

pytestmark = pytest.mark.server


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
