"""`openedx.difference`: what going back would change, block by block."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, identity
from ...dataclass import dataclass
from ...openedx.difference import SAMPLE, Difference, difference
from ...openedx.export import difference_lines
from ...openedx.pointers import Pointers
from ...openedx.structure import Outline, StructureError
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .course_version import NOT_RESTORED
from .reading import Trust, read_course, read_outline, structure_subject


@dataclass(frozen=True, slots=True)
class DifferenceState:
    """Between which versions, how many blocks come, go and change by branch and type, and some of them by name."""

    current: str = identity()
    wanted: str = identity()
    branches: Mapping[str, Plain] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DifferenceFact(Fact[DifferenceState]):
    """
    Compare the reachable blocks of a course as it is with those of the version to go back to, per branch.

    What is counted is what learners and authors can reach from the root, not what lies in the document: an import
    leaves the blocks that it replaced behind as orphans.
    """

    kind: ClassVar[str] = "openedx.difference"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
    }
    by_hand: ClassVar[str] = """
In the Mongo shell, for the version in force and for the one to go back to:
`db.getCollection("modulestore.structures").findOne({_id: ObjectId("ID")}).blocks.map(b => [b.block_type,
b.fields.display_name])`. Compare the lists; blocks that no `children` names are leftovers and do not count.
"""

    course_id: str
    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    sample: int = field(default=SAMPLE, metadata={"help": "how many blocks to name per list"})
    trust: Trust = ""
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the structures; those that a planned step loads from a dump are compared as they are in the dump."""
        return frozenset({structure_subject(self.modulestore, self.version)})

    def probe(self, read: Readers) -> DifferenceState:
        """Read the versions of both, one branch at a time."""
        mongo = read[self.modulestore]
        now = read_course(read[self.ledger], mongo, self.course_id).present(self.trust)
        wanted = Pointers.parse(self.version)
        branches = dict((*now.present, *wanted.present))
        found = {branch.word: self._compare(mongo, now.of(branch), wanted.of(branch)) for branch in branches}
        return DifferenceState(
            current=str(now),
            wanted=str(wanted),
            branches={word: compared.plain() for word, (compared, _) in found.items()},
            lines=tuple(
                line
                for word, (compared, notes) in found.items()
                for line in (*difference_lines(word, compared), *(f"  {word}: {note}" for note in notes))
            ),
        )

    def _compare(self, mongo: MongoReader, now: str, wanted: str) -> tuple[Difference, tuple[str, ...]]:
        before, before_notes = _outline(mongo, now, "the present version")
        after, after_notes = _outline(mongo, wanted, "the version to go back to")
        return difference(before, after, sample=self.sample), (*before_notes, *after_notes)

    def details(self, change: Change[DifferenceState]) -> tuple[str, ...]:
        """Show the difference, and what it does not tell."""
        return (*change.before.lines, NOT_RESTORED)


def _outline(mongo: MongoReader, version: str, what: str) -> tuple[Outline | None, tuple[str, ...]]:
    """Read one side; a side that is gone or damaged counts as empty, and is told: the damage may be just that."""
    if not version:
        return None, (f"{what} has no such branch",)
    try:
        found = read_outline(mongo, version)
    except StructureError as error:
        return None, (f"{what} {error.message}",)
    return found, () if found else (f"{what} {version} is gone",)
