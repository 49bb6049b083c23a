"""The sample is what a real site would hold: every law here is one that the platform's own stores obey."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pymongo
import pytest
import sqlalchemy as sa
from bson import ObjectId

from rollbook.demo import keys
from rollbook.demo.live import Sample
from rollbook.demo.outline import read_outline
from rollbook.demo.studio import COLUMNS
from rollbook.demo.tables import history, ledger, metadata

pytestmark = pytest.mark.server

VERSIONS = tuple(COLUMNS.values())


class Stores:
    """Both stores of a sample, open."""

    def __init__(self, sample: Sample) -> None:
        self.engine = sa.create_engine(sample.sql_url)
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(sample.mongo_url, tz_aware=True)
        self.mongo = self.client[sample.database]

    def rows(self, table: sa.Table, course_id: str | None = None) -> list[sa.Row[Any]]:
        query = sa.select(table).order_by(table.primary_key.columns[0])
        if course_id is not None:
            query = query.where(table.c.course_id == course_id)
        with self.engine.connect() as connection:
            return list(connection.execute(query))

    def structure(self, version: str) -> dict[str, Any]:
        found = self.mongo["modulestore.structures"].find_one({"_id": ObjectId(version)})
        assert found is not None
        return found

    def alive(self, version: str) -> bool:
        return self.mongo["modulestore.structures"].find_one({"_id": ObjectId(version)}, ["_id"]) is not None

    def chain(self, version: str) -> Iterator[str]:
        """Walk from a version to its original."""
        while True:
            yield version
            previous = self.structure(version)["previous_version"]
            if previous is None:
                return
            version = str(previous)


@pytest.fixture
def stores(sample: Sample) -> Iterator[Stores]:
    found = Stores(sample)
    yield found
    found.client.close()
    found.engine.dispose()


@pytest.fixture
def stores_sqlite(sqlite_sample: Sample) -> Iterator[Stores]:
    found = Stores(sqlite_sample)
    yield found
    found.client.close()
    found.engine.dispose()


def blocks_of(structure: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    return {(block["block_type"], block["block_id"]): block for block in structure["blocks"]}


def reachable(structure: Mapping[str, Any]) -> set[tuple[str, str]]:
    blocks = blocks_of(structure)
    found: set[tuple[str, str]] = set()
    waiting = [tuple(structure["root"])]
    while waiting:
        key = waiting.pop()
        found.add(key)
        waiting += [tuple(child) for child in blocks[key]["fields"].get("children", [])]
    return found


def test_every_pointer_leads_to_a_complete_structure(stores: Stores) -> None:
    """Ledger, history and MongoDB name structures that are there, with all their children and definitions."""
    named = {row._mapping[name] for table in (ledger, history) for row in stores.rows(table) for name in VERSIONS}
    definitions = {found["_id"] for found in stores.mongo["modulestore.definitions"].find({}, ["_id"])}

    for version in named - {""}:
        structure = stores.structure(version)
        assert reachable(structure) <= blocks_of(structure).keys()
        assert {block["definition"] for block in structure["blocks"]} <= definitions


def test_ledger_and_mongo_agree(stores: Stores) -> None:
    """Each row of the ledger has its active_versions document under the same id, with the same branches."""
    for row in stores.rows(ledger):
        index = stores.mongo["modulestore.active_versions"].find_one({"_id": ObjectId(row.objectid)})
        assert index is not None
        wanted = {
            "draft-branch": row.draft_version,
            "published-branch": row.published_version,
            "library": row.library_version,
        }
        assert {branch: str(version) for branch, version in index["versions"].items()} == {
            branch: version for branch, version in wanted.items() if version
        }
        assert abs(index["last_update"] - row.last_update) < dt.timedelta(milliseconds=1)
    assert stores.mongo["modulestore.active_versions"].count_documents({}) == len(keys.SPLIT)


def test_branches_are_told_apart_by_source_version(stores: Stores) -> None:
    """Every block of a published structure has a source version, and no block of a draft has one."""
    for row in stores.rows(history, keys.COURSE):
        draft, published = stores.structure(row.draft_version), stores.structure(row.published_version)
        assert all(block["edit_info"]["source_version"] is None for block in draft["blocks"])
        assert all(block["edit_info"]["source_version"] is not None for block in published["blocks"])
        assert draft["original_version"] != published["original_version"]


def test_chains_lead_to_their_originals(stores: Stores, sample: Sample) -> None:
    """Walking back from a head meets every version that the history names, and ends at the original."""
    for head, name in ((sample.head_draft, "draft_version"), (sample.head_published, "published_version")):
        chain = list(stores.chain(head))
        assert {row._mapping[name] for row in stores.rows(history, keys.COURSE)} == set(chain)
        assert str(stores.structure(head)["original_version"]) == chain[-1]


def test_object_ids_tell_when_they_were_made(stores: Stores) -> None:
    """A structure's id, its edited_on and its history row are of the same time."""
    for row in stores.rows(history, keys.COURSE):
        newest = max(ObjectId(row.draft_version).generation_time, ObjectId(row.published_version).generation_time)
        assert abs(newest - row.history_date) < dt.timedelta(seconds=2)
        assert abs(newest - row.last_update) < dt.timedelta(seconds=2)


def test_the_import_leaves_orphans_in_the_draft_only(stores: Stores, sample: Sample) -> None:
    """After the import the old blocks are unreachable in the draft, and gone from the published branch."""
    good, bad, published = map(stores.structure, (sample.good_draft, sample.bad_draft, sample.bad_published))

    assert len(reachable(good)) == 60
    assert reachable(stores.structure(sample.good_published)) == reachable(good)
    assert blocks_of(good).keys() < blocks_of(bad).keys()
    assert reachable(bad) & blocks_of(good).keys() == {("course", "course")}
    assert reachable(published) == blocks_of(published).keys() == reachable(bad)
    assert bad["edited_by"] == sample.importer_id != good["edited_by"]


def test_history_tells_each_operation_once(stores: Stores, sample: Sample) -> None:
    """The import is one row by a task, and only the panic edits follow it."""
    rows = stores.rows(history, keys.COURSE)
    numbers = [row.history_id for row in rows]
    kinds = [row.history_change_reason for row in rows]

    assert [row.history_type for row in rows] == ["+", *"~" * (len(rows) - 1)]
    assert numbers.index(sample.bad_history_id) == numbers.index(sample.good_history_id) + 1 == len(rows) - 3
    assert kinds[-3:] == ["Updated draft and published branch", "Updated draft branch", "Updated draft branch"]
    assert [row.history_user_id for row in rows[-3:]] == [None, sample.author_id, sample.author_id]
    assert {row.edited_by_id for row in rows} == {sample.author_id}
    assert rows[-3].last_update == sample.damage_at > rows[-4].history_date


def test_a_migrated_course_has_no_history(stores: Stores) -> None:
    """The data migration wrote ledger rows without history."""
    assert stores.rows(ledger, keys.MIGRATED)
    assert not stores.rows(history, keys.MIGRATED)


def test_the_rerun_shares_a_structure_with_its_source(stores: Stores, sample: Sample) -> None:
    """A rerun's published branch is the source's structure, and its draft goes on from the source's."""
    rerun = stores.rows(ledger, keys.RERUN)[0]

    assert rerun.published_version == sample.shared_published
    assert sample.shared_published in set(stores.chain(sample.good_published))
    assert (
        stores.structure(rerun.draft_version)["original_version"]
        == stores.structure(sample.head_draft)["original_version"]
    )


def test_the_import_replaced_files(stores: Stores, sample: Sample) -> None:
    """The files uploaded since the damage are the replaced ones, each whole, under string ids."""
    files = list(stores.mongo["fs.files"].find())
    chunks = Counter[str]()
    for chunk in stores.mongo["fs.chunks"].find():
        chunks[chunk["files_id"]] += len(chunk["data"])
    late = {found["displayname"] for found in files if found["uploadDate"] >= sample.damage_at.replace(microsecond=0)}

    assert late == set(sample.replaced_assets)
    assert {found["displayname"] for found in files} - late == set(sample.kept_assets)
    assert chunks == {found["_id"]: found["length"] for found in files}
    assert all(found["_id"].startswith("asset-v1:DemoOrg+RB101+2024_T1+type@asset+block@") for found in files)


@pytest.mark.parametrize("retain", range(5))
def test_pruning_takes_the_draft_first(sqlite_sample: Sample, stores_sqlite: Stores, retain: int) -> None:
    """Two saves after the import, the good draft outlives pruning from three retained on, the published from one on."""
    sqlite_sample.prune(retain)

    assert stores_sqlite.alive(sqlite_sample.good_draft) is (retain >= 3)
    assert stores_sqlite.alive(sqlite_sample.good_published) is (retain >= 1)
    assert stores_sqlite.alive(sqlite_sample.head_draft)
    assert stores_sqlite.alive(sqlite_sample.shared_published)


@pytest.mark.parametrize("retain", range(4))
def test_pruning_leaves_whole_chains(sqlite_sample: Sample, stores_sqlite: Stores, retain: int) -> None:
    """After pruning every head still leads to its original, and pruning again finds nothing to do."""
    sqlite_sample.prune(retain)

    for row in stores_sqlite.rows(ledger):
        for name in VERSIONS:
            if version := row._mapping[name]:
                *_, last = stores_sqlite.chain(version)
                assert ObjectId(last) == stores_sqlite.structure(version)["original_version"]
    assert sqlite_sample.plan_prune(retain).delete == ()
    assert sqlite_sample.plan_prune(retain).update_parents == ()


def test_an_admin_revert_is_undone_by_pruning(sqlite_sample: Sample, stores_sqlite: Stores) -> None:
    """A revert in the ledger alone shows the good version, which the next pruning deletes: the half-way restore."""
    entry = sqlite_sample.admin_revert(sqlite_sample.good_history_id)
    assert (entry.draft_version, entry.published_version) == (sqlite_sample.good_draft, sqlite_sample.good_published)
    row = stores_sqlite.rows(history, keys.COURSE)[-1]
    assert (row.history_type, row.history_change_reason, row.history_user_id) == ("~", None, sqlite_sample.admin_id)
    assert row.last_update.microsecond == 0

    sqlite_sample.prune(2)

    assert not stores_sqlite.alive(sqlite_sample.good_draft)


def test_a_restored_course_survives_pruning(sqlite_sample: Sample, stores_sqlite: Stores) -> None:
    """A restore in both stores turns the tables: the good version is active, the bad one garbage."""
    with sqlite_sample.open() as studio:
        seen = studio.entry(sqlite_sample.course_id)
        good = {
            "draft-branch": ObjectId(sqlite_sample.good_draft),
            "published-branch": ObjectId(sqlite_sample.good_published),
        }
        saved = studio.update_ledger(seen, good, dt.datetime.now(dt.UTC), user=None)  # type: ignore[arg-type]
        assert saved is not None
        assert studio.update_mongo(saved)

        sqlite_sample.prune(0)

        assert read_outline(studio, sqlite_sample.course_id).counts["html"] == 11
        assert read_outline(studio, sqlite_sample.course_id, "draft").title == "Runbooks for Beginners"
    assert not stores_sqlite.alive(sqlite_sample.head_draft)


def test_a_studio_edit_writes_everything(stores: Stores, sample: Sample) -> None:
    """An edit makes a structure and a definition, moves both stores and leaves a history row with its reason."""
    before = len(stores.rows(history, keys.COURSE))

    version = sample.studio_edit()

    assert version is not None
    assert stores.rows(ledger, keys.COURSE)[0].draft_version == version
    assert str(stores.structure(version)["previous_version"]) == sample.head_draft
    rows = stores.rows(history, keys.COURSE)
    assert len(rows) == before + 1
    assert (rows[-1].history_type, rows[-1].history_change_reason) == ("~", "Updated draft branch")
    test_ledger_and_mongo_agree(stores)
    test_every_pointer_leads_to_a_complete_structure(stores)


def test_a_colliding_edit_is_lost(stores: Stores, sample: Sample) -> None:
    """Of two edits begun on the same state the second is lost without a trace in ledger and MongoDB."""
    late = sample.begin_edit(text="<p>late</p>")
    first = sample.studio_edit()

    assert late.save() is None
    assert stores.rows(ledger, keys.COURSE)[0].draft_version == first
    test_ledger_and_mongo_agree(stores)


def test_building_twice_leaves_one_sample(sqlite_sample: Sample, make_sample: Any, stores_sqlite: Stores) -> None:
    """A second build replaces the first and its later edits; documents of others stay."""
    names = sorted(stores_sqlite.mongo.list_collection_names())
    stranger = {"_id": ObjectId(), "original_version": ObjectId(), "blocks": []}
    stores_sqlite.mongo["modulestore.structures"].insert_one(stranger)
    counts = {name: stores_sqlite.mongo[name].count_documents({}) for name in names}
    sqlite_sample.studio_edit()
    sqlite_sample.studio_edit(sqlite_sample.library_id)

    again = make_sample(sqlite_sample.sql_url)

    assert {name: stores_sqlite.mongo[name].count_documents({}) for name in names} == counts
    assert stores_sqlite.alive(str(stranger["_id"]))
    assert len(stores_sqlite.rows(ledger)) == len(keys.SPLIT)
    assert (again.good_draft, again.head_published) == (sqlite_sample.good_draft, sqlite_sample.head_published)


def test_building_again_goes_over_what_pruning_left(
    sqlite_sample: Sample, make_sample: Any, stores_sqlite: Stores
) -> None:
    """Pruning leaves the definitions of what it took behind; a second build for the same moment is whole all the same."""
    structures = stores_sqlite.mongo["modulestore.structures"]
    count = structures.count_documents({})
    sqlite_sample.prune(retain=0)

    again = make_sample(sqlite_sample.sql_url)

    assert structures.count_documents({}) == count
    assert (again.good_draft, again.head_published) == (sqlite_sample.good_draft, sqlite_sample.head_published)
    test_every_pointer_leads_to_a_complete_structure(stores_sqlite)


def test_columns_are_the_platforms_own(stores: Stores) -> None:
    """The ledger's unique columns and times are made as the platform's migrations make them."""
    inspector = sa.inspect(stores.engine)
    unique = {tuple(found["column_names"]) for found in inspector.get_unique_constraints(ledger.name)}
    unique |= {tuple(found["column_names"]) for found in inspector.get_indexes(ledger.name) if found["unique"]}

    assert {("objectid",), ("course_id",)} <= unique
    assert not [found for found in inspector.get_indexes(history.name) if found["unique"]]
    assert metadata.tables.keys() <= set(inspector.get_table_names())
    if stores.engine.dialect.name == "mysql":
        with stores.engine.connect() as connection:
            made = connection.execute(sa.text(f"SHOW CREATE TABLE {ledger.name}")).one()[1]
        assert "utf8mb3_bin" in made or "utf8_bin" in made
        assert made.count("datetime(6)") == 2


def test_json_keeps_the_sample(sqlite_sample: Sample) -> None:
    """The ids survive being written down."""
    assert Sample.from_json(sqlite_sample.as_json()) == sqlite_sample


def test_large_courses_have_the_size_asked_for(make_sample: Any, sqlite_url: str) -> None:
    """The number of reachable blocks of the good version is the one asked for."""
    sample = make_sample(sqlite_url, blocks=1500)

    with sample.open() as studio:
        good = studio.structure(sample.good_draft, studio_edit := sample.begin_edit().structure.edit)
    assert len(list(good.reachable())) == 1500
    assert studio_edit.user == sample.author_id
