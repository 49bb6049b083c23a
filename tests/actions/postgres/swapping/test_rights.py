"""Rights: an account that lacks one is told so before anything is written, and what is told grants it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from databases import script

from rollbook.errors import RefusedError

from ...conftest import use
from .conftest import Site

pytestmark = pytest.mark.server

Make = Callable[[Site, Path], Any]


def carry(site: Site, folder: Path) -> Any:
    _, restored, base = site.names
    return use("postgres.carry", restored=restored, base=base, folder=str(folder / "carry"), run="r1")


def backup(site: Site, folder: Path) -> Any:
    return use("postgres.backup", folder=str(folder / "backups"), run="r1")


def recover(site: Site, folder: Path) -> Any:
    return use("sql.recover", source=site.names[1], folder=str(folder), parents_gone="settle", run="r1")


def on_live(*statements: str) -> Callable[[Site], None]:
    return lambda site: site.admin(*(one.format(site=site) for one in statements), database=site.live) and None


def on_restored(*statements: str) -> Callable[[Site], None]:
    return lambda site: site.admin(*(one.format(site=site) for one in statements), database=site.names[1]) and None


TAKEN: Mapping[str, tuple[Make, Callable[[Site], None], str]] = {
    "a table of others, carried": (carry, on_live("CREATE TABLE strange (id integer)"), "may read every table"),
    "a table of others, dumped": (backup, on_live("CREATE TABLE strange (id integer)"), "may read every table"),
    "a schema of others": (
        backup,
        on_live("CREATE SCHEMA apart", "CREATE TABLE apart.t ()", "GRANT SELECT ON apart.t TO PUBLIC"),
        "may read every table",
    ),
    "rows hidden by a policy": (
        carry,
        on_live("ALTER TABLE shelf ENABLE ROW LEVEL SECURITY", "ALTER TABLE shelf FORCE ROW LEVEL SECURITY"),
        "is kept from no rows by policies",
    ),
    "another owner of the restored rows": (
        carry,
        on_restored("ALTER TABLE note OWNER TO {site.app}"),
        "is a member of every owner",
    ),
    "no temporary tables": (
        carry,
        on_restored("REVOKE TEMPORARY ON DATABASE {site.live}_restored FROM PUBLIC, {site.keeper}"),
        "may make temporary tables",
    ),
    "another owner of a table that is pointed at": (
        recover,
        on_live("ALTER TABLE book OWNER TO {site.app}", "GRANT SELECT ON book, book_id_seq TO {site.keeper}"),
        "is a member of every owner",
    ),
}


@pytest.mark.parametrize(("make", "take", "right"), TAKEN.values(), ids=TAKEN)
def test_a_missing_right_is_told_in_the_plan_with_what_grants_it(
    site: Site, tmp_path: Path, make: Make, take: Callable[[Site], None], right: str
) -> None:
    """The plan is refused with the right and its GRANT; once that is run, the step is carried out."""
    take(site)
    action = make(site, tmp_path)

    with pytest.raises(RefusedError) as caught:
        site.machine().plan(action)

    told = caught.value.message
    assert site.keeper in told
    assert right in told
    grants = [f"{part.rpartition(': ')[2]};" for part in told.split(";") if part.strip()]
    site.admin(*grants)
    machine = site.machine()
    machine.apply(action)
    assert machine.plan(action).ops == ()


def test_doctor_tells_every_right_and_the_room(site: Site) -> None:
    """Each right is told as granted or missing, with the kinds that need it; databases and WAL with what is free."""
    on_live("CREATE TABLE strange (id integer)")(site)
    on_live("REVOKE TEMPORARY ON DATABASE {site.live} FROM PUBLIC, {site.keeper}")(site)
    site.admin(f"GRANT pg_monitor TO {site.keeper}")

    found = {one.subject: one for one in site.machine().pool.target("db").check()}

    unread, temporary = found["may read every table (not strange)"], found["may make temporary tables"]
    assert (unread.severity, unread.advice) == ("warning", f'GRANT pg_read_all_data TO "{site.keeper}";')
    assert "postgres.backup, postgres.carry" in unread.message
    assert (temporary.severity, temporary.advice) == (
        "warning",
        f'GRANT TEMPORARY ON DATABASE "{site.live}" TO "{site.keeper}";',
    )
    assert found["owns the live database"].message == f"granted: {site.keeper} owns the live database"
    assert found["room for databases"].severity == found["room for WAL"].severity == "ok"
    assert "free in" in found["room for WAL"].message


def test_doctor_and_plan_name_what_is_not_carried(site: Site, tmp_path: Path) -> None:
    """Large objects, subscriptions and what a fence is refused for are told beforehand, each with what to do."""
    script(site.url(), "SELECT lo_from_bytea(0, 'large')")
    on_live(
        "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect=false, slot_name=NONE)",
        "CREATE PUBLICATION pub",
    )(site)

    try:
        found = {one.subject: one for one in site.machine().pool.target("db").check()}
        machine, swap = site.machine(), use("postgres.swap", incoming=site.names[1], run="r1")
        told = [*carry(site, tmp_path).details(machine.plan(carry(site, tmp_path))), *swap.details(machine.plan(swap))]
        early = use("postgres.swap", incoming="not_there_yet", run="r1")
        before = early.details(machine.plan(early))
        script(site.url(), "ALTER TABLE book RENAME title TO name")
        enabled = "UPDATE pg_subscription SET subenabled = true WHERE subname = 'sub'"
        site.admin(enabled, database=site.live)
        refused = next(one for one in site.machine().pool.target("db").check() if one.subject == "obstacle 1")
    finally:
        site.admin("UPDATE pg_subscription SET subenabled = false", "DROP SUBSCRIPTION sub", database=site.live)

    assert (found["large objects"].severity, found["subscription sub"].severity) == ("warning", "warning")
    assert "lo_export" in found["large objects"].advice
    assert "CREATE SUBSCRIPTION" in found["subscription sub"].advice
    assert any(line.startswith("large objects stay as in the backup") for line in told)
    assert any("subscription sub; make it anew" in line for line in told)
    assert any("publication pub; make it anew" in line for line in told)
    assert any("subscription sub; make it anew" in line for line in before)
    assert "a fence is refused: the subscription sub writes into it" in refused.message
    assert "DISABLE" in refused.advice


def test_room_is_not_known_without_the_right_to_see_the_folder(site: Site) -> None:
    """An account that the server does not tell its folder says how much is wanted, and that it cannot compare."""
    found = {one.subject: one for one in site.machine().pool.target("db").check()}

    assert found["room"].severity == "ok"
    assert "is not told to this account" in found["room"].message


def test_a_slot_that_nobody_uses_is_told(site: Site) -> None:
    """What keeps WAL from going fills the disk while a backup is restored: it is named, with how to end it."""
    site.admin("SELECT pg_create_physical_replication_slot('forgotten', true)")

    try:
        found = {one.subject: one for one in site.machine().pool.target("db").check()}
    finally:
        site.admin("SELECT pg_drop_replication_slot('forgotten')")

    assert found["slot forgotten"].severity == "warning"
    assert "pg_drop_replication_slot('forgotten')" in found["slot forgotten"].advice
