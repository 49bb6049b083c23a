"""What restore-course refuses before it writes anything, and the ways round that it names."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import bson
import pytest
from bson import json_util

from rollbook.demo.sample import Sample
from rollbook.errors import RefusedError

from .desk import Desk, story, tell
from .stores import everything, look, structures

pytestmark = pytest.mark.server

KEYS = {
    "DemoOrg/OLD101/2012_Fall": "no version history",
    "ccx-v1:DemoOrg+RB101+2024_T1+ccx@7": "course-v1:DemoOrg+RB101+2024_T1",
    "lib:DemoOrg:RBLib": "V2 library",
    "course-v1:DemoOrg+RB101+2031_T1": "has no course",
    "course-v1:DemoOrg+RB101": "course-v1:ORG+COURSE+RUN",
}


def test_keys_without_versions(desk: Desk) -> None:
    """Keys of other stores and unknown courses are each refused with what to do instead; planning writes nothing."""
    before = everything(desk.sample)

    for key, advice in KEYS.items():
        with pytest.raises(RefusedError) as refused:
            desk.plan(course_id=key)
        assert advice in str(refused.value)
    plan = desk.plan()

    assert plan.writes
    assert everything(desk.sample) == before


def test_an_old_course_at_the_command_line(sqlite_desk: Desk) -> None:
    """An Old Mongo key ends with exit 4 and no run."""
    done = sqlite_desk.type(*sqlite_desk.restoring(course_id="DemoOrg/OLD101/2012_Fall"))

    assert done.returncode == 4
    assert "Old Mongo" in done.stderr
    assert sqlite_desk.runs.all() == ()


def test_draft_and_published_as_one(sqlite_desk: Desk) -> None:
    """One version for both branches is refused, and done where the operator allows it."""
    good = sqlite_desk.sample.good_draft
    same = f"draft:{good},published:{good}"

    with pytest.raises(RefusedError, match="allow_same"):
        sqlite_desk.plan(version=same, allow_mix=True)

    run = sqlite_desk.run(version=same, allow_same=True, allow_mix=True)
    assert run.status == "succeeded", story(run)
    assert look(sqlite_desk.sample).ledger == (good, good)


def test_a_mix_of_saves(sqlite_desk: Desk) -> None:
    """Versions that were never in force together are refused unless a mix is allowed."""
    sample = sqlite_desk.sample
    mix = f"draft:{sample.good_draft},published:{sample.bad_published}"

    with pytest.raises(RefusedError, match="allow_mix"):
        sqlite_desk.plan(version=mix)

    assert sqlite_desk.plan(version=mix, allow_mix=True).writes


def test_a_pending_pruning_plan(sqlite_desk: Desk, tmp_path: Path) -> None:
    """A pruning plan that was made already and lists the version is refused by its name, as a file or in a folder."""
    sample = sqlite_desk.sample
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "sunday.json").write_text(json.dumps(sample.plan_prune(0).as_json()))
    (folder / "later.json").write_text(json.dumps({"delete": [], "update_parents": []}))

    for inputs in ({"prune_plans": [str(folder / "sunday.json")]}, {"prune_plan_folder": str(folder)}):
        with pytest.raises(RefusedError, match=r"sunday\.json") as refused:
            sqlite_desk.plan(**inputs)
        assert sample.good_draft in str(refused.value)

    assert sqlite_desk.plan(prune_plans=[str(folder / "later.json")]).writes


def as_bson(path: Path, documents: list[dict[str, object]]) -> Path:
    """Write documents as mongodump does."""
    path = path.with_suffix(".bson")
    path.write_bytes(b"".join(map(bson.encode, documents)))
    return path


def as_zipped_bson(path: Path, documents: list[dict[str, object]]) -> Path:
    """Write documents as `mongodump --gzip` does."""
    path = path.with_suffix(".bson.gz")
    path.write_bytes(gzip.compress(as_bson(path, documents).read_bytes()))
    return path


def as_json(path: Path, documents: list[dict[str, object]]) -> Path:
    """Write documents as mongoexport does."""
    path = path.with_suffix(".json")
    lines = (json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS) for document in documents)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


Write = Callable[[Path, list[dict[str, object]]], Path]


def dump(sample: Sample, folder: Path, write: Write) -> dict[str, str]:
    """Dump structures and definitions; gives the inputs that name the files."""
    folder.mkdir(exist_ok=True)
    with sample.open() as studio:
        return {
            f"{name}_dump": str(write(folder / name, list(studio.database[f"modulestore.{name}"].find())))
            for name in ("structures", "definitions")
        }


@pytest.mark.parametrize("write", [as_bson, as_zipped_bson, as_json])
def test_a_pruned_version_comes_back_from_a_dump(sqlite_desk: Desk, tmp_path: Path, write: Write) -> None:
    """A pruned version is refused; with a dump it is inserted again under its ids, byte for byte, and restored."""
    sample = sqlite_desk.sample
    good = f"draft:{sample.good_draft},published:{sample.good_published}"
    files = dump(sample, tmp_path / "dump", write)
    before = documents_of(sample, sample.good_draft)
    sample.prune(0)
    with sample.open() as studio:
        studio.database["modulestore.definitions"].delete_many({"_id": {"$in": list(before["definitions"])}})
    assert sample.good_draft not in structures(sample)

    with pytest.raises(RefusedError, match="pruned"):
        sqlite_desk.plan(version=good)
    run = sqlite_desk.run(version=good, **files)

    assert run.status == "succeeded", story(run)
    after = look(sample)
    assert after.ledger == after.modulestore == (sample.good_draft, sample.good_published)
    assert documents_of(sample, sample.good_draft) == before
    sample.prune(0)
    assert {sample.good_draft, sample.good_published} <= structures(sample)


def test_a_dump_that_lacks_the_version(sqlite_desk: Desk, tmp_path: Path) -> None:
    """A dump that was made after the pruning is refused by what it lacks, and nothing is inserted."""
    sample = sqlite_desk.sample
    sample.prune(0)
    files = dump(sample, tmp_path / "dump", as_bson)
    before = everything(sample)

    with pytest.raises(RefusedError, match=sample.good_draft):
        sqlite_desk.plan(version=f"draft:{sample.good_draft},published:{sample.good_published}", **files)

    assert everything(sample) == before


def documents_of(sample: Sample, version: str) -> dict[str, dict[object, bytes]]:
    """Give a structure and its definitions as bytes."""
    with sample.open() as studio:
        database = studio.database
        wanted = {"_id": bson.ObjectId(version)}
        (structure,) = database["modulestore.structures"].find(wanted)
        blocks = structure["blocks"]
        assert isinstance(blocks, list)
        ids = {"_id": {"$in": [block["definition"] for block in blocks]}}
        return {
            "structures": {structure["_id"]: bson.encode(structure)},
            "definitions": {
                found["_id"]: bson.encode(found) for found in database["modulestore.definitions"].find(ids)
            },
        }


def test_the_audit_of_old_courses(desk: Desk) -> None:
    """The audit lists both Old Mongo courses, says which has a split re-run, and writes nothing anywhere."""
    sample = desk.sample
    before = everything(sample)

    run = desk.answering().run("audit-old-mongo")

    assert run.status == "succeeded", story(run)
    assert everything(sample) == before
    (step,) = run.steps
    told = "\n".join(step.details)
    assert [line for line in step.details if sample.old_mongo_id in line and sample.old_mongo_rerun_id in line], told
    assert [line for line in step.details if sample.old_mongo_alone_id in line], told
    assert not [line for line in step.details if sample.old_mongo_alone_id in line and "course-v1:" in line], told


def test_the_audit_at_the_command_line(sqlite_desk: Desk) -> None:
    """The audit runs without a question, and its report names the courses."""
    done = sqlite_desk.type("run-runbook", "audit-old-mongo", "--env", "site", "--yes")

    assert done.returncode == 0, tell(done)
    for format_ in ("md", "html", "json"):
        told = sqlite_desk.type("report", "last", "--format", format_).stdout
        assert all(key in told for key in (sqlite_desk.sample.old_mongo_id, sqlite_desk.sample.old_mongo_alone_id))
