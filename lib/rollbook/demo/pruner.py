"""
What the weekly pruning job does to `modulestore.structures`: plan first, then delete.

It believes MongoDB's `active_versions` and nothing else, so a version that only the ledger points at is garbage to it.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import pymongo
from bson import ObjectId

from rollbook.demo.blocks import StructureDocument
from rollbook.demo.errors import DemoError
from rollbook.demo.studio import Database

from ..dataclass import dataclass

_Links = Mapping[ObjectId, tuple[ObjectId | None, ObjectId]]  # structure -> previous, original


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What a pruning run is going to do."""

    delete: tuple[str, ...]
    update_parents: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, object]:
        """Give the content of a plan file."""
        return {"delete": list(self.delete), "update_parents": [list(pair) for pair in self.update_parents]}


def plan_prune(database: Database, retain: int) -> PrunePlan:
    """
    Plan what the job would delete now: all but active versions, their originals, and *retain* ancestors of each.

    Raises `DemoError` when an active version or an ancestor that must be looked at is missing.
    """
    links = _links(database)
    keep: set[ObjectId] = set()
    relink: dict[ObjectId, ObjectId] = {}
    for active in _active(database):
        previous, original = _link(links, active)
        keep |= {active, original}
        oldest = active
        for _ in range(retain):
            if oldest == original or previous is None or previous == original:
                break
            oldest = previous
            keep.add(oldest)
            previous, _ = _link(links, oldest)
        if oldest != original and previous != original:
            relink[oldest] = original
    # A structure that is the oldest kept of one branch may be amid the kept ones of another, which needs its link.
    unlinked = {oldest: original for oldest, original in relink.items() if links[oldest][0] not in keep}
    delete = tuple(sorted(str(found) for found in links if found not in keep))
    return PrunePlan(delete, tuple((str(oldest), str(original)) for oldest, original in sorted(unlinked.items())))


def prune(database: Database, retain: int) -> PrunePlan:
    """Plan and carry out: links first, then deletions."""
    plan = plan_prune(database, retain)
    carry_out(database, plan)
    return plan


def carry_out(database: Database, plan: PrunePlan) -> None:
    """Execute a plan, also an old one, without another look at what is active by now."""
    structures = database["modulestore.structures"]
    for oldest, original in plan.update_parents:
        structures.update_one({"_id": ObjectId(oldest)}, {"$set": {"previous_version": ObjectId(original)}})
    structures.delete_many({"_id": {"$in": [ObjectId(version) for version in plan.delete]}})


def _links(database: Database) -> _Links:
    cursor = database["modulestore.structures"].find({}, ["previous_version", "original_version"])
    with cursor:
        rows = [cast("StructureDocument", found) for found in cursor]
    return {row["_id"]: (row["previous_version"], row["original_version"]) for row in rows}


def _active(database: Database) -> Iterator[ObjectId]:
    for index in database["modulestore.active_versions"].find({}, ["versions"]).sort("_id", pymongo.ASCENDING):
        yield from cast("dict[str, ObjectId]", index["versions"]).values()


def _link(links: _Links, structure: ObjectId) -> tuple[ObjectId | None, ObjectId]:
    try:
        return links[structure]
    except KeyError:
        raise DemoError(f"Missing structures detected: {structure}") from None
