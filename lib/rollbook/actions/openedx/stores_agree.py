"""`openedx.stores_agree`: ledger and modulestore point at the same versions."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...openedx.completeness import leniently
from ...openedx.pointers import Pointers
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .reading import read_course, read_sketches


@dataclass(frozen=True, slots=True)
class StoresAgree(Assertion):
    """
    Read both stores again, and pass only if they agree; pruning may only go on while this holds.

    With `version`, they must also be at just that one, and it must be complete. Without, what is not complete is told:
    a course may have been so before.
    """

    kind: ClassVar[str] = "openedx.stores_agree"
    example: ClassVar[Mapping[str, Plain]] = {"course_id": "course-v1:DemoOrg+RB101+2024_T1"}
    by_hand: ClassVar[str] = """
Read the ledger's row and the active_versions document of `<course_id>` once more, as at the beginning (or
`./manage.py cms compare_course_index_entries`, which knows courses only and stops at one without a published branch).
Both must name the same versions, those that are wanted, and every version named must still be in
`modulestore.structures`.
"""

    course_id: str
    version: str = field(default="", metadata={"help": "the version they must be at"})
    allow_missing: bool = field(
        default=False, metadata={"help": "blocks that are named as children and are nowhere may stay missing"}
    )
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the look itself."""
        return frozenset({Subject(self.ledger.name, self.kind, self.course_id)})

    def describe(self) -> str:
        """Say what must hold."""
        at = f" at {self.version}, and all of it is there" if self.version else ""
        return f"{self.ledger} and {self.modulestore} agree on {self.course_id}{at}"

    def probe(self, read: Readers) -> Outcome:
        """Read both stores and the versions they point at."""
        mongo = read[self.modulestore]
        course = read_course(read[self.ledger], mongo, self.course_id)
        ledger, active = course.row.pointers, course.active.pointers
        sketches = read_sketches(mongo, (*ledger.versions, *active.versions))
        sketches = leniently(sketches, lenient=self.allow_missing)
        broken = [f"{version}: {problem}" for version, sketch in sketches.items() for problem in sketch.problems]
        problems = [
            *([] if ledger == active else [f"the ledger is at {ledger}, the modulestore at {active}"]),
            *([f"the ledger is at {ledger}, not at {self.version}"] if self._elsewhere(ledger) else []),
            *(broken if self.version else ()),
        ]
        seen: dict[str, Plain] = {"ledger": str(ledger), "modulestore": str(active)}
        rest = f"BUT NOT ALL OF IT IS THERE: {'; '.join(broken)}" if broken else "and all of it is there"
        message = "; ".join(problems) or f"both stores are at {ledger}, {rest}"
        return Outcome(not problems, message, seen)

    def _elsewhere(self, pointers: Pointers) -> bool:
        return bool(self.version) and Pointers.parse(self.version) != pointers
