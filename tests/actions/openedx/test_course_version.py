from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from rollbook.action import Reverse
from rollbook.actions.openedx.course_version import CourseVersion
from rollbook.actions.openedx.stores_agree import StoresAgree
from rollbook.demo.tables import history
from rollbook.errors import ConflictError, RefusedError
from rollbook.openedx.pointers import Pointers
from rollbook.ops import Clock
from rollbook.planner.step import encode_op
from rollbook.values import NOW, bind

from .site import RUN, Site

pytestmark = pytest.mark.server


def good(site: Site) -> str:
    """Name the pair before the mistaken import."""
    return str(Pointers(site.sample.good_draft, site.sample.good_published))


def head(site: Site) -> str:
    """Name the pair that is in force."""
    return str(Pointers(site.sample.head_draft, site.sample.head_published))


def reasons(site: Site) -> list[tuple[str, str | None, int | None]]:
    """Read the newest history rows of the course: type, reason and user."""
    query = history.select().where(history.c.course_id == site.sample.course_id).order_by(history.c.history_id.desc())
    with site.sample.open() as studio, studio.engine.connect() as connection:
        rows = connection.execute(query).all()
    return [(row.history_type, row.history_change_reason, row.history_user_id) for row in rows]


def test_a_course_comes_back_and_goes_back(any_site: Site) -> None:
    """On every kind of ledger both stores move, each with one history row, and an undo brings the pointers back."""
    action = any_site.action(CourseVersion, version=good(any_site))
    rows = len(reasons(any_site))

    change = any_site.apply(action)

    assert [op.op for op in change.ops] == ["sql", "mongo.write"]
    assert any_site.look(any_site.action(StoresAgree, version=good(any_site))).passed
    assert reasons(any_site)[0] == ("~", RUN, None)
    assert len(reasons(any_site)) == rows + 1
    assert any_site.plan(action).ops == ()

    any_site.undo(action, change)

    assert any_site.look(any_site.action(StoresAgree, version=head(any_site))).passed
    assert len(reasons(any_site)) == rows + 2


def test_each_store_s_own_clock_says_when(any_site: Site) -> None:
    """A machine whose clock is an hour slow dates nothing before what was saved until then."""
    change = any_site.plan(any_site.action(CourseVersion, version=good(any_site)))
    began = datetime.now(UTC) - timedelta(seconds=1)
    assert "now=‹now, by the clock of the server›" in "".join(change.ops[0].render())

    any_site.carry_out(change.ops, Clock.at(RUN, began - timedelta(hours=1)).known())

    newest = history.select().where(history.c.course_id == any_site.sample.course_id)
    with any_site.sample.open() as studio:
        row = studio.entry(any_site.sample.course_id)
        with studio.engine.connect() as connection:
            entry = connection.execute(newest.order_by(history.c.history_date.desc()).limit(1)).one()
        document = studio.database["modulestore.active_versions"].find_one({"_id": ObjectId(row.objectid)})
    assert document is not None
    assert entry.history_change_reason == RUN
    assert row.last_update == entry.last_update == entry.history_date
    for written in (row.last_update, document["last_update"]):
        assert began < written < datetime.now(UTC) + timedelta(seconds=1)


def test_a_studio_session_that_was_open_collides(any_site: Site) -> None:
    """An edit begun before the restore and saved after it is lost, as the platform's lock has it."""
    edit = any_site.sample.begin_edit()
    any_site.apply(any_site.action(CourseVersion, version=good(any_site)))

    assert edit.save() is None
    assert any_site.look(any_site.action(StoresAgree, version=good(any_site))).passed


def test_studio_goes_on_from_the_restored_version(any_site: Site) -> None:
    """The next save in Studio works, and the stores agree on it."""
    any_site.apply(any_site.action(CourseVersion, version=good(any_site)))

    version = any_site.sample.studio_edit()

    outcome = any_site.look(any_site.action(StoresAgree))
    assert outcome.passed, outcome.message
    assert version is not None
    assert version in str(outcome.seen["ledger"])


def test_a_crash_between_the_stores_leaves_the_second_write(any_site: Site) -> None:
    """After the ledger's write alone, what is left to do is just the rest of what was planned, and it finishes it."""
    action = any_site.action(CourseVersion, version=good(any_site))
    change = any_site.plan(action)
    known = any_site.known()
    any_site.carry_out(change.ops[:1], known)

    found = action.probe(any_site.read)
    left = action.ops(found, change.after)

    assert [bind(encode_op(op), known) for op in left] == [bind(encode_op(op), known) for op in change.ops[1:]]
    any_site.carry_out(left, known)
    assert any_site.look(any_site.action(StoresAgree, version=good(any_site))).passed
    assert [reason for _, reason, _ in reasons(any_site)].count(RUN) == 1


def test_a_save_between_plan_and_run_stops_both_writes(any_site: Site) -> None:
    """Who saves in Studio after the plan was made wins: the planned writes touch nothing."""
    change = any_site.plan(any_site.action(CourseVersion, version=good(any_site)))
    version = any_site.sample.studio_edit()

    for op in change.ops:
        with pytest.raises(ConflictError):
            any_site.carry_out([op])

    assert version in str(any_site.look(any_site.action(StoresAgree)).seen["ledger"])


def test_an_undo_over_a_later_save_is_seen_as_changed(site: Site) -> None:
    """After a save since the restore, the state found is not the one left, so the engine asks; the way back works."""
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    site.sample.studio_edit()

    found = action.probe(site.read)

    assert (found.ledger, found.modulestore) != (change.after.ledger, change.after.modulestore)
    site.undo(action, change)
    assert site.look(site.action(StoresAgree, version=head(site))).passed


def test_an_undo_finds_its_way_back_over_many_saves(site: Site) -> None:
    """However many saves came after the restore, the versions that an undo leads to are looked at, and it works."""
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    for _ in range(7):
        site.sample.studio_edit()

    site.undo(action, change)

    assert site.look(site.action(StoresAgree, version=head(site))).passed


def test_an_undo_of_a_course_without_history_works(site: Site) -> None:
    """A course that was only migrated goes back to its versions, which no history row names."""
    sample = site.sample
    wanted = str(Pointers(sample.migrated_good_draft, sample.migrated_good_published))
    action = site.action(CourseVersion, course_id=sample.migrated_id, version=wanted)
    change = site.apply(action)

    site.undo(action, change)

    left = site.look(site.action(StoresAgree, course_id=sample.migrated_id, version=str(change.before.ledger)))
    assert left.passed, left.message


def test_an_undo_where_the_ledger_was_trusted_goes_far_back(site: Site) -> None:
    """Each store goes back to what it had, though the one that was not trusted had it long ago."""
    site.sample.admin_revert(site.sample.bad_history_id)
    for _ in range(6):
        site.sample.admin_revert(site.sample.good_history_id)
        site.sample.admin_revert(site.sample.bad_history_id)
    action = site.action(CourseVersion, version=good(site), trust="ledger")
    change = site.apply(action)
    for _ in range(5):
        site.sample.studio_edit()

    site.undo(action, change)

    found = action.probe(site.read)
    assert (found.ledger, found.modulestore) == (change.before.ledger, change.before.modulestore)


def test_an_undo_says_that_it_writes_the_time_of_its_run(site: Site) -> None:
    """The way back shows the times as its statements write them, and leaves those of a store that is not written."""
    action = site.action(CourseVersion, version=good(site))
    undo = action.undo(site.apply(action))

    assert isinstance(undo, Reverse)
    assert (undo.goal.ledger_update, undo.goal.modulestore_update) == (NOW, NOW)


def test_an_undo_to_a_damaged_version_is_refused(site: Site) -> None:
    """What an undo leads to is looked at anew: a definition that went since makes it refuse."""
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    for _ in range(6):
        site.sample.studio_edit()
    with site.sample.open() as studio:
        (bad,) = studio.database["modulestore.structures"].find({"_id": ObjectId(site.sample.head_draft)})
        blocks = bad["blocks"]
        assert isinstance(blocks, list)
        studio.database["modulestore.definitions"].delete_many({"_id": {"$in": [one["definition"] for one in blocks]}})

    with pytest.raises(RefusedError, match="not complete"):
        site.undo(action, change)


@pytest.mark.parametrize("gone", [True, False])
def test_an_undo_leads_back_to_what_was_incomplete_before(site: Site, gone: bool) -> None:
    """What the run left incomplete is brought back as it was, and the plan says so; what lost more since is not."""
    wanted = {"_id": ObjectId(site.sample.head_draft)}
    with site.sample.open() as studio:
        structures = studio.database["modulestore.structures"]
        (bad,) = structures.find(wanted)
        if gone:
            structures.delete_one(wanted)
        else:
            structures.update_one(wanted, {"$push": {"blocks.0.fields.children": ["html", "nowhere"]}})
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    undo = action.undo(change)
    assert isinstance(undo, Reverse)

    if not gone:
        with site.sample.open() as studio:
            definitions, blocks = studio.database["modulestore.definitions"], bad["blocks"]
            assert isinstance(blocks, list)
            lost = list(definitions.find({"_id": {"$in": [one["definition"] for one in blocks]}}))
            definitions.delete_many({"_id": {"$in": [one["_id"] for one in lost]}})
            with pytest.raises(RefusedError, match="not complete"):
                site.undo(action, change)
            definitions.insert_many(lost)
    site.undo(action, change)

    assert f"AS INCOMPLETE AS IT WAS then ({site.sample.head_draft}: " in undo.reason
    found = action.probe(site.read)
    assert (found.ledger, found.modulestore) == (change.before.ledger, change.before.modulestore)


def test_an_undo_to_what_pruning_took_is_refused(site: Site) -> None:
    """Pruning after the restore takes the damaged versions; an undo that would lead to them is refused and says so."""
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    site.sample.prune(retain=0)

    with pytest.raises(RefusedError, match="not complete"):
        site.undo(action, change)


def test_the_restored_version_survives_pruning(site: Site) -> None:
    """Since both stores name it, the next pruning keeps the restored version."""
    site.apply(site.action(CourseVersion, version=good(site)))

    site.sample.prune(retain=0)

    outcome = site.look(site.action(StoresAgree, version=good(site)))
    assert outcome.passed, outcome.message


def test_a_half_way_revert_is_refused_until_a_store_is_trusted(site: Site) -> None:
    """After a revert in the administration pages both are shown; with the ledger trusted, only MongoDB is written."""
    site.sample.admin_revert(site.sample.good_history_id)

    with pytest.raises(RefusedError, match="do not agree") as caught:
        site.plan(site.action(CourseVersion, version=good(site)))
    action = site.action(CourseVersion, version=good(site), trust="ledger")
    change = site.apply(action)

    assert good(site) in caught.value.message
    assert head(site) in caught.value.message
    assert [op.op for op in change.ops] == ["mongo.write"]


def test_an_undo_tells_each_store_by_itself_where_they_did_not_agree(site: Site) -> None:
    """What a plan says of an undo is where it really leads: only the store that was moved, and to its own pointers."""
    site.sample.admin_revert(site.sample.good_history_id)
    action = site.action(CourseVersion, version=good(site), trust="ledger")

    undo = action.undo(site.plan(action))

    assert isinstance(undo, Reverse)
    assert f"the modulestore goes back to {Pointers.parse(head(site)).short()}; so they do not agree" in undo.reason
    assert "ledger goes back" not in undo.reason


def test_an_undo_brings_back_what_each_store_had(site: Site) -> None:
    """Stores that disagreed before disagree again after an undo: exactly what was there."""
    site.sample.admin_revert(site.sample.bad_history_id)
    action = site.action(CourseVersion, version=good(site), trust="modulestore")
    change = site.apply(action)

    site.undo(action, change)

    found = action.probe(site.read)
    assert (str(found.ledger), str(found.modulestore)) == (
        str(Pointers(site.sample.bad_draft, site.sample.bad_published)),
        head(site),
    )


def test_versions_that_do_not_fit_are_refused(site: Site) -> None:
    """One version for both branches, a mix of saves, and versions that are gone are refused before any write."""
    sample = site.sample
    same = str(Pointers(sample.good_draft, sample.good_draft))
    mix = str(Pointers(sample.good_draft, sample.head_published))
    gone = str(Pointers("0" * 24, sample.good_published))

    with pytest.raises(RefusedError, match="allow_same"):
        site.plan(site.action(CourseVersion, version=same))
    with pytest.raises(RefusedError, match="allow_mix"):
        site.plan(site.action(CourseVersion, version=mix))
    with pytest.raises(RefusedError, match="gone"):
        site.plan(site.action(CourseVersion, version=gone, allow_mix=True))
    site.apply(site.action(CourseVersion, version=mix, allow_mix=True))
    site.apply(site.action(CourseVersion, version=same, allow_mix=True, allow_same=True))


def test_a_library_comes_back_too(any_site: Site) -> None:
    """A library's one branch is moved in both stores."""
    arguments = {"course_id": any_site.sample.library_id, "version": f"library:{any_site.sample.library_good}"}
    action = any_site.action(CourseVersion, **arguments)

    change = any_site.apply(action)
    any_site.undo(action, change)

    assert any_site.look(
        any_site.action(
            StoresAgree, course_id=any_site.sample.library_id, version=f"library:{any_site.sample.library_head}"
        )
    ).passed


def test_a_branch_that_was_absent_is_absent_again(site: Site) -> None:
    """An undo to a course that was never published takes the published pointer away in both stores."""
    action = site.action(CourseVersion, version=good(site))
    change = site.apply(action)
    unpublished = replace(
        change.before, ledger=Pointers(site.sample.head_draft), modulestore=Pointers(site.sample.head_draft)
    )

    hiding = site.apply(action, unpublished)

    assert action.details(hiding)[0].startswith("LEARNERS WILL NOT SEE THE COURSE any more")
    assert not any("LEARNERS" in line for line in action.details(change))
    with site.sample.open() as studio:
        assert studio.entry(site.sample.course_id).published_version == ""
        (document,) = studio.database["modulestore.active_versions"].find({"run": "2024_T1"})
    assert list(document["versions"]) == ["draft-branch"]
    site.apply(action)
