"""`postgres.fence` on a real server: nobody gets in, everybody gets in again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import SqlServer, start_postgres

from actions.conftest import use
from rollbook.action import Change
from rollbook.errors import RefusedError
from rollbook.postgres.fencing import FenceMark, split_comment

from .conftest import Site, make_site

pytestmark = pytest.mark.server
Give = Callable[[str, Callable[[], SqlServer]], SqlServer]


def fence(**given: Any) -> Any:
    return use("postgres.fence", run="r1", **given)


def comment(site: Site) -> str:
    return f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{site.live}'"


def enters(site: Site, user: str) -> bool:
    try:
        psycopg.connect(site.url(user=user)).close()
    except psycopg.OperationalError:
        return False
    return True


def test_writers_are_shut_out_and_let_in_by_their_roles(site: Site) -> None:
    """Without a superuser, roles that may write lose their login, and get it back when the fence is undone."""
    machine, inside = site.machine(), psycopg.connect(site.url(user=site.app))

    change = machine.apply(fence())

    assert change.after.how == "roles"
    assert not enters(site, site.app)
    assert enters(site, site.keeper)
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    assert machine.plan(fence()).ops == ()
    machine.undo(fence(), change)
    assert enters(site, site.app)
    assert site.admin(comment(site)) == [(None,)]
    inside.close()


def test_who_was_shut_out_before_stays_so(site: Site) -> None:
    """Where somebody took the writers' logins away by hand, taking the fence down gives them to nobody, and says so."""
    site.admin(f"ALTER ROLE {site.app} NOLOGIN")
    machine = site.machine()
    machine.apply(fence())
    down = fence(up=False)

    change = machine.apply(down)

    assert not enters(site, site.app)
    assert site.admin(comment(site)) == [(None,)]
    assert down.details(change) == ("nobody is let in by this: they were shut out before the fence was put up",)
    assert machine.plan(down).ops == ()


def test_a_superuser_shuts_out_by_the_limit(site: Site) -> None:
    """Where the tool is superuser no role changes, and the limit is as before afterwards."""
    site.admin(f"ALTER DATABASE {site.live} CONNECTION LIMIT 7", f"COMMENT ON DATABASE {site.live} IS 'The shop.'")
    machine = site.machine("postgres")

    change = machine.apply(fence())

    assert (change.after.how, enters(site, site.app), enters(site, "postgres")) == ("limit", False, True)
    machine.undo(fence(), change)
    assert enters(site, site.app)
    assert site.admin(f"SELECT datconnlimit FROM pg_database WHERE datname = '{site.live}'") == [(7,)]
    assert site.admin(comment(site)) == [("The shop.",)]


def test_another_step_takes_it_down(site: Site) -> None:
    """How things were stands on the database, so that a later step, or another run, lets in exactly who was let in."""
    site.admin(f"CREATE ROLE {site.app}_idle NOLOGIN", f"GRANT {site.app} TO {site.app}_idle")
    machine = site.machine()
    machine.apply(fence())

    down = site.machine().apply(fence(up=False))

    assert enters(site, site.app)
    assert site.admin(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{site.app}_idle'") == [(False,)]
    assert machine.plan(fence(up=False)).ops == ()
    machine.undo(fence(up=False), down)
    assert not enters(site, site.app)
    machine.apply(fence(up=False))
    site.admin(f"DROP ROLE {site.app}_idle")


def test_a_fence_that_an_undo_took_down_comes_again_when_that_is_undone(site: Site) -> None:
    """Writers are shut out again: what then is written behind it would be lost, or stop the swap for ever."""
    machine, action = site.machine(), fence()
    up = machine.apply(action)
    machine.undo(action, up)
    down = Change(up.after, action.probe(machine.read))
    let_in = enters(site, site.app)

    machine.undo(action, down)

    assert let_in
    assert not enters(site, site.app)
    assert action.probe(machine.read).mark == up.after.mark
    machine.undo(action, up)
    assert enters(site, site.app)


def test_what_a_crash_leaves_is_gone_on_with(site: Site) -> None:
    """After the first write the sessions are still in: what is left to do is to end them."""
    machine = site.machine()
    inside = psycopg.connect(site.url(user=site.app))
    change = machine.plan(fence())
    machine.carry_out(change.ops[0])

    rest = fence().ops(fence().probe(machine.read), change.after)

    assert rest == change.ops[1:]
    inside.close()


def test_roles_may_be_left_alone(site: Site) -> None:
    """A role in `leave` goes on, and its sessions do not keep the fence from being up."""
    watch = f"{site.app}_watch"
    site.admin(f"CREATE ROLE {watch} LOGIN", f"GRANT {site.app} TO {watch}")
    machine = site.machine()

    change = machine.plan(fence(leave=[watch]))

    assert watch not in change.after.roles
    assert site.app in change.after.roles
    site.admin(f"DROP ROLE {watch}")


def test_an_enabled_subscription_is_refused(site: Site) -> None:
    """What writes without logging in is named, with what to do."""
    name = f"sub_{site.live}"
    made = f"CREATE SUBSCRIPTION {name} CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false)"
    site.admin(made, f"ALTER SUBSCRIPTION {name} ENABLE", database=site.live)

    with pytest.raises(
        RefusedError, match=rf"the subscription {name} writes into it: ALTER SUBSCRIPTION {name} DISABLE"
    ):
        site.machine().plan(fence())

    switched = f"ALTER SUBSCRIPTION {name}"
    site.admin(
        f"{switched} DISABLE", f"{switched} SET (slot_name = NONE)", f"DROP SUBSCRIPTION {name}", database=site.live
    )


def test_the_tool_needs_a_role_of_its_own(site: Site) -> None:
    """Writers that use the tool's own account cannot be told from it: refused, and said so."""
    inside = psycopg.connect(site.url(), application_name="gunicorn")

    with pytest.raises(RefusedError, match="give Rollbook a role of its own"):
        site.machine().plan(fence())

    inside.close()


def test_missing_rights_are_refused_with_their_grants(site: Site) -> None:
    """An account without the rights is told which statements grant them."""
    site.admin(f"ALTER ROLE {site.keeper} NOCREATEROLE", f"REVOKE pg_signal_backend FROM {site.keeper}")

    with pytest.raises(RefusedError) as caught:
        site.machine().plan(fence())

    assert f'ALTER ROLE "{site.keeper}" CREATEROLE;' in caught.value.message
    assert f'GRANT pg_signal_backend TO "{site.keeper}";' in caught.value.message


def test_a_comment_of_somebody_else_is_no_mark() -> None:
    """A comment that is no mark is not taken for one, and one with a mark keeps what others wrote."""
    mark = FenceMark("r", -1, ("a",))

    for text in ("", "yes", "two\nlines", "rollbook fence {}", "rollbook fence [1]", 'rollbook fence {"run": 1}'):
        assert split_comment(text) == (text, None)
        assert split_comment(mark.on(text)) == (text, mark)


def test_what_would_be_lost_with_the_live_database_is_refused(give: Give, server_folder: Path) -> None:
    """A prepared transaction and a logical slot are named, each with what to do; once they are gone, all is well."""
    settings = ("wal_level=logical", "max_prepared_transactions=2")
    server = give("PostgreSQL", lambda: start_postgres(server_folder / "logical", *settings))
    site = make_site(server)
    site.build()
    slot = f"slot_{site.live}"
    site.admin(f"SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')", database=site.live)
    site.admin("BEGIN", "CREATE TABLE held (a int)", "PREPARE TRANSACTION 'left'", database=site.live)

    with pytest.raises(RefusedError) as caught:
        site.machine().plan(fence())
    with pytest.raises(RefusedError) as swapping:
        site.machine().plan(use("postgres.swap", incoming=site.names[1], run="r1"))

    for message in (caught.value.message, swapping.value.message):
        assert "the transaction left is prepared since" in message
        assert "COMMIT PREPARED or ROLLBACK PREPARED 'left'" in message
        assert f"SELECT pg_drop_replication_slot('{slot}')" in message
    site.admin("ROLLBACK PREPARED 'left'", f"SELECT pg_drop_replication_slot('{slot}')", database=site.live)
    site.machine().apply(fence())
    for pool in site.pools:
        pool.close()
    server.stop()
