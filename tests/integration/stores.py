"""What both stores of a sample hold, as a test compares it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pymongo
import sqlalchemy as sa

from rollbook.demo.sample import Sample
from rollbook.demo.studio import COLUMNS, Entry
from rollbook.demo.tables import history

Pair = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stores:
    """One course in both stores: its row, the pointers of `active_versions`, and its history from the oldest."""

    row: Entry
    active: Mapping[str, str]
    history: tuple[Mapping[str, object], ...]

    @property
    def ledger(self) -> Pair:
        """The ledger's pointers, absent branches left out."""
        return tuple(self.row.version(branch) for branch in COLUMNS if self.row.version(branch))

    @property
    def modulestore(self) -> Pair:
        """The pointers of `active_versions` in the same order."""
        return tuple(self.active[branch] for branch in COLUMNS if branch in self.active)

    def of_run(self, run_id: str) -> tuple[Mapping[str, object], ...]:
        """Give the history rows whose reason is a run."""
        return tuple(row for row in self.history if row["history_change_reason"] == run_id)


def look(sample: Sample, course_id: str = "") -> Stores:
    """Read a course as it stands in both stores."""
    with sample.open() as studio:
        row = studio.entry(course_id or sample.course_id)
        query = sa.select(history).where(history.c.course_id == row.course_id).order_by(history.c.history_id)
        with studio.engine.connect() as connection:
            rows = tuple(dict(found) for found in connection.execute(query).mappings())
        document = studio.database["modulestore.active_versions"].find_one({"org": row.org, **_key(row.course_id)})
    assert document is not None
    versions = document["versions"]
    assert isinstance(versions, dict)
    return Stores(row, {branch: str(version) for branch, version in versions.items()}, rows)


def structures(sample: Sample) -> set[str]:
    """Give the ids of all structures."""
    with sample.open() as studio:
        return {str(found["_id"]) for found in studio.database["modulestore.structures"].find({}, ["_id"])}


def mongo_hash(sample: Sample) -> object:
    """Give MongoDB's own hash over every collection of the sample's database."""
    with pymongo.MongoClient[dict[str, object]](sample.mongo_url) as client:
        return client[sample.database].command("dbHash")["collections"]


def ledger_content(sample: Sample) -> dict[str, list[tuple[object, ...]]]:
    """Read every row of every table of the ledger's database."""
    engine = sa.create_engine(sample.sql_url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


def _key(course_id: str) -> dict[str, object]:
    parts = course_id.partition(":")[2].split("+")
    return {"course": parts[1], "run": parts[2] if len(parts) == 3 else "library"}
