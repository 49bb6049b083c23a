import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from bson import ObjectId, encode

from rollbook.actions.openedx.assets import AssetsFact
from rollbook.actions.openedx.completeness import CompletenessFact
from rollbook.actions.openedx.course_key import CourseKeyFact
from rollbook.actions.openedx.course_version import CourseVersion
from rollbook.actions.openedx.difference import DifferenceFact
from rollbook.actions.openedx.old_mongo import OldMongoFact
from rollbook.actions.openedx.prune_plans import PrunePlansFact
from rollbook.actions.openedx.refreshed import Refreshed
from rollbook.actions.openedx.stores_agree import StoresAgree
from rollbook.actions.openedx.versions import VersionsFact
from rollbook.demo.publish import refresh
from rollbook.demo.studio import Studio
from rollbook.demo.tables import history, ledger, migrations
from rollbook.errors import RefusedError
from rollbook.openedx.instants import text
from rollbook.openedx.pointers import Pointers
from rollbook.openedx.pruning import PruningPlanError
from rollbook.schema import build

from .site import Site

pytestmark = pytest.mark.server


def good(site: Site) -> str:
    """Name the pair before the mistaken import."""
    return str(Pointers(site.sample.good_draft, site.sample.good_published))


def test_the_key_is_looked_up_in_both_stores(any_site: Site) -> None:
    """A course and a library are found with the pointers of both stores, on every kind of ledger."""
    course = any_site.plan(any_site.action(CourseKeyFact)).before
    library = any_site.plan(any_site.action(CourseKeyFact, course_id=any_site.sample.library_id)).before

    assert course.ledger == course.modulestore == Pointers(any_site.sample.head_draft, any_site.sample.head_published)
    assert (library.library, library.ledger) == (True, Pointers(library=any_site.sample.library_head))


def test_a_course_that_is_not_there_is_refused(site: Site) -> None:
    """Old Mongo keys, unknown courses and deleted ones are refused, each with what to do."""
    for course_id, message in [
        (site.sample.old_mongo_id, "Old Mongo"),
        ("course-v1:DemoOrg+RB101+2099", "has no course"),
        (site.sample.course_id.lower(), "has no course"),
    ]:
        with pytest.raises(RefusedError, match=message) as caught:
            site.plan(site.action(CourseKeyFact, course_id=course_id))
        assert caught.value.advice


def _delete(studio: Studio, course_id: str) -> None:
    entry = studio.entry(course_id)
    with studio.engine.begin() as connection:
        row = {column.name: getattr(entry, column.name) for column in ledger.c}
        row |= {"history_date": datetime.now(UTC), "history_type": "-"}
        connection.execute(history.insert().values(**row))
        connection.execute(ledger.delete().where(ledger.c.id == entry.id))


def _forget_migration(studio: Studio, _course_id: str) -> None:
    with studio.engine.begin() as connection:
        connection.execute(migrations.delete().where(migrations.c.name == "0002_data_migration"))


def _drop(studio: Studio, _course_id: str) -> None:
    history.drop(studio.engine)


def _lose_document(studio: Studio, course_id: str) -> None:
    studio.database["modulestore.active_versions"].delete_one({"_id": ObjectId(studio.entry(course_id).objectid)})


def _write_text(studio: Studio, course_id: str) -> None:
    wanted = {"_id": ObjectId(studio.entry(course_id).objectid)}
    collection = studio.database["modulestore.active_versions"]
    versions = {name: str(version) for name, version in collection.find_one(wanted)["versions"].items()}
    collection.update_one(wanted, {"$set": {"versions": versions}})


@pytest.mark.parametrize(
    ("happened", "message"),
    [
        (_delete, "was deleted on"),
        (_write_text, "as text, not as ObjectIds"),
        (_forget_migration, "was never filled"),
        (_drop, "has no table"),
        (_lose_document, "has no document"),
    ],
)
def test_stores_that_lack_something_are_refused(
    site: Site, happened: Callable[[Studio, str], None], message: str
) -> None:
    """A deleted course, a ledger that was never filled, another database, and a lost document are told apart."""
    with site.sample.open() as studio:
        happened(studio, site.sample.course_id)

    with pytest.raises(RefusedError, match=message) as caught:
        site.plan(site.action(CourseKeyFact))

    assert caught.value.advice


def test_a_half_way_revert_is_refused_and_shown(site: Site) -> None:
    """Stores that disagree stop the run before it begins, unless one of them is trusted."""
    site.sample.admin_revert(site.sample.good_history_id)

    with pytest.raises(RefusedError, match="active_versions says"):
        site.plan(site.action(CourseKeyFact))
    trusting = site.plan(site.action(CourseKeyFact, trust="ledger")).before

    assert trusting.present == good(site)


def test_a_suggestion_that_was_not_looked_far_enough_for_says_so(site: Site) -> None:
    """The import is behind two panic edits: whoever looks at those alone reads that, and what helps."""
    found = site.plan(site.action(VersionsFact, limit=2)).before
    further = site.plan(site.action(VersionsFact, limit=20)).before

    assert (found.suggested, found.older > 0) == (None, True)
    assert found.reason.startswith("none of the 2 newest saves that could be compared")
    assert further.suggested is not None


def test_the_good_pair_is_suggested(any_site: Site) -> None:
    """With and without the time of the damage the pair before the mistaken import is suggested, and told by whom."""
    sample = any_site.sample
    without = any_site.plan(any_site.action(VersionsFact)).before
    given = any_site.plan(any_site.action(VersionsFact, before=sample.damage_at.isoformat())).before

    assert without.suggested == given.suggested == good(any_site)
    assert f"user {sample.importer_id}" in without.reason
    began = datetime.fromisoformat(without.damage)
    assert timedelta(0) < sample.damage_at - began <= timedelta(minutes=30)
    labels = {line.value: line.label for line in without.candidates}
    assert "NOW" in labels[str(Pointers(sample.head_draft, sample.head_published))]
    assert "complete" in labels[good(any_site)]
    assert any(sample.rerun_id in label for label in labels.values())
    assert len(labels) == len(without.candidates)


def test_a_course_without_history_is_listed_from_its_chains(site: Site) -> None:
    """A course that was only migrated has no history row, and its good pair is still found."""
    found = site.plan(site.action(VersionsFact, course_id=site.sample.migrated_id)).before

    assert found.suggested == str(Pointers(site.sample.migrated_good_draft, site.sample.migrated_good_published))
    assert any("put together from the chain" in line.label for line in found.candidates)


def test_a_good_pair_that_is_in_no_entry_is_found(any_site: Site) -> None:
    """Where its entry is gone, it is what the damaged version came from; it is no mix, and the course goes back to it."""
    with any_site.sample.open() as studio, studio.engine.begin() as connection:
        lost = sa.delete(history).where(history.c.draft_version == any_site.sample.good_draft)
        assert connection.execute(lost).rowcount

    found = any_site.plan(any_site.action(VersionsFact)).before
    whole = any_site.plan(any_site.action(CompletenessFact, version=good(any_site))).before
    any_site.apply(any_site.action(CourseVersion, version=good(any_site)))

    assert found.suggested == good(any_site)
    assert "in no entry of the history" in next(line for line in found.entries if line.startswith(">"))
    assert whole.complete, whole.problems
    assert any_site.look(any_site.action(StoresAgree, version=good(any_site))).passed


def test_a_course_that_was_deleted_and_made_anew_says_so(site: Site) -> None:
    """Who goes back to what the course was in its life before reads that it was deleted since, and when."""
    with site.sample.open() as studio, studio.engine.begin() as connection:
        bad = history.select().where(history.c.draft_version == site.sample.good_draft)
        row = connection.execute(bad.order_by(history.c.history_id.desc())).first()
        assert row is not None
        made = sa.select(history).where(history.c.history_date > row.history_date).order_by(history.c.history_date)
        anew = connection.execute(made.limit(1)).one()
        connection.execute(sa.update(history).where(history.c.history_id == anew.history_id).values(history_type="+"))
        gone = {**row._asdict(), "history_date": anew.history_date - timedelta(seconds=1), "history_type": "-"}
        del gone["history_id"]
        connection.execute(sa.insert(history).values(gone))

    found = site.plan(site.action(VersionsFact)).before

    assert found.suggested == good(site)
    assert f"THE COURSE WAS DELETED at {text(gone['history_date'])} and made anew" in found.reason
    assert [line[0] for line in found.entries if "THE COURSE WAS DELETED" in line] == [">"]


def test_a_library_is_listed_too(site: Site) -> None:
    """The good version of a library is among its lines."""
    found = site.plan(site.action(VersionsFact, course_id=site.sample.library_id)).before

    assert f"library:{site.sample.library_good}" in [line.value for line in found.candidates]


def test_versions_tell_what_pruning_took(site: Site) -> None:
    """After a pruning the good draft is told as gone, and another line or none is suggested."""
    site.sample.prune(retain=0)

    found = site.plan(site.action(VersionsFact, before=site.sample.damage_at.isoformat())).before

    labels = {line.value: line.label for line in found.candidates}
    assert "pruned" in labels[good(site)]
    assert found.suggested != good(site)


def test_a_dump_that_helps_nothing_says_so(site: Site, tmp_path: Path) -> None:
    """One of another collection, or of another time, has nothing of what pruning took; nobody is left to wonder."""
    site.sample.prune(retain=0)
    with site.sample.open() as studio:
        other = b"".join(map(encode, studio.database["modulestore.active_versions"].find()))
    (tmp_path / "other.bson").write_bytes(other)
    fact = site.action(VersionsFact, structures=str(tmp_path / "other.bson"))

    told = fact.details(site.plan(fact))

    assert any("other.bson has none of the versions that are gone" in line for line in told)


def test_saves_left_agree_with_the_pruning_job(site: Site) -> None:
    """A line that has saves left survives a pruning with that retain, and one that has none does not."""
    for retain in (0, 1, 2, 3, 4):
        found = site.plan(site.action(VersionsFact, retain=retain)).before
        taken = set(site.sample.plan_prune(retain).delete)

        for line in found.candidates:
            lost = taken & set(Pointers.parse(line.value).versions)
            assert ("next pruning" in line.detail) == bool(lost), (retain, line)


def test_the_difference_counts_what_is_reachable(site: Site) -> None:
    """Going back adds the blocks of the good course and removes those of the import, in both branches."""
    found = site.plan(site.action(DifferenceFact, version=good(site))).before

    assert set(found.branches) == {"draft", "published"}
    assert found.branches["draft"]["added"]["total"] > found.branches["draft"]["removed"]["total"] > 0
    assert found.branches["draft"]["changed"]["by_type"] == {"course": 1}
    assert any("problem" in line for line in found.lines)


def test_a_whole_version_is_let_through_and_a_damaged_one_is_not(site: Site) -> None:
    """A version is refused when a structure, a definition or its branch is not as it must be."""
    sample = site.sample
    whole = site.plan(site.action(CompletenessFact, version=good(site))).before
    swapped = str(Pointers(sample.good_published, sample.good_draft))
    with pytest.raises(RefusedError, match="written for the published branch"):
        site.plan(site.action(CompletenessFact, version=swapped, allow_mix=True))
    with sample.open() as studio:
        document = studio.database["modulestore.structures"].find_one({"_id": ObjectId(sample.good_draft)})
        problem = next(block for block in document["blocks"] if block["block_type"] == "problem")
        studio.database["modulestore.definitions"].delete_one({"_id": problem["definition"]})

    with pytest.raises(RefusedError, match="1 definition missing"):
        site.plan(site.action(CompletenessFact, version=good(site)))

    assert (whole.complete, whole.title) == (True, "Runbooks for Beginners")


def test_a_course_that_always_had_a_child_too_many_comes_back(site: Site) -> None:
    """A child that is nowhere in any version refuses them all, and the advice says what helps: it may stay missing."""
    with site.sample.open() as studio:
        studio.database["modulestore.structures"].update_many(
            {}, {"$push": {"blocks.0.fields.children": ["html", "no"]}}
        )
    completeness, allowed = site.action(CompletenessFact, version=good(site)), {"allow_missing": True}

    with pytest.raises(RefusedError, match="1 block named as children missing") as caught:
        site.plan(completeness)
    whole = site.plan(site.action(CompletenessFact, version=good(site), **allowed))
    found = site.plan(site.action(VersionsFact, **allowed)).before
    site.apply(site.action(CourseVersion, version=good(site), **allowed))

    assert "allow_missing=true" in str(caught.value.advice)
    assert site.plan(site.action(VersionsFact)).before.suggested is None
    assert found.suggested == good(site)
    assert "1 block named as children missing (html no), allowed" in next(iter(found.entries))
    assert any(line.endswith("(html no); allowed") for line in completeness.details(whole))
    assert [
        site.look(site.action(StoresAgree, **at)).passed
        for at in ({}, {"version": good(site)}, {"version": good(site), **allowed})
    ] == [True, False, True]


def test_a_pair_of_thousands_of_saves_ago_is_known(site: Site) -> None:
    """However often a course was saved since, a pair that it had once is found by its time, and is no mix."""
    sample = site.sample
    with sample.open() as studio:
        entry = studio.entry(sample.course_id)
        row = {column.name: getattr(entry, column.name) for column in ledger.c} | {"history_type": "~"}
        saves = [row | {"history_date": sample.damage_at + timedelta(seconds=n)} for n in range(2500)]
        with studio.engine.begin() as connection:
            connection.execute(history.insert(), saves)

    found = site.plan(site.action(VersionsFact, before=sample.damage_at.isoformat())).before
    change = site.plan(site.action(CourseVersion, version=good(site)))

    assert found.suggested == good(site)
    assert site.plan(site.action(CompletenessFact, version=good(site))).before.complete
    assert change.before.known == (good(site),)


def test_a_version_of_another_course_is_refused(site: Site) -> None:
    """A mix may take what the course never had in force, if it descends from the same original; nothing else."""
    other = site.plan(site.action(CourseKeyFact, course_id=site.sample.old_mongo_rerun_id)).before.present
    rerun = site.plan(site.action(CourseKeyFact, course_id=site.sample.rerun_id)).before.present

    with pytest.raises(RefusedError, match="never a version of this course"):
        site.plan(site.action(CompletenessFact, version=other, allow_mix=True))

    assert site.plan(site.action(CompletenessFact, version=rerun, allow_mix=True)).before.complete


def test_ids_in_upper_case_are_the_same_ids(site: Site) -> None:
    """A row whose ids somebody typed in upper case agrees with the modulestore, and its versions are there."""
    upper = {"draft_version": site.sample.head_draft.upper(), "published_version": site.sample.head_published.upper()}
    with site.sample.open() as studio, studio.engine.begin() as connection:
        connection.execute(ledger.update().where(ledger.c.course_id == site.sample.course_id).values(upper))

    change = site.plan(site.action(CourseVersion, version=good(site)))
    found = site.plan(site.action(DifferenceFact, version=good(site))).before

    assert site.plan(site.action(CourseKeyFact)).before.ledger.draft == upper["draft_version"]
    assert not any("gone" in line for line in found.lines)
    site.carry_out(change.ops)
    assert str(site.plan(site.action(CourseKeyFact)).before.ledger) == good(site)


def test_a_pending_pruning_plan_is_refused(site: Site, tmp_path: Path) -> None:
    """A plan file that lists the version stops the run; a folder without such plans does not."""
    plan = site.sample.plan_prune(retain=0)
    (tmp_path / "plan.json").write_text(json.dumps({"delete": list(plan.delete), "update_parents": []}))
    (tmp_path / "notes.txt").write_text("not a plan")

    def look(**arguments: object) -> tuple[str, ...]:
        action = build(PrunePlansFact, arguments)
        files: tuple[str, ...] = site.plan(action).before.files
        return files

    with pytest.raises(RefusedError, match=r"plan\.json deletes"):
        look(version=good(site), folder=str(tmp_path))
    with pytest.raises(RefusedError, match="there is no pruning plan"):
        look(version=good(site), files=[str(tmp_path / "gone.json")])
    with pytest.raises(RefusedError, match="there is no folder"):
        look(version=good(site), folder=str(tmp_path / "gone"))
    now = str(Pointers(site.sample.head_draft, site.sample.head_published))
    assert look(version=now, folder=str(tmp_path)) == (str(tmp_path / "plan.json"),)
    assert look(version=good(site)) == ()
    (tmp_path / "monday").write_text((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").unlink()
    (tmp_path / "older").mkdir()
    with pytest.raises(RefusedError, match="monday deletes"):
        look(version=good(site), folder=str(tmp_path))
    action = build(PrunePlansFact, {"version": now, "folder": str(tmp_path)})
    assert any("passed over" in line and "notes.txt" in line for line in action.details(site.plan(action)))
    (tmp_path / "details.json").write_text("[]")
    with pytest.raises(PruningPlanError, match=r"details\.json is not a plan"):
        look(version=now, folder=str(tmp_path))


def test_files_uploaded_since_the_damage_are_named(site: Site) -> None:
    """The files that the import overwrote are listed by name, those of before are not."""
    since = site.sample.damage_at - timedelta(seconds=1)
    found = site.plan(site.action(AssetsFact, since=since.isoformat())).before

    assert {item.name for item in found.files} == set(site.sample.replaced_assets)
    assert found.total == len(site.sample.replaced_assets)
    assert site.plan(site.action(AssetsFact)).before.total == 0
    assert site.plan(site.action(AssetsFact, version=good(site))).before.total >= found.total


def test_old_mongo_courses_are_listed_with_their_reruns(site: Site) -> None:
    """Every Old Mongo course is named once, with the split runs of the same course, or that there is none."""
    found = site.plan(build(OldMongoFact, {})).before

    reruns = {course.key: course.reruns for course in found.courses}
    assert reruns == {site.sample.old_mongo_id: (site.sample.old_mongo_rerun_id,), site.sample.old_mongo_alone_id: ()}
    assert found.without_rerun == 1


def test_copies_are_stale_too_where_only_the_modulestore_followed(site: Site) -> None:
    """After a revert in the Django admin the restore writes active_versions alone; copies of before are stale."""
    with site.sample.open() as studio:
        entry = studio.entry(site.sample.course_id)
        refresh(studio, site.sample.course_id, entry.last_update + timedelta(seconds=1), ("overview", "outline"))
        later = {"$set": {"last_update": entry.last_update + timedelta(minutes=1)}}
        studio.database["modulestore.active_versions"].update_one({"_id": ObjectId(entry.objectid)}, later)

    look = site.action(Refreshed, within="0s")
    assert isinstance(look, Refreshed)
    assert not site.look(look).passed


def test_a_look_without_a_table_warns(site: Site) -> None:
    """Where the ledger's account sees no overview nobody says that it was made again; no outline is no news."""
    look = site.action(Refreshed, within="0s")
    assert isinstance(look, Refreshed)
    with site.sample.open() as studio:
        refresh(studio, site.sample.course_id, datetime.now(UTC) + timedelta(minutes=1))
        looks = [site.look(look)]
        for table in ("learning_sequences_learningcontext", "course_overviews_courseoverview"):
            with studio.engine.begin() as connection:
                connection.execute(sa.text(f"DROP TABLE {table}"))
            looks.append(site.look(look))

    assert [one.passed for one in looks] == [True, True, True]
    assert [bool(one.warning) for one in looks] == [False, False, True]
    assert "sees no table course_overviews_courseoverview" in looks[2].warning
    assert "no copy was looked at" in looks[2].message


def test_stale_copies_are_found_until_they_are_made_again(any_site: Site) -> None:
    """Overview and outline older than the ledger row fail the look, and pass once both are newer."""
    look = any_site.action(Refreshed, within="0s")
    assert isinstance(look, Refreshed)
    any_site.sample.studio_edit()

    stale = any_site.look(look)
    with any_site.sample.open() as studio:
        now = studio.entry(any_site.sample.course_id).last_update
        refresh(studio, any_site.sample.course_id, now + timedelta(seconds=1), ("overview",))
        half = any_site.look(look)
        refresh(studio, any_site.sample.course_id, now + timedelta(seconds=1))

    assert (stale.passed, half.passed) == (False, False)
    assert "outline" in half.message
    assert any_site.look(look).passed
