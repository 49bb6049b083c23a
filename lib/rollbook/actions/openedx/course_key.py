"""`openedx.course_key`: is this a course that can be gone back with."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Fact, Readers, Ref, Subject, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx.instants import text
from ...openedx.pointers import Pointers
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .reading import Trust, disagreement, read_course


@dataclass(frozen=True, slots=True)
class KeyState:
    """A course as both stores have it; its pointers as `draft:ID,published:ID`."""

    course_id: str
    org: str
    course: str
    run: str
    library: bool
    ledger: Pointers = identity()
    modulestore: Pointers = identity()
    present: str = ""
    last_update: str = ""


@dataclass(frozen=True, slots=True)
class CourseKeyFact(Fact[KeyState]):
    """
    Look a course run or V1 library up in the ledger and in the modulestore.

    Refuses Old Mongo keys, CCX, V2 libraries and anything else that has no versions, each with what to do instead;
    a course that was deleted; and one whose two stores disagree, unless `trust` says which of them is true.
    """

    kind: ClassVar[str] = "openedx.course_key"
    example: ClassVar[Mapping[str, Plain]] = {"course_id": "course-v1:DemoOrg+RB101+2024_T1"}
    by_hand: ClassVar[str] = """
- Only keys `course-v1:ORG+COURSE+RUN` and `library-v1:ORG+LIB` can be gone back with. `ORG/COURSE/RUN` (Old Mongo),
  `ccx-v1:` and `lib:` have no versions: stop.
- SQL, in the platform's database:
  `SELECT id, objectid, draft_version, published_version, library_version, last_update FROM
  split_modulestore_django_splitmodulestorecourseindex WHERE course_id = '<course_id>';`
- Mongo shell, with the `objectid` of that row:
  `db.getCollection("modulestore.active_versions").findOne({_id: ObjectId("OBJECTID")})`
- Write down all of both. `versions` there must be what the row says; where it is not, find out first which is true.
"""

    course_id: str
    trust: Trust = field(default="", metadata={"help": "which store is true where they disagree"})
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the course in both stores."""
        return course_subjects(self.ledger, self.modulestore, self.course_id)

    def probe(self, read: Readers) -> KeyState:
        """Read both stores."""
        course = read_course(read[self.ledger], read[self.modulestore], self.course_id)
        return KeyState(
            course_id=str(course.key),
            org=course.key.org,
            course=course.key.course,
            run=course.key.run,
            library=course.key.is_library,
            ledger=course.row.pointers,
            modulestore=course.active.pointers,
            present=str(course.present(self.trust)),
            last_update=text(course.row.last_update),
        )

    def refusal(self, state: KeyState) -> RefusedError | None:
        """Refuse stores that disagree."""
        return disagreement(self.course_id, state.ledger, state.modulestore, self.trust)


def course_subjects(ledger: Ref[SqlReader], modulestore: Ref[MongoReader], course_id: str) -> frozenset[Subject]:
    """Name a course in both stores, for every kind that reads or writes its pointers."""
    return frozenset(Subject(name, "openedx.course", course_id) for name in (ledger.name, modulestore.name))
