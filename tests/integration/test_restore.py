"""restore-course from its plan to its undo, on real stores."""

from dataclasses import asdict

import pytest

from rollbook.errors import RefusedError
from rollbook.report import report_of, to_markdown
from rollbook.run import Run

from .desk import Desk, story, tell
from .stores import Stores, look, structures

pytestmark = pytest.mark.server


def assert_moved(before: Stores, after: Stores, run: Run, pair: tuple[str, ...]) -> None:
    """Both stores are at *pair*, and the ledger tells of it as the platform's own saves are told."""
    assert after.ledger == after.modulestore == pair
    assert after.history[: len(before.history)] == before.history
    (entry,) = after.history[len(before.history) :]
    assert (entry["history_type"], entry["history_change_reason"]) == ("~", run.id)
    assert {name: entry[name] for name in asdict(after.row)} == asdict(after.row)
    assert after.row.last_update > before.row.last_update
    moved = {"draft_version", "published_version", "library_version", "last_update"}
    assert {key: value for key, value in asdict(after.row).items() if key not in moved} == {
        key: value for key, value in asdict(before.row).items() if key not in moved
    }


def test_restores_and_undoes(desk: Desk) -> None:
    """A restore that waits for a person, is resumed and then undone moves one course in both stores, once each way."""
    sample = desk.sample
    before = look(sample)
    others = (sample.rerun_id, sample.library_id, sample.migrated_id, sample.old_mongo_rerun_id)
    beside = [look(sample, other) for other in others]

    waiting = desk.without("look").run()
    assert (waiting.status, waiting.waiting_for) == ("waiting", "look"), story(waiting)
    assert_moved(before, look(sample), waiting, (sample.good_draft, sample.good_published))
    run = desk.resume()

    restored = look(sample)
    assert run.status == "succeeded", story(run)
    assert run.id == waiting.id
    assert_moved(before, restored, run, (sample.good_draft, sample.good_published))
    report = to_markdown(report_of(run))
    assert all(name in report for name in (*sample.replaced_assets, sample.good_draft, sample.head_draft))
    undone = desk.undo(run)

    assert undone.status == "undone", story(undone)
    assert undone.plan.undo_of == run.id
    taken_back = look(sample)
    assert_moved(restored, taken_back, undone, before.ledger)
    again = desk.undo(undone)

    assert again.status == "undone", story(again)
    assert_moved(taken_back, look(sample), again, (sample.good_draft, sample.good_published))
    assert [look(sample, other) for other in others] == beside


def test_survives_pruning(sqlite_desk: Desk) -> None:
    """The restored pair is what pruning keeps; the way back is then gone, and the undo says so before it writes."""
    sample = sqlite_desk.sample
    run = sqlite_desk.run()
    assert run.status == "succeeded", story(run)

    sample.prune(0)

    assert {sample.good_draft, sample.good_published} <= structures(sample)
    assert sample.head_draft not in structures(sample)
    assert sqlite_desk.plan(version=f"draft:{sample.good_draft},published:{sample.good_published}").steps
    after = look(sample)
    with pytest.raises(RefusedError, match=sample.head_draft):
        sqlite_desk.undo(run)
    assert look(sample) == after


def test_again_and_again(sqlite_desk: Desk) -> None:
    """A second restore changes nothing; after an undo, the same answers restore the same pair once more."""
    first = sqlite_desk.run()
    restored = look(sqlite_desk.sample)

    second = sqlite_desk.run()

    assert second.status == "succeeded", story(second)
    assert look(sqlite_desk.sample) == restored
    undone = sqlite_desk.undo(first)
    assert undone.status == "undone", story(undone)
    assert look(sqlite_desk.sample).ledger == (sqlite_desk.sample.head_draft, sqlite_desk.sample.head_published)
    third = sqlite_desk.run()
    assert third.status == "succeeded", story(third)
    assert look(sqlite_desk.sample).ledger == restored.ledger


@pytest.mark.parametrize("crash_at", [None, 31, 52, 60])
def test_an_undo_is_undone_at_the_command_line(sqlite_desk: Desk, crash_at: int | None) -> None:
    """It waits for people to confirm anew, survives being killed, and ends where the first run did, reports and all."""
    desk, sample = sqlite_desk, sqlite_desk.sample
    assert desk.type(*desk.restoring()).returncode == 0
    restored = look(sample)
    assert desk.type("undo", "last", "--yes").returncode == 0
    taken_back = look(sample)

    waiting = desk.type("undo", "last", "--yes")
    killed = desk.type("resume", "last", "--yes", *desk.answering_words(), crash_at=crash_at)
    done = desk.type("resume", "last", "--yes", *desk.answering_words()) if crash_at else killed

    again = desk.last()
    assert waiting.returncode == 3, tell(waiting)
    assert "stop_editing" in waiting.stdout
    assert (killed.returncode, done.returncode) == (-9 if crash_at else 0, 0), tell(killed) + tell(done)
    assert again.status == "undone", story(again)
    assert_moved(taken_back, look(sample), again, restored.ledger)
    refused = desk.type("undo", again.plan.undo_of, "--yes")
    assert (refused.returncode, f"was undone already, by run {again.id}" in refused.stderr) == (4, True), tell(refused)
    assert "that undone again" in desk.type("report", again.plan.again).stdout


def test_a_library(sqlite_desk: Desk) -> None:
    """A library goes back to an earlier version of its only branch, and forth again."""
    sample = sqlite_desk.sample
    before = look(sample, sample.library_id)
    desk = sqlite_desk

    run = desk.run(course_id=sample.library_id, version=f"library:{sample.library_good}")
    restored = look(sample, sample.library_id)
    undone = desk.undo(run)

    assert (run.status, undone.status) == ("succeeded", "undone"), story(run)
    assert_moved(before, restored, run, (sample.library_good,))
    assert_moved(restored, look(sample, sample.library_id), undone, (sample.library_head,))


def test_a_course_without_history(desk: Desk) -> None:
    """A course that the ledger remembers nothing of is found its way back through the chain of versions."""
    sample = desk.sample
    before = look(sample, sample.migrated_id)
    assert before.history == ()

    run = desk.run(course_id=sample.migrated_id)

    assert run.status == "succeeded", story(run)
    good = (sample.migrated_good_draft, sample.migrated_good_published)
    assert_moved(before, look(sample, sample.migrated_id), run, good)
