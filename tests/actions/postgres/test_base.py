"""The base of a merge: the backup, migrated forward by what is deployed, in a database of its own."""

import sys
from pathlib import Path

import psycopg
import pytest

from rollbook.errors import CommandFailed, RefusedError, TargetError

from ..conftest import Machine, use
from .shops import PASSWORD, RUN, Shop, killed
from .test_restore import made

pytestmark = pytest.mark.server
MIGRATE = "DELETE FROM event WHERE person > 100; ALTER TABLE event DROP COLUMN what"


@pytest.fixture
def path(shop: Shop, desk: Machine, tmp_path: Path) -> Path:
    """Take a backup, then migrate the live database."""
    taken = made(shop, desk, tmp_path, "rollbook")
    shop.run(*MIGRATE.split("; "))
    return taken


def migrating(by: str = "psycopg.connect(os.environ['DATABASE_URL'])", then: str = "", **arguments: object) -> object:
    program = f"import os, psycopg\nwith {by} as connection: connection.execute({MIGRATE!r})\n{then}"
    given = {"command": [sys.executable, "-c", program], "url_variable": "DATABASE_URL", "run": RUN}
    return use("postgres.base", **{**given, **arguments})


@pytest.mark.parametrize("by", ["psycopg.connect(os.environ['DATABASE_URL'])", "psycopg.connect()"])
def test_the_code_s_own_migrations_make_the_base(shop: Shop, desk: Machine, path: Path, by: str) -> None:
    """They get the scratch database's address by the variable, or by libpq's own; the result is live as deployed."""
    action = migrating(by, backup=str(path))

    change = desk.plan(action)
    (result,) = desk.carry_out(*change.ops)
    found = action.probe(desk.read)

    outputs = action.outputs(found, (result,))
    base = outputs["database"]
    assert base == f"{shop.name}_rbbase_{RUN}"
    assert outputs["undecided"] == []
    assert shop.rows("SELECT count(*) FROM event", base) == [(100,)]
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'event' ORDER BY 1"
    assert shop.rows(columns, base) == shop.rows(columns)
    assert desk.plan(action).ops == ()
    desk.undo(action, change)
    assert base not in shop.databases()


def test_migrations_find_no_schema_of_rollbook(shop: Shop, desk: Machine, path: Path) -> None:
    """An account of that name would make its tables there, where nobody looks for them; afterwards it is as it was."""
    seen = "CREATE TABLE public.seen AS SELECT nspname FROM pg_namespace"

    desk.apply(migrating(then=f"with psycopg.connect() as other: other.execute({seen!r})", backup=str(path)))

    base = f"{shop.name}_rbbase_{RUN}"
    assert shop.rows("SELECT count(*) FROM seen WHERE nspname = 'rollbook'", base) == [(0,)]
    assert shop.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'rollbook'", base) == [(1,)]


def test_migrations_that_fail_fail_the_step(shop: Shop, desk: Machine, path: Path) -> None:
    """What they said is told, and a half is no base."""
    action = migrating(then="raise SystemExit('no such column')", backup=str(path))

    with pytest.raises(CommandFailed, match="the migrations") as caught:
        desk.apply(action)

    assert "no such column" in caught.value.tail
    assert not action.probe(desk.read).settled


def test_where_a_base_is_optional_its_lack_is_an_outcome(shop: Shop, desk: Machine, path: Path) -> None:
    """Later steps see that there is none, and of which tables nothing can be told."""
    action = migrating(then="raise SystemExit(3)", optional=True, backup=str(path))

    change = desk.plan(action)
    results = desk.carry_out(*change.ops)
    outputs = action.outputs(action.probe(desk.read), results)

    assert outputs["database"] == ""
    assert outputs["undecided"] == ["event", "nothing", 'of "others.odd table', "person"]
    assert "exit code 3" in outputs["failure"]
    desk.undo(action, change)
    assert not any("rbbase" in name for name in shop.databases())


def test_migrations_of_another_database_are_no_base(shop: Shop, desk: Machine, path: Path) -> None:
    """Code that does not read the variable migrates something else, and is found out."""
    other = f"psycopg.connect({shop.at('postgres')!r})"
    program = f"import psycopg\nwith {other} as connection: connection.execute('SELECT 1')"
    action = migrating(backup=str(path), command=[sys.executable, "-c", program], optional=True)

    with pytest.raises(TargetError, match="never connected to"):
        desk.apply(action)

    assert not action.probe(desk.read).settled


def test_a_command_that_is_not_there_is_no_outcome(desk: Machine, path: Path) -> None:
    """Where nothing was run, nothing is known of the migrations, optional or not."""
    with pytest.raises(CommandFailed, match="127"):
        desk.apply(migrating(backup=str(path), command=["no-such-program"], optional=True))


@pytest.mark.parametrize("seconds", [0.2, 0.9])
def test_a_killed_base_is_made_again(shop: Shop, desk: Machine, path: Path, seconds: float) -> None:
    """Migrations that were cut off are never run on what they left."""
    action = migrating(then="import time; time.sleep(0.7)", backup=str(path))
    arguments = {"backup": str(path), "command": list(action.command), "url_variable": "DATABASE_URL", "run": RUN}
    killed(shop, "postgres.base", arguments, seconds)
    assert not action.probe(desk.read).settled

    desk.apply(action)

    assert shop.rows("SELECT count(*) FROM event", f"{shop.name}_rbbase_{RUN}") == [(100,)]


def test_the_password_comes_out_nowhere(desk: Machine, path: Path) -> None:
    """Not in the plan, and not when the migrations print their address."""
    action = migrating(then="print(os.environ['DATABASE_URL'], os.environ['PGPASSWORD'])", backup=str(path))
    change = desk.apply(action)

    assert not any(PASSWORD in line for op in change.ops for line in op.render())
    assert PASSWORD.encode() not in bytes(desk.execution.output)
    assert psycopg.conninfo.make_conninfo(password=PASSWORD).encode() not in bytes(desk.execution.output)
    assert b"correct%20horse" not in bytes(desk.execution.output)
    assert any("DATABASE_URL=" in line for op in change.ops for line in op.render())


def test_a_backup_that_is_gone_is_told_before(desk: Machine, tmp_path: Path) -> None:
    """The plan looks at the backup."""
    with pytest.raises(RefusedError, match="has no backup"):
        desk.plan(migrating(backup=str(tmp_path / "nothing")))
