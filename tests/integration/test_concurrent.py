"""Others write at the same time, before, between and after the restore's two writes: nothing of theirs is lost unseen."""

from pathlib import Path

import pytest

from rollbook.demo.live import OpenEdit
from rollbook.demo.studio import Entry
from rollbook.demo.tables import ledger
from rollbook.engine import locks
from rollbook.engine.ports import OnDoubt
from rollbook.errors import PlanDrift, RefusedError
from rollbook.ops import MongoWrite, Sql
from rollbook.testing.crash import CrashError, raise_crash

from .desk import Desk, story, tell
from .meanwhile import before_write
from .stores import look, structures

pytestmark = pytest.mark.server
UNFINISHED = ("waiting", "failed")


def test_an_edit_after_planning_refuses_the_saved_plan(desk: Desk) -> None:
    """A saved plan is refused after an edit, with what differs, and nothing is written."""
    planned = desk.type("plan", *desk.naming(), "--out", "plan.json")
    assert planned.returncode == 0, tell(planned)
    version = desk.sample.studio_edit()
    edited = look(desk.sample)

    done = desk.type("run-runbook", "restore-course", "--plan", "plan.json", "--yes")

    assert done.returncode == 4, tell(done)
    assert str(version) in done.stderr
    assert look(desk.sample) == edited
    assert desk.runs.all() == ()


def test_an_edit_after_agreeing_is_drift(desk: Desk) -> None:
    """An edit after the plan was agreed to stops the run before its first write; a resume plans on what is there now."""
    plan = desk.plan()
    version = str(desk.sample.studio_edit())
    edited = look(desk.sample)

    with pytest.raises(PlanDrift) as drift:
        desk.run(plan=plan)

    assert version in "".join(drift.value.differences)
    assert look(desk.sample) == edited
    stopped = desk.last()
    assert (stopped.status, stopped.resumable) == ("stopped", True)
    run = desk.resume()
    assert run.status == "succeeded", story(run)
    assert look(desk.sample).ledger == (desk.sample.good_draft, desk.sample.good_published)
    assert version in [row["draft_version"] for row in look(desk.sample).history]


@pytest.mark.parametrize("decision", [None, "done", "redo", "abort"])
def test_an_edit_as_the_ledger_is_written_wins(sqlite_desk: Desk, decision: OnDoubt | None) -> None:
    """An edit between the last look and the ledger's write is never written over, whatever is decided afterwards."""
    edit = sqlite_desk.sample.begin_edit()

    with before_write(Sql, edit.save):
        failed = sqlite_desk.run()

    edited = look(sqlite_desk.sample)
    assert failed.status == "failed", story(failed)
    assert edited.ledger == edited.modulestore == (str(edit.structure.id), sqlite_desk.sample.head_published)
    assert not edited.of_run(failed.id)
    run = sqlite_desk.resume(doubts={} if decision is None else {"pointers": decision})
    assert run.status in UNFINISHED, story(run)
    assert look(sqlite_desk.sample) == edited


@pytest.mark.parametrize("decision", [None, "done", "redo", "abort"])
def test_an_edit_between_the_writes_wins(sqlite_desk: Desk, decision: OnDoubt | None) -> None:
    """After a kill between the writes and an edit of the half-restored course, the run asks and writes over nothing."""
    with before_write(MongoWrite, raise_crash), pytest.raises(CrashError):
        sqlite_desk.run()
    version = sqlite_desk.sample.studio_edit()
    edited = look(sqlite_desk.sample)
    assert edited.ledger == edited.modulestore == (version, sqlite_desk.sample.good_published)

    run = sqlite_desk.resume(doubts={} if decision is None else {"pointers": decision})

    step = run.step("pointers")
    assert step is not None
    assert run.status in UNFINISHED, story(run)
    assert decision is not None or step.status == "in_doubt"
    assert look(sqlite_desk.sample) == edited


def test_an_edit_between_the_writes_is_asked_about(desk: Desk) -> None:
    """The same at a real prompt-less command line: exit 3, the step named as in doubt, and both stores as the editor left them."""
    with before_write(MongoWrite, raise_crash), pytest.raises(CrashError):
        desk.run()
    version = desk.sample.studio_edit()
    edited = look(desk.sample)
    assert edited.ledger == (version, desk.sample.good_published)

    done = desk.type("resume", "last", "--yes")

    assert done.returncode == 3, tell(done)
    assert "doubt" in done.stdout
    assert str(version) in done.stdout
    assert look(desk.sample) == edited


def test_an_entry_that_was_saved_as_it_was_after_a_kill_stops_nothing(desk: Desk) -> None:
    """Saved in the administration pages, the course is as it was but for its time: the resume writes from there."""
    with before_write(Sql, raise_crash), pytest.raises(CrashError):
        desk.run()
    same = look(desk.sample)
    newest = max(same.history, key=lambda row: row["history_id"])
    desk.sample.admin_revert(newest["history_id"])
    assert look(desk.sample).ledger == same.ledger

    run = desk.resume()

    assert run.status == "succeeded", story(run)
    found = look(desk.sample)
    assert found.ledger == found.modulestore == (desk.sample.good_draft, desk.sample.good_published)
    assert len(found.of_run(run.id)) == 1


def test_an_edit_that_was_open_all_the_time_collides(desk: Desk) -> None:
    """An edit begun before the restore and saved in its middle is lost as any collision in Studio is; the restore ends."""
    edit = desk.sample.begin_edit()
    with before_write(MongoWrite, raise_crash), pytest.raises(CrashError):
        desk.run()

    assert edit.save() is None
    run = desk.resume()

    assert run.status == "succeeded", story(run)
    found = look(desk.sample)
    assert found.ledger == found.modulestore == (desk.sample.good_draft, desk.sample.good_published)
    assert len(found.of_run(run.id)) == 1


def test_an_edit_across_the_second_write_is_told(sqlite_desk: Desk) -> None:
    """An edit whose two writes enclose the restore's second one ends in a question, not in a success that is none."""
    saved: list[tuple[OpenEdit, Entry]] = []

    def write_half() -> None:
        edit = sqlite_desk.sample.begin_edit()
        edit.write_structure()
        entry = edit.write_ledger()
        assert entry is not None
        saved.append((edit, entry))

    with before_write(MongoWrite, write_half):
        run = sqlite_desk.run()
    (edit, entry) = saved[0]
    assert edit.write_mongo(entry)

    assert run.status in UNFINISHED, story(run)
    edited = look(sqlite_desk.sample)
    assert edited.ledger == edited.modulestore == (entry.draft_version, sqlite_desk.sample.good_published)
    assert sqlite_desk.resume().status == "waiting"
    assert look(sqlite_desk.sample) == edited


def test_an_edit_after_the_restore_is_asked_about_by_its_undo(sqlite_desk: Desk) -> None:
    """An undo after later work asks before it throws that work away, and keeps it when nobody says yes."""
    run = sqlite_desk.run()
    version = sqlite_desk.sample.studio_edit()
    edited = look(sqlite_desk.sample)

    waiting = sqlite_desk.undo(run)

    assert waiting.status == "waiting", story(waiting)
    assert str(version) in str(waiting.plan.steps)
    assert look(sqlite_desk.sample) == edited
    undone = sqlite_desk.answering(**{f"{waiting.waiting_for}": "yes"}).resume()
    assert undone.status == "undone", story(undone)
    assert look(sqlite_desk.sample).ledger == (sqlite_desk.sample.head_draft, sqlite_desk.sample.head_published)


def test_a_half_way_revert_is_refused(desk: Desk) -> None:
    """Stores that disagree after a revert in the admin are both shown; the operator says which is true."""
    sample = desk.sample
    sample.admin_revert(sample.good_history_id)
    before = look(sample)
    assert before.ledger != before.modulestore

    with pytest.raises(RefusedError) as refused:
        desk.plan()

    assert all(version in str(refused.value) for version in (*before.ledger, *before.modulestore))
    assert "trust" in str(refused.value)
    run = desk.run(trust="ledger")
    assert run.status == "succeeded", story(run)
    after = look(sample)
    assert after.ledger == after.modulestore == (sample.good_draft, sample.good_published)
    sample.prune(0)
    assert {sample.good_draft, sample.good_published} <= structures(sample)


def test_a_half_way_revert_may_be_taken_for_wrong(sqlite_desk: Desk) -> None:
    """Where the modulestore is trusted, the restore goes on from its pointers, and an undo brings back what each had."""
    sample = sqlite_desk.sample
    sample.admin_revert(sample.good_history_id)
    before = look(sample)

    run = sqlite_desk.run(trust="modulestore", version=f"draft:{sample.head_draft},published:{sample.head_published}")
    restored = look(sample)
    undone = sqlite_desk.undo(run)

    assert (run.status, undone.status) == ("succeeded", "undone"), story(run)
    assert restored.ledger == restored.modulestore == (sample.head_draft, sample.head_published)
    assert (look(sample).ledger, look(sample).modulestore) == (before.ledger, before.modulestore)


def test_a_ledger_that_names_no_version_is_restored_from_the_other_store(sqlite_desk: Desk) -> None:
    """What is no id at all cannot be saved or gone back to; the course is brought back all the same."""
    sample = sqlite_desk.sample
    with sample.open() as studio, studio.engine.begin() as connection:
        entry = studio.entry(sample.course_id)
        connection.execute(ledger.update().where(ledger.c.id == entry.id).values(draft_version="zzz"))

    run = sqlite_desk.run(trust="modulestore", version=f"draft:{sample.head_draft},published:{sample.head_published}")

    assert run.status == "succeeded", story(run)
    assert look(sample).ledger == (sample.head_draft, sample.head_published)


@pytest.mark.parametrize("ledger_url", ["mariadb", "postgres"], indirect=True)
def test_two_laptops_exclude_each_other(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one operator restores, another on another machine is refused by the ledger's lock, which names its holder."""
    other = Desk(tmp_path / "another laptop", desk.sample)
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "locks of this laptop")
    refused = []

    with before_write(Sql, lambda: refused.append(other.type(*other.restoring()))):
        run = desk.run()

    (done,) = refused
    assert done.returncode == 4, tell(done)
    assert "locked by" in done.stderr
    assert run.status == "succeeded", story(run)
    assert other.runs.all() == ()
    restored = look(desk.sample)
    assert len(restored.of_run(run.id)) == 1
    assert other.run().status == "succeeded"  # the lock is gone, and there is nothing left to do
    assert look(desk.sample) == restored


def test_two_terminals_exclude_each_other(sqlite_desk: Desk) -> None:
    """On one machine, a second run is refused by the lock there, which names the first; so is a second resume."""
    refused = []

    def try_both() -> None:
        refused.extend((sqlite_desk.type(*sqlite_desk.restoring()), sqlite_desk.type("resume", "last", "--yes")))

    with before_write(Sql, try_both):
        run = sqlite_desk.run()

    assert [done.returncode for done in refused] == [4, 4], "\n".join(map(tell, refused))
    assert all(word in refused[0].stderr for word in ("held by", run.id))
    assert str(len(sqlite_desk.runs.all())) == "1"
    assert run.status == "succeeded", story(run)


def test_two_laptops_without_a_common_lock(sqlite_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has no lock for two machines, and the plan says so; the second writer still writes nothing twice."""
    other = Desk(tmp_path / "another laptop", sqlite_desk.sample)
    assert sqlite_desk.plan().lock_scope == "this machine only"

    def restore_elsewhere() -> None:
        with monkeypatch.context() as there:
            there.setattr(locks, "FOLDER", tmp_path / "locks of another laptop")
            assert other.run().status == "succeeded"

    with before_write(Sql, restore_elsewhere):
        late = sqlite_desk.run()

    assert late.status == "failed", story(late)
    run = sqlite_desk.resume()
    assert run.status == "succeeded", story(run)
    step = run.step("pointers")
    assert step is not None
    assert step.status == "recovered"
    found = look(sqlite_desk.sample)
    assert (len(found.of_run(other.last().id)), len(found.of_run(run.id))) == (1, 0)
