"""`postgres.swap` on a real server: the restored database becomes live, and the kept one again, without losing a row."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import script

from actions.conftest import use
from rollbook.errors import ConflictError, RefusedError, StepFailed
from rollbook.targets.postgres.carry import Sources
from rollbook.targets.postgres.carry import carry as carry_pass

from .conftest import Site

pytestmark = pytest.mark.server


def swap(site: Site, **given: Any) -> Any:
    return use("postgres.swap", **{"incoming": site.names[1], "run": "r1", "kept": f"{site.live}_kept", **given})


def carried(site: Site) -> None:
    """Carry both passes."""
    live, restored, base = site.names
    for final in (False, True):
        carry_pass(Sources(site.url(live), site.url(restored), site.url(base)), final=final)


def carried_by_steps(site: Site, folder: Path, **given: Any) -> Any:
    """Carry both passes as steps do, what they export going into *folder*; gives what carried them out."""
    _, restored, base = site.names
    machine = site.machine()
    for final in (False, True):
        place = {"restored": restored, "base": base, "folder": str(folder / "carry"), "run": "r1"}
        machine.apply(use("postgres.carry", final=final, **place, **given))
    return machine


def databases(site: Site) -> dict[str, tuple[int, bool]]:
    query = f"SELECT datname, oid::bigint, datallowconn FROM pg_database WHERE starts_with(datname, '{site.live}')"
    return {name: (oid, accepts) for name, oid, accepts in site.admin(query)}


def titles(site: Site, where: str) -> list[str]:
    return [title for (title,) in script(site.url(), f"SELECT title FROM book WHERE {where} ORDER BY id")]


def test_names_change_hands_by_oid(site: Site) -> None:
    """The restored database is live and open, the old one kept and closed, sessions of both have ended."""
    carried(site)
    before, inside = databases(site), psycopg.connect(site.url(user=site.app))
    machine, action = site.machine(), swap(site)

    planned = machine.plan(action)
    machine.carry_out(*planned.ops)

    kept, restored = f"{site.live}_kept", site.names[1]
    assert databases(site) == {
        site.live: (before[restored][0], True),
        kept: (before[site.live][0], False),
        site.names[2]: before[site.names[2]],
    }
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    inside.close()
    assert titles(site, "id IN (3, 7, 20) OR id > 200") == ["t3", "t7", "edited", "new one", "new two"]
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]
    again = site.machine().plan(action)
    assert again.ops == ()
    outputs = action.outputs(again.after, ())
    assert (outputs["live_oid"], outputs["kept"], outputs["kept_oid"]) == (
        before[restored][0],
        kept,
        before[site.live][0],
    )
    assert outputs["swapped_at"]


def test_an_attempt_that_was_cut_off_right_after_the_swap_is_cleared_up(site: Site) -> None:
    """What the passes wrote down goes out of the live database, also where a kill came between that and the names."""
    carried(site)
    machine, action = site.machine(), swap(site)
    planned = machine.plan(action)
    machine.carry_out(*planned.ops)
    script(site.url(), "CREATE SCHEMA rollbook; CREATE TABLE rollbook.passes (id bigint PRIMARY KEY)")
    before = databases(site)

    again = site.machine().plan(action)
    machine.carry_out(*again.ops)

    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]
    assert databases(site) == before
    assert site.machine().plan(action).ops == ()


def test_what_stands_on_the_database_goes_over(site: Site) -> None:
    """Owner, grants, settings of the database and of roles in it, comment and limit are the old live one's."""
    live = site.live
    site.admin(
        f"COMMENT ON DATABASE {live} IS 'The shop''s.'",
        f"ALTER DATABASE {live} CONNECTION LIMIT 42",
        f"ALTER DATABASE {live} SET statement_timeout = '7s'",
        f"ALTER ROLE {site.app} IN DATABASE {live} SET search_path = a, public",
        f"REVOKE CONNECT ON DATABASE {live} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {live} TO {site.app}",
        f"ALTER DATABASE {site.names[1]} SET work_mem = '5MB'",
    )
    query = f"""
        SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database'), datconnlimit,
               (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
               (SELECT array_agg(setrole::regrole::text || setconfig::text ORDER BY 1) FROM pg_db_role_setting
                WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = '{live}'"""
    before, machine = site.admin(query), site.machine()

    change = machine.apply(swap(site))

    assert site.admin(query) == before
    assert any(
        "carried over: ALTER DATABASE" in line and "statement_timeout" in line for line in swap(site).details(change)
    )


def test_rows_written_behind_the_fence_stop_the_swap(site: Site) -> None:
    """A row that was written after the final pass began fails the swap, which leaves all as it was."""
    carried(site)
    before = databases(site)
    script(site.url(user=site.app), "UPDATE shelf SET name = 'late' WHERE id = 1")
    machine = site.machine()

    with pytest.raises(StepFailed, match=r"was written to since the final pass began: public\.shelf"):
        machine.apply(swap(site))

    assert databases(site) == before
    assert titles(site, "id = 20") == ["edited"]
    carry_pass(Sources(*map(site.url, site.names)), final=True)
    machine.apply(swap(site))
    assert script(site.url(), "SELECT name FROM shelf WHERE id = 1") == [("late",)]


@pytest.mark.parametrize(
    "statement", ["TRUNCATE note_kept", "CREATE TABLE fresh (a int)", "DELETE FROM book WHERE id = 3"]
)
def test_every_way_of_writing_is_noticed(site: Site, statement: str) -> None:
    """Truncating, making a table and deleting are writes too."""
    script(site.url(), "CREATE TABLE note_kept (a int); INSERT INTO note_kept VALUES (1)")
    carried(site)
    script(site.url(), statement)

    with pytest.raises(StepFailed, match="was written to"):
        site.machine().apply(swap(site))


def test_a_first_pass_is_not_enough(site: Site) -> None:
    """After a pass that was not the final one, rows may be missing: refused."""
    live, restored, base = site.names
    carry_pass(Sources(site.url(live), site.url(restored), site.url(base)), final=False)

    with pytest.raises(StepFailed, match="was no final one"):
        site.machine().apply(swap(site))

    assert databases(site)[live][1]


def test_undo_of_a_swap_after_which_nobody_wrote_renames_back(site: Site) -> None:
    """Where nothing was written since, the way back is the names alone."""
    carried(site)
    site.admin(f"COMMENT ON DATABASE {site.live} IS 'The shop.'")
    before = databases(site)
    machine, action = site.machine(), swap(site)
    change = machine.apply(action)
    back = machine.plan(action)
    shown = action.details(
        type(back)(action.probe(machine.read), change.before, action.ops(back.before, change.before))
    )

    machine.undo(action, change)

    assert shown == ("nothing was written since the swap",)
    assert databases(site) == before
    comment = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{site.live}'"
    assert site.admin(comment) == [("The shop.",)]


def test_undo_carries_what_was_written_since(site: Site, tmp_path: Path) -> None:
    """New rows come along; rows in tables that the kept database does not have are exported; sequences are ahead."""
    carried(site)
    machine, action = site.machine(), swap(site, folder=str(tmp_path))
    change = machine.apply(action)
    script(
        site.url(user=site.app),
        "INSERT INTO shelf (name) VALUES ('since')",
        "INSERT INTO book (shelf, title) SELECT id, 'since' FROM shelf WHERE name = 'since'",
        "INSERT INTO note VALUES (900, 1, 'no place')",
    )
    found = action.probe(machine.read)

    machine.undo(action, change)

    assert found.written == (
        "public.book: 1 new, 0 changed, 0 deleted rows",
        "public.note: 1 new, 0 changed, 0 deleted rows",
        "public.shelf: 1 new, 0 changed, 0 deleted rows",
    )
    assert databases(site)[site.live] == (change.before.live_oid, True)
    assert titles(site, "title IN ('since', 't3!', 't3')") == ["t3!", "since"]
    assert (tmp_path / "since-note.csv").read_text().splitlines() == ["id,book,body", "900,1,no place"]
    assert script(site.url(), "INSERT INTO book (shelf, title) VALUES (1, 'next') RETURNING id")[0][0] > 203
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]


def test_a_table_that_was_emptied_since_is_told(site: Site) -> None:
    """No counter has the rows that TRUNCATE took: the plan of an undo says that they are not counted."""
    carried(site)
    machine, action = site.machine(), swap(site)
    machine.apply(action)
    script(site.url(), "TRUNCATE note")

    (told,) = action.probe(machine.read).written

    assert told.startswith(
        "public.note: 0 new, 0 changed, 0 deleted rows, and it was emptied or written anew as a whole"
    )


def test_undo_carries_rows_that_nothing_tells_apart(site: Site, tmp_path: Path) -> None:
    """Rows of a table without a key come back too, one of several that are alike goes, and the undo of that is the same."""
    for name in site.names:
        made = f"CREATE TABLE hit (page text, gone text); GRANT ALL ON hit TO {site.app}"
        script(site.url(name), f"{made}; INSERT INTO hit VALUES ('a', 'g'), ('a', 'g'), ('b', 'g'), ('old', 'g')")
    for name in (site.live, site.names[2]):
        script(site.url(name), "ALTER TABLE hit DROP gone; UPDATE hit SET page = 'new' WHERE page = 'old'")
    script(site.url(user=site.app), "INSERT INTO hit VALUES ('c')")
    machine = carried_by_steps(site, tmp_path)
    action = swap(site, folder=str(tmp_path), conflicts="stop")
    change = machine.apply(action)
    pages = "SELECT page FROM hit ORDER BY page"
    assert [page for (page,) in script(site.url(), pages)] == ["a", "a", "b", "c", "old"]
    script(
        site.url(user=site.app),
        "INSERT INTO hit VALUES ('since', 'h')",
        "DELETE FROM hit WHERE ctid = (SELECT min(ctid) FROM hit WHERE page = 'a')",
    )

    machine.undo(action, change)

    assert [page for (page,) in script(site.url(), pages)] == ["a", "b", "c", "new", "since"]
    script(site.url(user=site.app), "INSERT INTO hit VALUES ('forth')", "DELETE FROM hit WHERE page = 'b'")
    machine.apply(action)
    assert [page for (page,) in script(site.url(), pages)] == ["a", "c", "forth", "old", "since"]
    assert script(site.url(), "SELECT page FROM hit WHERE gone = 'h'") == [("since",)]


def test_a_publication_for_all_tables_hinders_neither_passes_nor_swap(site: Site, tmp_path: Path) -> None:
    """It has what Rollbook writes down as well, also of rows without a key: there and back, twice, as without one."""
    keyless = "CREATE TABLE said (what text); INSERT INTO said SELECT 'w' || g % 3 FROM generate_series(1, 30) g"
    for name in site.names:
        script(site.url(name), keyless)
        site.admin("CREATE PUBLICATION everything FOR ALL TABLES", database=name)
    for name in (site.live, site.names[2]):
        script(site.url(name), "ALTER TABLE said REPLICA IDENTITY FULL; DELETE FROM said WHERE what = 'w1'")
    script(site.url(), "INSERT INTO said VALUES ('new'), ('new')")
    machine, action = carried_by_steps(site, tmp_path), swap(site, folder=str(tmp_path / "swap"))

    change = machine.apply(action)
    script(site.url(), "INSERT INTO said VALUES ('later')")
    machine.undo(action, change)

    said = [("later", 1), ("new", 2), ("w0", 10), ("w2", 10)]
    assert script(site.url(), "SELECT what, count(*)::int FROM said GROUP BY 1 ORDER BY 1") == said


def test_undo_asks_about_changes_that_nobody_can_tell_apart(site: Site, tmp_path: Path) -> None:
    """A changed row and a deleted one are conflicts; until somebody decides, the new database stays live."""
    carried(site)
    machine, action = site.machine(), swap(site, folder=str(tmp_path), conflicts="ask")
    change = machine.apply(action)
    script(site.url(user=site.app), "UPDATE book SET title = 'since' WHERE id = 41", "DELETE FROM book WHERE id = 42")
    live = databases(site)

    with pytest.raises(StepFailed, match="conflicts are not settled: undecided in book") as caught:
        machine.undo(action, change)

    assert databases(site) == live
    assert titles(site, "id = 41") == ["since"]
    path = tmp_path / "decisions.csv"
    assert str(path) in caught.value.advice
    path.write_text("kind,table,decision\nundecided,book,live\n")
    machine.undo(action, change)
    assert titles(site, "id IN (41, 42)") == ["since"]
    assert databases(site)[site.live][0] == change.before.live_oid


def test_undo_tells_users_from_the_rollback(site: Site, tmp_path: Path) -> None:
    """Only what users wrote into what the two databases hold otherwise is a conflict; what was left out stays as it was."""
    _, restored, _ = site.names
    script(site.url(restored), "ALTER TABLE shelf ADD code text; UPDATE shelf SET code = 'c' || id")
    script(site.url(restored), "ALTER TABLE shelf ALTER code SET NOT NULL")  # which no row that is new in live has
    machine = carried_by_steps(site, tmp_path, conflicts="keep_live")
    action = swap(site, folder=str(tmp_path), conflicts="stop")
    change = machine.apply(action)
    script(
        site.url(user=site.app),
        "UPDATE book SET title = 'since' WHERE id = 41",
        "UPDATE book SET shelf = 5 WHERE id = 3",  # the migration wrote its title
        "DELETE FROM book WHERE id = 42",
        "DELETE FROM shelf WHERE id = 99",
        "UPDATE shelf SET name = 'renamed', code = 'since' WHERE id = 2",
    )

    machine.undo(action, change)

    assert titles(site, "id IN (3, 41, 42)") == ["t3!", "since"]
    assert script(site.url(), "SELECT shelf FROM book WHERE id = 3") == [(5,)]
    assert script(site.url(), "SELECT name FROM shelf WHERE name IN ('more', 'renamed') ORDER BY 1") == [
        ("more",),
        ("renamed",),
    ]
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]
    (exported,) = tmp_path.glob("since-*-columns.csv")  # the kept database has no column for it
    assert "2,since" in exported.read_text().splitlines()
    assert exported.stat().st_mode & 0o777 == 0o600


def test_a_key_beyond_the_backup_s_type_stops_no_swap(site: Site, tmp_path: Path) -> None:
    """What the carry left out is told in a file, and the kept database has it still when the swap is undone."""
    _, _, base = site.names
    for name in (site.live, base):
        script(site.url(name), "ALTER TABLE book ALTER id TYPE bigint")
    script(site.url(user=site.app), "INSERT INTO book VALUES (5000000000, 1, 'beyond')")
    machine = carried_by_steps(site, tmp_path, conflicts="keep_live")
    action = swap(site, folder=str(tmp_path), conflicts="stop")

    change = machine.apply(action)
    script(site.url(user=site.app), "DELETE FROM book WHERE id = 41")
    without = titles(site, "title = 'beyond'")
    machine.undo(action, change)

    assert "5000000000" in (tmp_path / "carry" / "conflicts-final.csv").read_text()
    assert without == []
    assert titles(site, "title = 'beyond' OR id = 41") == ["beyond"]


def test_undo_stops_where_users_wrote_what_both_hold_otherwise(site: Site, tmp_path: Path) -> None:
    """A cell that the migration changed too, and a row that it had taken, are conflicts of their own kind."""
    machine = carried_by_steps(site, tmp_path)
    action = swap(site, folder=str(tmp_path), conflicts="stop")
    change = machine.apply(action)
    script(
        site.url(user=site.app),
        "UPDATE book SET title = 'since' WHERE id = 3",
        "DELETE FROM book WHERE id = 53",
        "UPDATE book SET title = 'back again' WHERE id = 7",
    )

    with pytest.raises(StepFailed, match="3 conflicts are not settled: edited_by_both in book"):
        machine.undo(action, change)

    settled = swap(site, folder=str(tmp_path), conflicts="stop", answers={"edited_by_both book": "live"})
    machine.undo(settled, change)
    assert titles(site, "id IN (3, 7, 53)") == ["since", "back again"]


def test_a_way_back_that_was_cut_off_while_both_were_closed_goes_on(site: Site) -> None:
    """Neither the probe nor the way back needs a database that takes connections."""
    machine, action = site.machine(), swap(site)
    change = machine.apply(action)
    for name in (site.live, f"{site.live}_kept"):
        site.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")

    site.machine().undo(action, change)

    assert databases(site)[site.live] == (change.before.live_oid, True)


def test_another_database_under_the_name_is_not_touched(site: Site) -> None:
    """Somebody who put another database in the place of the restored one stops the swap before anything is closed."""
    machine, action = site.machine(), swap(site)
    planned = machine.plan(action)
    site.admin(
        f"ALTER DATABASE {site.names[1]} RENAME TO {site.live}_moved",
        f"CREATE DATABASE {site.names[1]} OWNER {site.keeper}",
    )
    before = databases(site)

    with pytest.raises(ConflictError, match="Nothing was renamed"):
        machine.carry_out(*planned.ops)

    assert databases(site) == before


def test_a_name_that_is_taken_and_rights_that_are_missing_are_refused_in_the_plan(site: Site) -> None:
    """What cannot work is told before anything is closed."""
    site.admin(f"CREATE DATABASE {site.live}_kept", f"ALTER ROLE {site.keeper} NOCREATEDB")

    with pytest.raises(RefusedError) as caught:
        site.machine().plan(swap(site))

    assert f"there is a database {site.live}_kept already" in caught.value.message
    assert f'ALTER ROLE "{site.keeper}" CREATEDB;' in caught.value.message


def test_drop_kept_drops_only_what_a_swap_kept(site: Site) -> None:
    """The kept database goes with its age and size told; any other, and one with somebody in it, stays."""
    machine = site.machine()
    change = machine.apply(swap(site))
    drop = use("postgres.drop_kept", database=f"{site.live}_kept")

    planned = machine.plan(drop)
    for name in (site.live, site.names[2]):
        with pytest.raises(RefusedError, match="does not bear the mark"):
            machine.plan(use("postgres.drop_kept", database=name))
    site.admin(f"ALTER DATABASE {site.live}_kept ALLOW_CONNECTIONS true")
    inside = psycopg.connect(site.url(f"{site.live}_kept"))
    with pytest.raises(RefusedError, match="1 sessions are in it"):
        machine.plan(drop)
    inside.close()
    machine.carry_out(*planned.ops)

    (line,) = drop.details(planned)
    assert line.startswith(f"kept by run r1 since {swap(site).probe(machine.read).swapped_at or ''}"[:20])
    assert f"{site.live}_kept" not in databases(site)
    assert machine.plan(drop).ops == ()
    assert change.after.swapped
