"""Courses from before the split modulestore: one document a block in the collection `modulestore`, and no versions."""

import datetime as dt

from rollbook.demo.studio import Database

COLLECTION = "modulestore"


def write_old_course(database: Database, course_id: str, title: str, when: dt.datetime) -> None:
    """Store a course ORG/COURSE/RUN with one chapter, published and with an unpublished change."""
    org, course, run = course_id.split("/")
    chapter: dict[str, object] = {"tag": "i4x", "org": org, "course": course, "category": "chapter"}
    chapter |= {"name": "week_1", "revision": None}
    root = {**chapter, "category": "course", "name": run}
    address = f"i4x://{org}/{course}/chapter/week_1"
    documents = [
        _document(root, {"display_name": title, "start": when.isoformat()}, [address]),
        _document(chapter, {"display_name": "Week 1"}, []),
        _document({**chapter, "revision": "draft"}, {"display_name": "Week 1 (to be rewritten)"}, []),
    ]
    database[COLLECTION].insert_many(documents)


def forget_old_course(database: Database, course_id: str) -> None:
    """Delete what `write_old_course` wrote."""
    org, course, _ = course_id.split("/")
    database[COLLECTION].delete_many({"_id.org": org, "_id.course": course})


def _document(key: dict[str, object], metadata: dict[str, object], children: list[str]) -> dict[str, object]:
    return {"_id": key, "definition": {"data": {}, "children": children}, "metadata": metadata}
