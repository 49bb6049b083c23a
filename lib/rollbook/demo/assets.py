"""Course files in GridFS, as the content store keeps them: under the asset's key, without versions."""

import datetime as dt

from bson import Binary

from rollbook.demo.blocks import Ids
from rollbook.demo.studio import Database, split_key

_CHUNK = 255 * 1024
_TYPES = {"pdf": "application/pdf", "png": "image/png", "csv": "text/csv", "txt": "text/plain"}


def asset_key(course_id: str, name: str) -> str:
    """Name a course file the way GridFS knows it."""
    return f"asset-v1:{course_id.partition(':')[2]}+type@asset+block@{name}"


def make_indexes(database: Database) -> None:
    """Make the two indexes that every GridFS bucket has."""
    database["fs.files"].create_index([("filename", 1), ("uploadDate", 1)])
    database["fs.chunks"].create_index([("files_id", 1), ("n", 1)], unique=True)


def save_asset(database: Database, course_id: str, name: str, content: bytes, when: dt.datetime, ids: Ids) -> None:
    """Store a file; one of the same name is deleted first, as the platform does, and is gone for good."""
    key = asset_key(course_id, name)
    database["fs.files"].delete_one({"_id": key})
    database["fs.chunks"].delete_many({"files_id": key})
    org, course, run = split_key(course_id)
    son = {"category": "asset", "name": name, "course": course, "tag": "c4x", "org": org, "revision": None, "run": run}
    parts = [content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK)]
    database["fs.chunks"].insert_many(
        {"_id": ids.object_id(when), "files_id": key, "n": n, "data": Binary(part)} for n, part in enumerate(parts)
    )
    database["fs.files"].insert_one(
        {
            "_id": key,
            "filename": key,
            "contentType": _TYPES[name.rpartition(".")[2]],
            "displayname": name,
            "content_son": son,
            "thumbnail_location": None,
            "import_path": None,
            "locked": False,
            "length": len(content),
            "chunkSize": _CHUNK,
            "uploadDate": when,
        }
    )
