"""`openedx.old_mongo`: which courses are still in the Old Mongo modulestore."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject
from ...dataclass import dataclass
from ...targets.base import MongoReader
from ...values import Plain
from .reading import ACTIVE_VERSIONS

OLD_MONGO: Final = "modulestore"


@dataclass(frozen=True, slots=True)
class OldCourse:
    """An Old Mongo course and the split runs of the same org and course, any of which may be its re-run."""

    key: str
    name: str
    reruns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OldMongoState:
    """The Old Mongo courses, by key."""

    courses: tuple[OldCourse, ...] = ()
    without_rerun: int = 0


@dataclass(frozen=True, slots=True)
class OldMongoFact(Fact[OldMongoState]):
    """
    List the courses whose keys are ORG/COURSE/RUN, and for each the split runs that may be its re-run.

    Such courses have no versions and no ledger row; releases since Nutmeg do not open them, and their content is
    never deleted. A re-run is told by org and course alone, in any case of letters: MongoDB does not say of which
    course a run was made. Writes nothing.
    """

    kind: ClassVar[str] = "openedx.old_mongo"
    example: ClassVar[Mapping[str, Plain]] = {"collection": "modulestore"}
    by_hand: ClassVar[str] = """
Mongo shell: `db.getCollection("<collection>").find({"_id.category": "course"}, {_id: 1, "metadata.display_name": 1})`
lists the courses ORG/COURSE/RUN; the run is `_id.name`. For each:
`db.getCollection("modulestore.active_versions").find({org: "ORG", course: "COURSE"}, {run: 1})` lists its split runs.
"""

    collection: str = field(default=OLD_MONGO, metadata={"help": "the collection without suffix"})
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the collection."""
        return frozenset({Subject(self.modulestore.name, self.kind, self.collection)})

    def probe(self, read: Readers) -> OldMongoState:
        """Read the root blocks of both modulestores."""
        mongo = read[self.modulestore]
        if self.collection not in mongo.collections():
            return OldMongoState()
        runs = _split_runs(mongo)
        roots = mongo.find(self.collection, {"_id.category": "course"}, fields={"_id": 1, "metadata.display_name": 1})
        names: dict[tuple[str, str, str], str] = {}
        for root in roots:
            key = (str(root["_id"].get("org")), str(root["_id"].get("course")), str(root["_id"].get("name")))
            names.setdefault(key, str((root.get("metadata") or {}).get("display_name") or ""))
        courses = tuple(
            OldCourse("/".join(key), name, runs.get((key[0].lower(), key[1].lower()), ()))
            for key, name in sorted(names.items())
        )
        return OldMongoState(courses, sum(not course.reruns for course in courses))

    def details(self, change: Change[OldMongoState]) -> tuple[str, ...]:
        """Show one line a course."""
        state = change.before
        if not state.courses:
            return (f"there are no Old Mongo courses in {self.collection}",)
        lines = [f'{course.key} "{course.name}": {_told(course)}' for course in state.courses]
        return (f"{len(lines)} Old Mongo courses, {state.without_rerun} without a split run", *lines)


def _told(course: OldCourse) -> str:
    return f"perhaps re-run as {', '.join(course.reruns)}" if course.reruns else "NO split run"


def _split_runs(mongo: MongoReader) -> dict[tuple[str, str], tuple[str, ...]]:
    """Give the split runs by org and course; libraries are no runs."""
    found: dict[tuple[str, str], list[str]] = {}
    for document in mongo.find(ACTIVE_VERSIONS, {}, fields={"org": 1, "course": 1, "run": 1}):
        org, course, run = str(document.get("org")), str(document.get("course")), str(document.get("run"))
        if run != "library":
            found.setdefault((org.lower(), course.lower()), []).append(f"course-v1:{org}+{course}+{run}")
    return {key: tuple(sorted(runs)) for key, runs in found.items()}
