"""What an account of MariaDB may do is told beforehand, and the grants that are told are enough."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine.workshop import Workshop
from servers import SqlServer

from rollbook.engine.preflight import preflight
from rollbook.errors import RefusedError, TargetError
from rollbook.mysql.rights import Grants
from rollbook.targets.base import Finding, TargetSpec

from ..conftest import use
from .snapshots import drop, load, save
from .taken_mariadb import LIVE, TakenOnMariadb, open_taken

pytestmark = pytest.mark.server

ACCOUNT = "keeper@'%'"
SITE = """
    CREATE TABLE users (id int PRIMARY KEY, nick varchar(9));
    INSERT INTO users VALUES (1, 'a'), (2, 'b');
    CREATE TABLE posts (id int PRIMARY KEY, author int, FOREIGN KEY (author) REFERENCES users (id));
    INSERT INTO posts VALUES (7, 1);
    CREATE DEFINER = keeper@'%' TRIGGER posted BEFORE INSERT ON posts FOR EACH ROW SET NEW.id = NEW.id
"""
NEEDED = ("sql.snapshot", "sql.snapshot_load", "sql.recover")


@pytest.fixture
def taken(mariadb_server: SqlServer, tmp_path: Path) -> Iterator[TakenOnMariadb]:
    """Give both schemas, for an account that may read the live one."""
    address = mariadb_server.url.replace("root@", "keeper@")
    found = open_taken(mariadb_server.url, tmp_path / "recovered", account=address)
    found.execute(f"CREATE USER {ACCOUNT}")
    found.execute(f"GRANT SELECT ON {LIVE}.* TO {ACCOUNT}")
    found.execute(SITE)
    yield found
    found.pool.close()
    found.execute(f"DROP USER {ACCOUNT}")


def told(taken: TakenOnMariadb) -> dict[str, Finding]:
    return {kind: one for one in taken.pool.target("db").findings() for kind in one.kinds}


def test_what_is_missing_is_told_with_its_grant_and_that_is_enough(taken: Any, tmp_path: Path) -> None:
    """Each right is told for the kinds that need it; with what is told granted, saving and putting back go through."""
    before = told(taken)
    for one in before.values():
        taken.execute(one.advice.removesuffix(";"))
    taken.pool.target("db").close()
    after = told(taken)
    objects = taken.objects(LIVE)
    path = save(taken, tmp_path / "snapshots", tables=["posts"], columns=["users.nick"])
    taken.execute("DROP TABLE posts;\nALTER TABLE users DROP COLUMN nick")
    database = load(taken, path)
    action = taken.recover(source=database)
    change = taken.plan(action)
    taken.carry_out(*change.ops)
    came = taken.objects(LIVE)
    taken.carry_out(*action.ops(action.probe(taken.read), action.undo(change).goal))
    drop(taken, database)

    assert {kind: one.severity for kind, one in before.items()} == dict.fromkeys(NEEDED, "warning")
    assert "keeper@% does not have it" in before["sql.recover"].message
    assert before["sql.snapshot"].advice == f"GRANT TRIGGER ON `{LIVE}`.* TO `keeper`@`%`;"
    assert {kind: one.severity for kind, one in after.items()} == dict.fromkeys(NEEDED, "ok")
    assert {one for one in came if one[0] != "trigger"} == {one for one in objects if one[0] != "trigger"}
    assert taken.rows("SHOW TABLES") == [("users",)]


def test_a_table_whose_triggers_are_hidden_is_not_saved_without_them(taken: TakenOnMariadb, tmp_path: Path) -> None:
    """It is refused with the grant, whose right a role or a table may give as well; columns alone take none."""
    wanted = use("sql.snapshot", tables=["posts"], columns=["users.nick"], into=str(tmp_path), run="20260101T000000Z-a")
    parts = use("sql.snapshot", columns=["users.nick"], into=str(tmp_path), run="20260101T000000Z-a")

    def probed() -> tuple[str, ...]:
        taken.pool.target("db").close()
        return tuple(one.name for one in wanted.probe(taken.read).choice.tables)

    with pytest.raises(
        RefusedError, match="may not see the triggers of posts, so that they would be missing"
    ) as raised:
        probed()
    seen = [one.name for one in parts.probe(taken.read).choice.tables]
    taken.execute(f"GRANT TRIGGER ON {LIVE}.posts TO {ACCOUNT}")
    by_table = probed()
    taken.execute(f"REVOKE TRIGGER ON {LIVE}.posts FROM {ACCOUNT}")
    taken.execute(f"CREATE ROLE keepers;\nGRANT TRIGGER ON {LIVE}.* TO keepers;\nGRANT keepers TO {ACCOUNT}")
    with pytest.raises(RefusedError, match="may not see the triggers of posts"):
        probed()
    taken.execute(f"SET DEFAULT ROLE keepers FOR {ACCOUNT}")
    by_role = probed()
    taken.execute("DROP ROLE keepers")

    assert f"GRANT TRIGGER ON `{LIVE}`.* TO `keeper`@`%`;" in raised.value.message
    assert seen == ["users"]
    assert by_table == by_role == ("posts", "users")


def test_triggers_that_act_for_others_take_a_right_of_their_own(taken: TakenOnMariadb, tmp_path: Path) -> None:
    """It is told where there are some, with its grant, without which they cannot be loaded and with which they are."""
    taken.execute(
        "CREATE DEFINER = root@localhost TRIGGER changed BEFORE UPDATE ON posts FOR EACH ROW SET NEW.id = NEW.id"
    )
    for one in told(taken).values():
        taken.execute(one.advice.removesuffix(";"))
    taken.pool.target("db").close()
    path = save(taken, tmp_path / "snapshots", tables=["posts"])

    lacking = told(taken)["sql.snapshot_load"]
    with pytest.raises(TargetError, match="SET USER"):
        load(taken, path)
    taken.execute(lacking.advice.removesuffix(";"))
    taken.pool.target("db").close()
    held = told(taken)["sql.snapshot_load"]
    drop(taken, load(taken, path))

    assert (lacking.severity, lacking.advice) == ("warning", "GRANT SET USER ON *.* TO `keeper`@`%`;")
    assert "act for others (root@localhost)" in lacking.message
    assert held.severity == "ok"


def test_a_recovery_without_the_rights_is_refused_before_anything_is_done(taken: TakenOnMariadb) -> None:
    """The plan names what is missing and the statement that grants it."""
    taken.both("CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY)")
    taken.execute("CREATE TABLE gone (id int PRIMARY KEY)", "mtaken_backup")
    taken.execute(f"GRANT SELECT ON mtaken_backup.* TO {ACCOUNT}")

    with pytest.raises(RefusedError, match="lacks rights that putting back takes") as caught:
        taken.plan(taken.recover())

    assert (
        f"GRANT INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER, UPDATE, DELETE, CREATE TEMPORARY TABLES ON `{LIVE}`.*"
        in str(caught.value)
    )


def test_what_an_account_may_not_see_is_not_taken_for_gone(taken: TakenOnMariadb) -> None:
    """A table or column that the server hides from it is refused with the grant; once it may see all, what is gone is told."""
    taken.execute(f"REVOKE SELECT ON {LIVE}.* FROM {ACCOUNT}")
    taken.execute(f"GRANT SELECT ON {LIVE}.users TO {ACCOUNT}")
    wanted = use("sql.at_risk", tables=["posts", "nowhere"], columns=["users.nick"])

    with pytest.raises(RefusedError, match=r"no posts, nowhere that keeper@% may see") as raised:
        wanted.probe(taken.read)
    seen = use("sql.at_risk", tables=["users"]).probe(taken.read)
    taken.execute(f"GRANT SELECT ON {LIVE}.* TO {ACCOUNT}")
    taken.pool.target("db").close()
    told = wanted.probe(taken.read)

    assert f"GRANT SELECT ON `{LIVE}`.*" in raised.value.advice
    assert [one.rows for one in seen.tables] == [2]
    assert told.missing == ("nowhere",)


def test_only_runs_that_need_a_right_are_warned_of_it(taken: TakenOnMariadb, tmp_path: Path) -> None:
    """A run that counts rows hears nothing of rights to save them; one that saves hears of that right, and of no other."""
    workshop = Workshop(
        tmp_path, {"db": TargetSpec("db", "sql", {"url": f"{taken.url.replace('root@', 'keeper@')}{LIVE}"})}
    )
    head = "targets: {db: {help: the database}}\nsteps:\n  - id: one\n    name: Do it\n    "
    workshop.write("count", f"{head}sql.at_risk: {{tables: [posts]}}\n")
    workshop.write("save", f"{head}sql.snapshot: {{columns: [users.nick], into: {tmp_path}/snapshots}}\n")
    planners = {name: workshop.planner(name) for name in ("count", "save")}

    told = {name: preflight(planner.plan(), planner, tmp_path) for name, planner in planners.items()}

    warned = {name: [one.kinds for one in found if one.kinds] for name, found in told.items()}
    assert warned == {"count": [], "save": [("sql.snapshot",)]}
    for pool in workshop.pools:
        pool.close()


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        (("GRANT ALL PRIVILEGES ON *.* TO `a`@`%`",), ()),
        (("GRANT USAGE ON *.* TO `a`@`%`", "GRANT ALL PRIVILEGES ON `si\\_te%`.* TO `a`@`%`"), ()),
        (("GRANT ALL PRIVILEGES ON `si_te`.* TO `a`@`%`",), ("sql.snapshot_load",)),
        (("GRANT ALL PRIVILEGES ON `sixte`.* TO `a`@`%`",), NEEDED),
        (("GRANT SELECT, TRIGGER ON `si_te`.* TO `a`@`%`",), NEEDED[1:]),
        (("GRANT ALL PRIVILEGES ON `si_te`.`one` TO `a`@`%`",), NEEDED),
        (("GRANT SELECT (id), INSERT ON `si_te`.* TO `a`@`%`",), NEEDED),
        (("GRANT USAGE ON *.* TO `a`@`%`", "GRANT `keepers` TO `a`@`%`"), ()),
    ],
)
def test_grants_are_read_as_the_server_takes_them(lines: tuple[str, ...], lacking: tuple[str, ...]) -> None:
    """Of all schemas, of names by a pattern, and of one; of a table alone counts for none, and roles may give more."""
    rights = Grants.read("a@%", lines).rights("si_te")

    assert tuple(one.kinds[0] for one in rights if not one.held) == lacking
