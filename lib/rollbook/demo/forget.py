"""Take the sample away again, and nothing else: what is not of its courses stays."""

import re
from typing import cast

import sqlalchemy as sa
from bson import ObjectId

from rollbook.demo.assets import asset_key
from rollbook.demo.blocks import StructureDocument
from rollbook.demo.keys import OLD, SPLIT
from rollbook.demo.old_mongo import forget_old_course
from rollbook.demo.studio import Studio, split_key
from rollbook.demo.tables import history, ledger, outlines, overviews


def forget_sample(studio: Studio) -> None:
    """Delete what an earlier build wrote, and what was written to its courses since."""
    originals = _originals(studio, _versions(studio))
    structures = studio.database["modulestore.structures"]
    definitions = _definitions(studio, originals)
    structures.delete_many({"original_version": {"$in": originals}})
    # Another course may have been cloned from one of ours, and still need its definitions.
    shared = structures.distinct("blocks.definition", {"blocks.definition": {"$in": definitions}})
    unshared = list(set(definitions) - set(shared))
    studio.database["modulestore.definitions"].delete_many({"_id": {"$in": unshared}})
    for course_id in SPLIT:
        _forget_index(studio, course_id)
        _forget_assets(studio, course_id)
    for course_id in OLD:
        forget_old_course(studio.database, course_id)


def _versions(studio: Studio) -> list[ObjectId]:
    """List every structure that ledger, history or MongoDB name for the sample's courses."""
    found: set[str] = set()
    with studio.engine.connect() as connection:
        for table in (ledger, history):
            columns = (table.c.draft_version, table.c.published_version, table.c.library_version)
            for row in connection.execute(sa.select(*columns).where(table.c.course_id.in_(SPLIT))):
                found.update(row)
    for course_id in SPLIT:
        index = studio.database["modulestore.active_versions"].find_one(_index_key(course_id))
        if index is not None:
            found.update(map(str, cast("dict[str, ObjectId]", index["versions"]).values()))
    return [ObjectId(version) for version in found if version]


def _originals(studio: Studio, versions: list[ObjectId]) -> list[ObjectId]:
    """Follow versions to the first of their chains, which every later version names."""
    return studio.database["modulestore.structures"].distinct("original_version", {"_id": {"$in": versions}})


def _definitions(studio: Studio, originals: list[ObjectId]) -> list[ObjectId]:
    found: set[ObjectId] = set()
    wanted = {"original_version": {"$in": originals}}
    for structure in studio.database["modulestore.structures"].find(wanted, ["blocks.definition"]):
        found.update(block["definition"] for block in cast("StructureDocument", structure)["blocks"])
    return list(found)


def _index_key(course_id: str) -> dict[str, str]:
    org, course, run = split_key(course_id)
    return {"org": org, "course": course, "run": run}


def _forget_index(studio: Studio, course_id: str) -> None:
    studio.database["modulestore.active_versions"].delete_one(_index_key(course_id))
    with studio.engine.begin() as connection:
        for column in (ledger.c.course_id, history.c.course_id, overviews.c.id, outlines.c.context_key):
            connection.execute(column.table.delete().where(column == course_id))


def _forget_assets(studio: Studio, course_id: str) -> None:
    of_course = {"$regex": "^" + re.escape(asset_key(course_id, ""))}
    studio.database["fs.files"].delete_many({"_id": of_course})
    studio.database["fs.chunks"].delete_many({"files_id": of_course})
