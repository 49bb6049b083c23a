"""
What the platform does to its stores: the ledger in SQL first, then the same document in MongoDB, never both at once.

Follows the platform's own order and its own weaknesses: a colliding edit is lost without a word, an edit in the
administration pages writes the ledger only.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal, cast

import pymongo.database
import sqlalchemy as sa
from bson import ObjectId

from rollbook.demo.blocks import Edit, Structure, StructureDocument
from rollbook.demo.errors import DemoError
from rollbook.demo.tables import history, ledger

from ..dataclass import dataclass

Database = pymongo.database.Database[dict[str, object]]
Branch = Literal["draft-branch", "published-branch", "library"]

COLUMNS: Mapping[Branch, str] = {
    "draft-branch": "draft_version",
    "published-branch": "published_version",
    "library": "library_version",
}
_SAVING = dt.timedelta(milliseconds=3)  # between the ledger's last_update and the history row


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger; an absent branch is ''."""

    id: int
    objectid: str
    course_id: str
    org: str
    draft_version: str
    published_version: str
    library_version: str
    wiki_slug: str
    base_store: str
    edited_by_id: int | None
    edited_on: dt.datetime
    last_update: dt.datetime

    def version(self, branch: Branch) -> str:
        """Tell which structure a branch points at, or ''."""
        found: str = getattr(self, COLUMNS[branch])
        return found

    def active_version(self) -> dict[str, object]:
        """Give the document that `modulestore.active_versions` holds for this row."""
        org, course, run = split_key(self.course_id)
        return {
            "_id": ObjectId(self.objectid),
            "org": org,
            "course": course,
            "run": run,
            "edited_by": self.edited_by_id,
            "edited_on": self.edited_on,
            "last_update": self.last_update,
            "schema_version": 1,
            "search_targets": {"wiki_slug": self.wiki_slug},
            "versions": {branch: ObjectId(self.version(branch)) for branch in COLUMNS if self.version(branch)},
        }


def split_key(course_id: str) -> tuple[str, str, str]:
    """Take `course-v1:ORG+COURSE+RUN` or `library-v1:ORG+LIBRARY` apart; the run of a library is 'library'."""
    prefix, _, rest = course_id.partition(":")
    parts = rest.split("+")
    if prefix == "course-v1" and len(parts) == 3:
        return parts[0], parts[1], parts[2]
    if prefix == "library-v1" and len(parts) == 2:
        return parts[0], parts[1], "library"
    raise DemoError(f"{course_id} is not course-v1:ORG+COURSE+RUN or library-v1:ORG+LIBRARY.")


@dataclass(frozen=True, slots=True)
class Studio:
    """The platform over one SQL database and one MongoDB database."""

    engine: sa.Engine
    database: Database

    def entry(self, course_id: str) -> Entry:
        """Read a ledger row. Raises `DemoError` when there is none."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(ledger).where(ledger.c.course_id == course_id)).one_or_none()
        if row is None:
            raise DemoError(f"the ledger has no course {course_id}.")
        return Entry(**row._asdict())

    def structure(self, version: str, edit: Edit) -> Structure:
        """Read a structure, to be gone on from. Raises `DemoError` when it was pruned."""
        document = self.database["modulestore.structures"].find_one({"_id": ObjectId(version)})
        if document is None:
            raise DemoError(f"Structure: {version} is not in modulestore.structures.")
        return Structure.from_document(cast("StructureDocument", document), edit)

    def store(self, structures: Iterable[Structure]) -> None:
        """
        Write new structures and their definitions; nothing points at them yet.

        Puts itself in the place of what bears the same id: a sample that is built again for the same moment makes
        the same ids, and pruning leaves definitions behind that no structure leads to any more.
        """
        for structure in structures:
            made = [pymongo.ReplaceOne({"_id": one["_id"]}, dict(one), upsert=True) for one in structure.definitions]
            if made:
                self.database["modulestore.definitions"].bulk_write(made)
            document = dict(structure.document())
            self.database["modulestore.structures"].replace_one({"_id": structure.id}, document, upsert=True)

    def create(self, course_id: str, versions: Mapping[Branch, ObjectId], edit: Edit) -> Entry:
        """Make the index of a new course or library."""
        org, course, run = split_key(course_id)
        values = {column: str(versions.get(branch, "")) for branch, column in COLUMNS.items()}
        values |= {"objectid": str(edit.object_id()), "course_id": course_id, "org": org, "base_store": "mongodb"}
        times = {"edited_on": edit.when, "last_update": edit.when}
        slug = "" if run == "library" else f"{org}.{course}.{run}"
        with self.engine.begin() as connection:
            connection.execute(ledger.insert().values(**values, **times, wiki_slug=slug, edited_by_id=edit.user))
            row = connection.execute(sa.select(ledger).where(ledger.c.course_id == course_id)).one()
            entry = Entry(**row._asdict())
            _record(connection, entry, edit.when + _SAVING, kind="+", user=edit.user, reason=None)
        self.database["modulestore.active_versions"].insert_one(entry.active_version())
        return entry

    def update_ledger(
        self, seen: Entry, versions: Mapping[Branch, ObjectId], when: dt.datetime, *, user: int | None
    ) -> Entry | None:
        """
        Point the ledger at new versions, with a history row.

        Returns None, and has done nothing, when the row was saved since it was *seen*. *user* is None for a task.
        """
        columns = {COLUMNS[branch]: str(version) for branch, version in versions.items()}
        branches = " and ".join(column.removesuffix("_version") for column in columns)
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(ledger).where(ledger.c.objectid == seen.objectid)).one_or_none()
            if row is None or row.last_update != seen.last_update:
                return None
            saved = dataclasses.replace(Entry(**row._asdict()), **columns, last_update=when)  # type: ignore[arg-type]  # columns of versions are text
            connection.execute(ledger.update().where(ledger.c.id == saved.id).values(**columns, last_update=when))
            _record(connection, saved, when + _SAVING, kind="~", user=user, reason=f"Updated {branches} branch")
        return saved

    def update_mongo(self, entry: Entry) -> bool:
        """Write the ledger's row into `active_versions`; False when there was nothing to replace."""
        document = entry.active_version()
        done = self.database["modulestore.active_versions"].replace_one({"_id": document["_id"]}, document)
        return done.matched_count == 1

    def admin_revert(self, history_id: int, when: dt.datetime, *, user: int) -> Entry:
        """
        Save a history row's form in the administration pages: every field of it, in the ledger only.

        MongoDB keeps naming the other version, and the times come back cut to seconds: the half-way revert.
        """
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(history).where(history.c.history_id == history_id)).one()
            fields = {column.name: row._mapping[column.name] for column in ledger.c}  # noqa: SLF001  (public in SQLAlchemy)
            for name in ("edited_on", "last_update"):
                fields[name] = fields[name].replace(microsecond=0)
            connection.execute(ledger.update().where(ledger.c.id == row.id).values(**fields))
            entry = Entry(**fields)
            _record(connection, entry, when, kind="~", user=user, reason=None)
        return entry


def _record(
    connection: sa.Connection, entry: Entry, when: dt.datetime, *, kind: str, user: int | None, reason: str | None
) -> None:
    row = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    row |= {"history_date": when, "history_type": kind, "history_user_id": user, "history_change_reason": reason}
    connection.execute(history.insert().values(**row))
