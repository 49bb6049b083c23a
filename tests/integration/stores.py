"""What both stores of a sample hold, as a test compares it."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from rollbook.demo.sample import Sample
from rollbook.demo.studio import COLUMNS, Entry, Studio
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
        wanted = {name: row.active_version()[name] for name in ("org", "course", "run")}
        document = studio.database["modulestore.active_versions"].find_one(wanted)
    assert document is not None
    versions = document["versions"]
    assert isinstance(versions, dict)
    return Stores(row, {branch: str(version) for branch, version in versions.items()}, rows)


def structures(sample: Sample) -> set[str]:
    """Give the ids of all structures."""
    with sample.open() as studio:
        return {str(found["_id"]) for found in studio.database["modulestore.structures"].find({}, ["_id"])}


def everything(sample: Sample) -> object:
    """Give every row of the ledger's database, and MongoDB's own hash of each collection."""
    with sample.open() as studio:
        return _tables(studio), studio.database.command("dbHash")["collections"]


def beside(sample: Sample) -> object:
    """Give what a restore of the sample's course must not touch, and how many rows tell of that course."""
    with sample.open() as studio:
        tables = _tables(studio)
        others = {name: [row for row in rows if sample.course_id not in row] for name, rows in tables.items()}
        counts = {name: len(rows) - len(others[name]) for name, rows in tables.items() if "historical" not in name}
        hashes = dict(studio.database.command("dbHash")["collections"])
        del hashes["modulestore.active_versions"]
        course = {"_id": {"$ne": studio.entry(sample.course_id).active_version()["_id"]}}
        active = list(studio.database["modulestore.active_versions"].find(course).sort("_id"))
        return others, counts, hashes, active


def _tables(studio: Studio) -> dict[str, list[tuple[object, ...]]]:
    found = sa.MetaData()
    found.reflect(studio.engine)
    with studio.engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in found.sorted_tables
        }
