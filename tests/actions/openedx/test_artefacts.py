import hashlib
import json
from pathlib import Path

import pytest
from bson import ObjectId, json_util
from bson import encode as bson_encode

from rollbook.actions.openedx.completeness import CompletenessFact
from rollbook.actions.openedx.course_version import CourseVersion
from rollbook.actions.openedx.export import Export
from rollbook.actions.openedx.snapshot import Snapshot
from rollbook.actions.openedx.stores_agree import StoresAgree
from rollbook.actions.openedx.structures_restore import StructuresRestore
from rollbook.actions.openedx.versions import VersionsFact
from rollbook.demo.errors import DemoError
from rollbook.errors import RefusedError
from rollbook.openedx.pointers import Pointers
from rollbook.schema import build

from .site import Site

pytestmark = pytest.mark.server


def good(site: Site) -> str:
    """Name the pair before the mistaken import."""
    return str(Pointers(site.sample.good_draft, site.sample.good_published))


def dump(site: Site, collection: str, path: Path) -> str:
    """Write a collection as mongodump does, or as Extended JSON."""
    with site.sample.open() as studio:
        documents = list(studio.database[collection].find())
    if path.suffix == ".bson":
        path.write_bytes(b"".join(bson_encode(document) for document in documents))
    else:
        path.write_text("".join(json_util.dumps(document) + "\n" for document in documents))
    return str(path)


def test_a_snapshot_holds_both_stores(any_site: Site, tmp_path: Path) -> None:
    """Ledger row, history, active_versions and the structures are in files, with their checksums in the outputs."""
    action = any_site.action(Snapshot, version=good(any_site), folder=str(tmp_path / "snapshot"))
    change = any_site.plan(action)

    results = any_site.carry_out(change.ops)

    files = action.outputs(change.after, results)["files"]
    assert {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in files} == files
    lines = {Path(path).name: Path(path).read_text().splitlines() for path in files}
    assert [len(lines[name]) for name in ("ledger.jsonl", "active_versions.jsonl", "structures.jsonl")] == [1, 1, 4]
    assert json.loads(lines["ledger.jsonl"][0])["draft_version"] == any_site.sample.head_draft
    assert len(lines["history.jsonl"]) > 5
    assert any_site.plan(action).ops == ()


@pytest.mark.parametrize("ending", ["bson", "json"])
def test_a_dump_shows_pairs_that_pruning_took_from_a_course_without_history(
    site: Site, tmp_path: Path, ending: str
) -> None:
    """The chain of versions goes on through a dump, and a pair that was put together so may be gone back to."""
    course = site.sample.migrated_id
    before = site.plan(site.action(VersionsFact, course_id=course)).before
    file = dump(site, "modulestore.structures", tmp_path / f"structures.{ending}")
    site.sample.prune(retain=0)

    without = site.plan(site.action(VersionsFact, course_id=course)).before
    found = site.plan(site.action(VersionsFact, course_id=course, structures=file)).before

    wanted = str(Pointers(site.sample.migrated_good_draft, site.sample.migrated_good_published))
    assert wanted not in [line.value for line in without.candidates]
    assert [line.value for line in found.candidates] == [line.value for line in before.candidates]
    assert found.suggested == before.suggested == wanted
    restore = build(StructuresRestore, {"version": wanted, "structures": file})
    site.carry_out(site.plan(restore).ops)
    complete = site.plan(site.action(CompletenessFact, course_id=course, version=wanted, structures=file)).before
    assert complete.complete, complete.problems
    moved = site.plan(site.action(CourseVersion, course_id=course, version=wanted, structures=file))
    assert moved.ops


def test_a_snapshot_that_was_cut_short_is_finished(site: Site, tmp_path: Path) -> None:
    """After a crash between two files the rest of the planned writes is left to do."""
    action = site.action(Snapshot, folder=str(tmp_path))
    change = site.plan(action)
    site.carry_out(change.ops[:2])

    left = action.ops(action.probe(site.read), change.after)

    assert left == change.ops[2:]


def test_an_export_can_be_read_by_people(site: Site, tmp_path: Path) -> None:
    """Each branch is a page and a JSON outline with the names and texts of the course, and nothing else is left."""
    action = site.action(Export, version=good(site), folder=str(tmp_path / "export"))

    site.apply(action)

    mark = f"{site.sample.good_draft}-{site.sample.good_published}"
    names = sorted(path.name for path in (tmp_path / "export" / mark).iterdir())
    assert names == ["draft.html", "draft.json", "published.html", "published.json"]
    page = (tmp_path / "export" / mark / "draft.html").read_text()
    assert "Runbooks for Beginners" in page
    assert "&lt;p&gt;Reading 1, revised" in page
    outline = json.loads((tmp_path / "export" / mark / "published.json").read_text())
    assert outline["blocks"][0]["name"] == "Runbooks for Beginners"
    assert site.plan(action).ops == ()


@pytest.mark.parametrize("ending", ["bson", "json"])
def test_what_pruning_took_comes_back_from_a_dump(site: Site, tmp_path: Path, ending: str) -> None:
    """Structures and definitions that are gone are inserted under their ids, and the course can be pointed at them."""
    files = {
        name: dump(site, f"modulestore.{name}", tmp_path / f"{name}.{ending}") for name in ("structures", "definitions")
    }
    site.sample.prune(retain=0)
    with site.sample.open() as studio:
        studio.database["modulestore.definitions"].delete_many({"block_type": "problem"})
    action = build(StructuresRestore, {"version": good(site), **files})

    change = site.apply(action)

    assert [op.op for op in change.ops] == ["mongo.load", "mongo.load"]
    assert site.plan(action).ops == ()
    site.apply(site.action(CourseVersion, version=good(site)))
    assert site.look(site.action(StoresAgree, version=good(site))).passed


@pytest.mark.parametrize("retain", [1, 2, 4])
def test_pruning_goes_on_after_a_version_came_back(site: Site, tmp_path: Path, retain: int) -> None:
    """As many versions before it come with it as pruning looks for; without them its next plan would stop."""
    structures = dump(site, "modulestore.structures", tmp_path / "structures.bson")
    site.sample.prune(retain=0)
    action = build(StructuresRestore, {"version": good(site), "structures": structures, "retain": retain})

    change = site.apply(action)
    site.apply(site.action(CourseVersion, version=good(site)))

    assert change.before.missing_ancestors
    assert change.before.lost_ancestors == ()
    assert site.sample.plan_prune(retain=retain).delete
    assert site.plan(action).ops == ()


def test_a_version_whose_ancestors_are_in_no_dump_says_what_pruning_will_do(site: Site, tmp_path: Path) -> None:
    """It comes back all the same, and whoever reads the plan knows why the next pruning stops, and what helps."""
    with site.sample.open() as studio:
        wanted = {"_id": {"$in": [ObjectId(one) for one in good(site).replace(",", ":").split(":")[1::2]]}}
        documents = list(studio.database["modulestore.structures"].find(wanted))
    heads = tmp_path / "structures.bson"
    heads.write_bytes(b"".join(bson_encode(document) for document in documents))
    site.sample.prune(retain=0)
    action = build(StructuresRestore, {"version": good(site), "structures": str(heads)})

    change = site.apply(action)
    site.apply(site.action(CourseVersion, version=good(site)))

    assert len(change.after.missing_structures) == 0
    assert "--ignore-missing lets it go on" in action.details(change)[-1]
    with pytest.raises(DemoError, match="Missing structures detected"):
        site.sample.plan_prune(retain=2)


def test_a_dump_that_lacks_something_inserts_nothing(site: Site, tmp_path: Path) -> None:
    """A dump without the structure, or without a definition that is gone too, is refused with what is missing."""
    structures = dump(site, "modulestore.structures", tmp_path / "structures.bson")
    empty = tmp_path / "empty.bson"
    empty.write_bytes(b"")
    site.sample.prune(retain=0)
    with pytest.raises(RefusedError, match=f"structure {site.sample.good_draft} is not in"):
        site.plan(build(StructuresRestore, {"version": good(site), "structures": str(empty)}))
    with site.sample.open() as studio:
        studio.database["modulestore.definitions"].delete_many({"block_type": "problem"})

    with pytest.raises(RefusedError, match="definition"):
        site.plan(
            build(StructuresRestore, {"version": good(site), "structures": structures, "definitions": str(empty)})
        )
    with pytest.raises(RefusedError, match="no dump of them is named"):
        site.plan(build(StructuresRestore, {"version": good(site), "structures": structures}))

    with site.sample.open() as studio:
        gone = {"_id": ObjectId(site.sample.good_draft)}
        assert studio.database["modulestore.structures"].count_documents(gone) == 0
