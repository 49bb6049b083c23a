"""The sample as it stands in its stores: which ids are which, and what people and jobs may do to it meanwhile."""

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Self

import pymongo
import sqlalchemy as sa

from rollbook.demo import keys, pruner
from rollbook.demo.blocks import CONTAINERS, Edit, Ids, Structure
from rollbook.demo.studio import Branch, Entry, Studio

from ..dataclass import dataclass

_TEXT = "<p>One more edit.</p>"


@contextmanager
def open_studio(sql_url: str, mongo_url: str, database: str) -> Iterator[Studio]:
    """Connect to both stores, and disconnect afterwards."""
    engine = sa.create_engine(sql_url)
    try:
        with pymongo.MongoClient[dict[str, object]](mongo_url, tz_aware=True) as client:
            yield Studio(engine, client[database])
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Sample:
    """What `build_sample` wrote: versions are 24 hex digits, *damage_at* is the moment of the mistaken import."""

    sql_url: str
    mongo_url: str
    database: str
    author_id: int
    importer_id: int
    admin_id: int
    damage_at: dt.datetime
    good_draft: str
    good_published: str
    good_history_id: int
    shared_published: str
    bad_draft: str
    bad_published: str
    bad_history_id: int
    head_draft: str
    head_published: str
    migrated_good_draft: str
    migrated_good_published: str
    library_good: str
    library_head: str
    course_id: str = keys.COURSE
    rerun_id: str = keys.RERUN
    library_id: str = keys.LIBRARY
    migrated_id: str = keys.MIGRATED
    old_mongo_id: str = keys.OLD_MONGO
    old_mongo_rerun_id: str = keys.OLD_RERUN
    old_mongo_alone_id: str = keys.OLD_MONGO_ALONE
    kept_assets: tuple[str, ...] = keys.KEPT_ASSETS
    replaced_assets: tuple[str, ...] = keys.REPLACED_ASSETS

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` gave."""
        fields = json.loads(text)
        for name in ("kept_assets", "replaced_assets"):
            fields[name] = tuple(fields[name])
        return cls(**{**fields, "damage_at": dt.datetime.fromisoformat(fields["damage_at"])})

    def as_json(self) -> str:
        """Give the ids as text, to be kept beside the stores."""
        fields = dataclasses.asdict(self) | {"damage_at": self.damage_at.isoformat()}
        return json.dumps(fields, indent=2) + "\n"

    def open(self) -> AbstractContextManager[Studio]:
        """Connect to both stores."""
        return open_studio(self.sql_url, self.mongo_url, self.database)

    def begin_edit(
        self, course_id: str = "", *, user: int | None = None, text: str = "<p>One more edit.</p>"
    ) -> "OpenEdit":
        """Open a course in Studio and change its first component, without saving."""
        with self.open() as studio:
            seen = studio.entry(course_id or self.course_id)
            branch: Branch = "library" if seen.library_version else "draft-branch"
            edit = Edit(user or self.author_id, dt.datetime.now(dt.UTC), Ids(int.from_bytes(os.urandom(8))))
            structure = studio.structure(seen.version(branch), edit).successor(edit)
        leaf = next((key for key in structure.reachable() if key[0] not in CONTAINERS), None)
        if leaf is None:
            structure.add(structure.root, "html", {"display_name": "Text"}, {"data": text})
        else:
            structure.set_content(leaf, {"data": text})
        return OpenEdit(self, seen, branch, structure)

    def studio_edit(
        self, course_id: str = "", *, user: int | None = None, text: str = "<p>One more edit.</p>"
    ) -> str | None:
        """Change a component as Studio does; tells the new version, or None when the edit was lost to a collision."""
        return self.begin_edit(course_id, user=user, text=text).save()

    def admin_revert(self, history_id: int) -> Entry:
        """Revert in the administration pages: the ledger moves, MongoDB does not."""
        with self.open() as studio:
            return studio.admin_revert(history_id, dt.datetime.now(dt.UTC), user=self.admin_id)

    def prune(self, retain: int) -> pruner.PrunePlan:
        """Let the pruning job run over the whole modulestore."""
        with self.open() as studio:
            return pruner.prune(studio.database, retain)

    def plan_prune(self, retain: int) -> pruner.PrunePlan:
        """Tell what the pruning job would do now."""
        with self.open() as studio:
            return pruner.plan_prune(studio.database, retain)


@dataclass(frozen=True, slots=True)
class OpenEdit:
    """An edit begun on what was *seen*, to be saved at once or in its three parts."""

    sample: Sample
    seen: Entry
    branch: Branch
    structure: Structure

    def save(self) -> str | None:
        """Write structure, ledger and MongoDB in the platform's order; None when the edit was lost to a collision."""
        self.write_structure()
        saved = self.write_ledger()
        if saved is None:
            return None
        self.write_mongo(saved)
        return str(self.structure.id)

    def write_structure(self) -> None:
        """Write the new structure and definition."""
        with self.sample.open() as studio:
            studio.store([self.structure])

    def write_ledger(self) -> Entry | None:
        """Write the ledger's row and its history, unless somebody saved in between."""
        edit = self.structure.edit
        with self.sample.open() as studio:
            return studio.update_ledger(self.seen, {self.branch: self.structure.id}, edit.when, user=edit.user)

    def write_mongo(self, saved: Entry) -> bool:
        """Write `active_versions`."""
        with self.sample.open() as studio:
            return studio.update_mongo(saved)
