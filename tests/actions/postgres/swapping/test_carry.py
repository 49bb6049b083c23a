"""`postgres.carry` on a real server: planned, carried, seen again, stopped at conflicts."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest
from databases import script

from actions.conftest import use
from rollbook.errors import AnswerNeeded, StepFailed
from rollbook.values import unknowns

from .conftest import Site

pytestmark = pytest.mark.server


def carry(site: Site, folder: Path, **given: Any) -> Any:
    _, restored, base = site.names
    given = {"restored": restored, "base": base, "folder": str(folder), "run": "r1", **given}
    return use("postgres.carry", **given)


def test_both_passes_are_planned_carried_and_seen(site: Site, tmp_path: Path) -> None:
    """Each pass is done once in a run, by another process too, and its outputs are read from the database."""
    machine = site.machine()
    first, final = carry(site, tmp_path), carry(site, tmp_path, final=True)

    planned = machine.plan(first)
    machine.carry_out(*planned.ops)
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (4, 'late')")
    second = machine.plan(final)
    machine.carry_out(*second.ops)

    assert any("merged by key: 2 tables" in line for line in first.details(planned))
    assert [str(one) for one in unknowns(final.outputs(second.after, ())["rows"])] == ["‹known after step this step›"]
    assert any("rows that differed in the pass before: book 4" in line for line in final.details(second))
    again = site.machine()
    assert again.plan(first).ops == again.plan(final).ops == ()
    outputs = final.outputs(again.plan(final).before, ())
    assert (outputs["tables"]["book"], outputs["conflicts"]) == ({"inserted": 3, "updated": 1, "deleted": 1}, 0)
    books = script(site.url(site.names[1]), "SELECT title FROM book WHERE id IN (3, 7, 20, 30) OR id > 200 ORDER BY id")
    assert [title for (title,) in books] == ["t3", "t7", "edited", "new one", "new two", "late"]
    assert machine.plan(carry(site, tmp_path, run="r2")).ops != ()


def test_what_a_planned_pass_will_export_is_not_taken_for_nothing(site: Site, tmp_path: Path) -> None:
    """Later steps of the plan that read a pass's conflicts and files wait for it; carried, it tells them."""
    machine, action = site.machine(), carry(site, tmp_path)

    change = machine.plan(action)
    planned = action.outputs(change.after, ())
    machine.carry_out(*change.ops)

    told = action.outputs(machine.plan(action).after, ())
    assert {name for name, value in planned.items() if list(unknowns(value))} == planned.keys() == told.keys()
    assert not list(unknowns(told))


def test_a_restored_database_that_is_not_there_yet_is_told(site: Site, tmp_path: Path) -> None:
    """Before the restore, the plan says that the rows are not known yet."""
    action = carry(site, tmp_path, restored="nowhere_yet")

    change = site.machine().plan(action)

    assert change.ops[0].render()
    assert action.details(change) == ("what it does per table is known when nowhere_yet is there",)


def test_tables_whose_key_is_another_are_named_in_the_plan(site: Site, tmp_path: Path) -> None:
    """Their rows are counted, as those of tables without a key; the first pass says what will not fit."""
    rekeyed = "ALTER TABLE shelf DROP CONSTRAINT shelf_pkey CASCADE, ALTER name SET NOT NULL, ADD PRIMARY KEY (name)"
    script(site.url(site.names[1]), "ALTER TABLE shelf DROP CONSTRAINT shelf_name_key; CREATE TABLE log (line text)")
    for name in (site.live, site.names[2]):
        script(site.url(name), f"{rekeyed}; CREATE TABLE log (line text)")
    action, machine = carry(site, tmp_path), site.machine()

    told = action.details(machine.plan(action))
    machine.apply(action)

    assert any(
        line.startswith("without a key, rows are counted: log, shelf; what of them will not fit") for line in told
    )
    assert any(line.endswith("counted as if they had none: shelf") for line in told)


def contested(site: Site) -> None:
    """Have the users and the migration change the same cell."""
    script(site.url(user=site.app), "UPDATE book SET title = 'mine' WHERE id IN (3, 53)")


def test_conflicts_stop_the_final_pass_with_both_sides_in_a_file(site: Site, tmp_path: Path) -> None:
    """With `stop` nothing is kept, and the file shows live and backup; an answer by kind and table settles it."""
    contested(site)
    machine, folder = site.machine(), tmp_path / "carry"
    stopped = carry(site, folder, final=True)

    with pytest.raises(StepFailed, match="2 conflicts are not settled: edited_by_both in book") as caught:
        machine.carry_out(*machine.plan(stopped).ops)

    assert str(folder / "conflicts-final.csv") in caught.value.advice
    rows = list(csv.DictReader((folder / "conflicts-final.csv").read_text().splitlines()))
    assert [(row["table"], row["kind"]) for row in rows] == [("book", "edited_by_both")] * 2
    assert '"title": "mine"' in rows[0]["live"]
    assert '"title": "t3"' in rows[0]["backup"]
    assert script(site.url(site.names[1]), "SELECT count(*) FROM book WHERE title = 'new one'") == [(0,)]
    settled = carry(site, folder, final=True, answers={"edited_by_both book": "backup"})
    machine.carry_out(*machine.plan(settled).ops)
    assert script(site.url(site.names[1]), "SELECT title FROM book WHERE id = 3") == [("t3",)]
    outputs = settled.outputs(machine.plan(settled).before, ())
    digest = hashlib.sha256(Path(outputs["conflicts_file"]).read_bytes()).hexdigest()
    assert outputs["exported"][0]["sha256"] == digest
    assert outputs["kinds"] == {"edited_by_both book backup": 2}


def test_a_person_decides_in_a_file(site: Site, tmp_path: Path) -> None:
    """With `ask` the first pass writes the open decisions down, and the final one takes what was decided."""
    contested(site)
    machine = site.machine()
    first, final = (carry(site, tmp_path, final=last, conflicts="ask") for last in (False, True))

    machine.carry_out(*machine.plan(first).ops)
    path = tmp_path / "decisions.csv"
    asked = path.read_text()
    with pytest.raises(StepFailed, match="not settled") as caught:
        machine.carry_out(*machine.plan(final).ops)
    path.write_text(path.read_text().replace("edited_by_both,book,", "edited_by_both,book,live"))
    machine.carry_out(*machine.plan(final).ops)

    assert asked.splitlines() == ["kind,table,decision", "edited_by_both,book,"]
    assert str(path) in caught.value.advice
    assert script(site.url(site.names[1]), "SELECT title FROM book WHERE id = 3") == [("mine",)]


def test_what_was_stopped_goes_on_with_what_was_decided(site: Site, tmp_path: Path) -> None:
    """With `stop`, too, the final pass that failed says where to decide, and done again takes what was decided."""
    contested(site)
    machine, final = site.machine(), carry(site, tmp_path, final=True, conflicts="stop")
    path = tmp_path / "decisions.csv"

    with pytest.raises(StepFailed, match="not settled") as caught:
        machine.carry_out(*machine.plan(final).ops)
    path.write_text(path.read_text().replace("edited_by_both,book,", "edited_by_both,book,live"))
    machine.carry_out(*machine.plan(final).ops)

    assert str(path) in caught.value.advice
    assert script(site.url(site.names[1]), "SELECT title FROM book WHERE id = 3") == [("mine",)]


def test_what_asks_has_kept_nothing_and_takes_the_answer(site: Site, tmp_path: Path) -> None:
    """The probe shows what was there before, so the same op follows; it has the answer from what carries it out."""
    contested(site)
    machine, final = site.machine(), carry(site, tmp_path, final=True, conflicts="ask")
    planned = machine.plan(final)

    with pytest.raises(AnswerNeeded, match="not settled") as asked:
        machine.carry_out(*planned.ops)
    question, again = use(asked.value.kind, **asked.value.arguments), machine.plan(final)
    machine.execution.answers = ({"edited_by_both book": "live"}, question.accept("others=backup"))
    machine.carry_out(*again.ops)

    assert again.ops == planned.ops
    assert again.before.carried is False
    assert asked.value.fails is False
    assert script(site.url(site.names[1]), "SELECT title FROM book WHERE id = 3") == [("t3",)]


def test_a_line_that_decides_nothing_is_named(site: Site, tmp_path: Path) -> None:
    """A decision that is neither side stops the step before anything is read."""
    (tmp_path / "decisions.csv").write_text("kind,table,decision\nedited_by_both,book,both\n")
    machine = site.machine()

    with pytest.raises(StepFailed, match="line 2: expected a kind, a table, and live or backup"):
        machine.carry_out(*machine.plan(carry(site, tmp_path, conflicts="ask")).ops)


def test_a_column_that_the_deploy_added_is_no_hindrance(site: Site, tmp_path: Path) -> None:
    """Users' rows go over without it, and what they wrote into it is exported."""
    live, restored, base = site.names
    for name in (live, base):
        script(site.url(name), "ALTER TABLE book ADD mood text DEFAULT 'calm'")
    script(site.url(), "INSERT INTO book (shelf, title, mood) VALUES (1, 'moody', 'sad')")
    machine = site.machine()

    for final in (False, True):
        machine.apply(carry(site, tmp_path, final=final, base=base, conflicts="keep_live"))

    assert script(site.url(restored), "SELECT count(*) FROM book WHERE title = 'moody'") == [(1,)]
    assert '"mood": "sad"' in (tmp_path / "left-behind-final.csv").read_text().replace('""', '"')


@pytest.mark.parametrize("based", [True, False])
def test_what_has_no_column_or_table_to_go_back_to_is_exported(site: Site, tmp_path: Path, based: bool) -> None:
    """What users wrote into columns and tables that only live has is in files, named in the plan, with a base and without."""
    live, restored, base = site.names
    for name in site.names:
        script(site.url(name), "CREATE TABLE jot (what text)")
    for name in (live, base):  # the deploy
        script(site.url(name), "ALTER TABLE book ADD mood text DEFAULT 'calm'", "ALTER TABLE jot ADD by text")
        script(site.url(name), "CREATE TABLE likes (book integer)")
    script(
        site.url(),
        "ALTER TABLE shelf ADD colour text",  # somebody, by hand
        "UPDATE shelf SET colour = 'red' WHERE id = 2",
        "UPDATE book SET mood = 'glad' WHERE id = 41",
        "INSERT INTO book (shelf, title, mood) VALUES (1, 'moody', 'sad')",
        "INSERT INTO jot VALUES ('a', 'ada')",
        "INSERT INTO likes VALUES (3)",
    )
    machine, given = site.machine(), {"conflicts": "keep_live", "base": base if based else ""}

    machine.apply(carry(site, tmp_path, **given))
    change = machine.plan(carry(site, tmp_path, final=True, **given))
    machine.carry_out(*change.ops)

    details = "\n".join(carry(site, tmp_path, final=True, **given).details(change))
    for name, column in (("book", "mood"), ("shelf", "colour"), ("jot", "by")):
        assert f"{name}: what users wrote into {column} has no column and is exported" in details
    assert "only in live, exported by the final pass: likes" in details
    told = carry(site, tmp_path, final=True, **given).outputs(
        machine.plan(carry(site, tmp_path, final=True)).before, ()
    )
    texts = "".join(Path(one["path"]).read_text() for one in told["exported"])
    assert all(word in texts for word in ("glad", "sad", "red", "ada"))
    assert texts.count("glad") == texts.count("red") == 1
    assert (tmp_path / "only-live-public.likes.csv").read_text() == "book\n3\n"
    assert script(site.url(restored), "SELECT title FROM book WHERE title = 'moody'") == [("moody",)]
    if not based:  # what the deploy filled in by a constant default is nobody's
        assert (tmp_path / "only-live-public.book-columns.csv").read_text().splitlines()[1:] == ["41,glad", "203,sad"]


def test_what_no_table_holds_is_named(site: Site, tmp_path: Path) -> None:
    """Large objects, materialized views and grants stay as in the backup, and the plan of each pass says so."""
    _, restored, _ = site.names
    script(site.url(), "SELECT lo_from_bytea(0, 'a')", "SELECT lo_from_bytea(0, 'b')")
    script(site.url(), "GRANT SELECT ON book TO PUBLIC")
    script(site.url(restored), "CREATE MATERIALIZED VIEW books AS SELECT count(*) FROM book")
    script(site.url(restored), "GRANT SELECT ON shelf TO PUBLIC")
    action = carry(site, tmp_path)

    details = "\n".join(action.details(site.machine().plan(action)))

    assert "large objects stay as in the backup, which has 0; live has 2" in details
    assert (
        "the backup lacks grants of live, which are to be given again: GRANT SELECT ON public.book TO PUBLIC" in details
    )
    assert (
        "has grants that live lacks: see whether they are wanted: REVOKE SELECT ON public.shelf FROM PUBLIC" in details
    )
    assert "hold what they held in the backup until they are refreshed: books" in details
