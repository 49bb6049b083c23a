"""`openedx.completeness`: is everything of a version still there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx.completeness import Sketch, leniently, misplaced
from ...openedx.keys import CourseKey
from ...openedx.pointers import Pointers, check_fit
from ...openedx.versions import check_mix
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .reading import read_chains, read_course, read_pairs, read_sketches, structure_subject, were_in_force

_ENDS: Final = 6  # of the versions that a course had: the newest and the oldest tell its originals


@dataclass(frozen=True, slots=True)
class CompletenessState:
    """What was looked at in a version, by branch, and everything that stands against going back to it."""

    complete: bool = identity()
    problems: tuple[str, ...] = ()
    advice: str = ""
    title: str = ""
    without: tuple[str, ...] = ()
    blocks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompletenessFact(Fact[CompletenessState]):
    """
    Check that a version can be gone back to, and refuse the run when it cannot.

    For each branch: its structure exists and has its root, every child that is reachable is there, every block's
    definition exists, and the blocks were written for that branch (ids that were swapped are found by that; a pair
    that was in force may have one from the other branch, which reset_course_content brings about). For both: they fit
    the course, are not one version, and were in force together; `allow_same` and `allow_mix` lift the last two,
    and `allow_missing` lets children be missing that are nowhere, as the platform does. A version of another course is
    refused whatever is allowed. MongoDB is asked, never the site: its caches may still show what was pruned.
    """

    kind: ClassVar[str] = "openedx.completeness"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
    }
    by_hand: ClassVar[str] = """
For each version ID of `<version>`, in the Mongo shell:

- `s = db.getCollection("modulestore.structures").findOne({_id: ObjectId("ID")})` must give a document.
- Every child must be among the blocks; this must print `[]`:
  `k = new Set(s.blocks.map(b => b.block_type + "/" + b.block_id));
  s.blocks.flatMap(b => b.fields.children || []).filter(c => !k.has(c[0] + "/" + c[1]))`
- Every definition must be there; both numbers must be equal:
  `d = [...new Set(s.blocks.map(b => b.definition.toString()))].map(x => ObjectId(x)); d.length;
  db.getCollection("modulestore.definitions").countDocuments({_id: {$in: d}})`
- `s.blocks.every(b => b.edit_info.source_version)` is true for a published version and false for a draft.
- Draft and published must be two versions.
"""

    course_id: str
    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    allow_same: bool = False
    allow_mix: bool = False
    allow_missing: bool = field(
        default=False, metadata={"help": "blocks that are named as children and are nowhere may stay missing"}
    )
    structures: str | None = field(default=None, metadata={"help": "a dump of modulestore.structures, on this machine"})
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the structures; they never change, so a planned step can only load them."""
        return frozenset({structure_subject(self.modulestore, self.version)})

    def probe(self, read: Readers) -> CompletenessState:
        """Read both structures and look their definitions up."""
        sql, mongo = read[self.ledger], read[self.modulestore]
        wanted = Pointers.parse(self.version)
        course = read_course(sql, mongo, self.course_id)
        pairs = were_in_force(mongo, read_pairs(sql, mongo, course, self.structures), wanted)
        known = [pair.pointers for pair in pairs]
        sketches = leniently(read_sketches(mongo, wanted.versions), lenient=self.allow_missing)
        unfit = self._unfit(course.key, wanted, known)
        foreign = self._foreign(mongo, known, [sketches[version] for version in wanted.versions])
        damage = self._damage(wanted, sketches, wanted in known)
        problems = (*((unfit.message,) if unfit else ()), *foreign, *damage)
        found = [(branch.word, sketches[version]) for branch, version in wanted.present]
        return CompletenessState(
            complete=not problems,
            problems=problems,
            advice=unfit.advice if unfit else _advice(damaged=bool(damage and not foreign), found=sketches.values()),
            without=tuple(f"{version}: {sketch.without}" for version, sketch in sketches.items() if sketch.without),
            title=next((sketch.name for _, sketch in reversed(found) if sketch.name), ""),
            blocks={word: dict(sketch.counts) for word, sketch in found if sketch.counts is not None},
        )

    def _unfit(self, key: CourseKey, wanted: Pointers, known: list[Pointers]) -> RefusedError | None:
        try:
            check_fit(wanted, key, allow_same=self.allow_same)
            check_mix(wanted, known, allowed=self.allow_mix)
        except RefusedError as error:
            return error
        return None

    def _foreign(self, mongo: MongoReader, known: Sequence[Pointers], wanted: Sequence[Sketch]) -> tuple[str, ...]:
        """Tell versions of another course: in no pair of this one, and descended from no original of its versions."""
        had = dict.fromkeys(version for pointers in known for version in pointers.versions)
        strange = [sketch for sketch in wanted if sketch.exists and sketch.version not in had]
        if not strange:
            return ()
        ends = (*tuple(had)[:_ENDS], *tuple(had)[-_ENDS:])
        ours = {link.original_version for link in read_chains(mongo, ends, 0)}
        return tuple(
            f"{sketch.version} was never a version of this course, and does not descend from one"
            + (f'; it is of "{sketch.name}"' if sketch.name else "")
            for sketch in strange
            if ours and sketch.original_version not in ours
        )

    def _damage(self, wanted: Pointers, sketches: Mapping[str, Sketch], had: bool) -> tuple[str, ...]:
        same = self.allow_same and wanted.draft == wanted.published
        found = [(branch, sketches[version]) for branch, version in wanted.present]
        wrong = {} if same else misplaced(found, were_in_force=had)
        return tuple(
            f"{branch.word} {version}: {problem}"
            for branch, version in wanted.present
            for problem in (*sketches[version].problems, wrong.get(branch, ""))
            if problem
        )

    def refusal(self, state: CompletenessState) -> RefusedError | None:
        """Refuse a version that is not whole."""
        if state.complete:
            return None
        problems = " | ".join(state.problems)
        return RefusedError(f"{self.course_id} cannot go back to {self.version}: {problems}", advice=state.advice)

    def details(self, change: Change[CompletenessState]) -> tuple[str, ...]:
        """Tell how much was looked at."""
        return tuple(
            f"{word}: {sum(counts.values())} reachable blocks and their definitions are there"
            for word, counts in change.before.blocks.items()
            if change.before.complete
        ) + tuple(f"{told}; allowed" for told in change.before.without if change.before.complete)


def _advice(*, damaged: bool, found: Iterable[Sketch]) -> str:
    advice = "choose another pair"
    if damaged:
        advice += f", or bring back what is missing {FROM_DUMP}"
    if damaged and any(sketch.missing_blocks for sketch in found):
        advice += f"; {LEFT_OUT}"
    return advice


FROM_DUMP = (
    "from a MongoDB dump: restore-course takes --set structures_dump=FILE and --set definitions_dump=FILE"
    " (openedx.structures_restore)"
)
LEFT_OUT = (
    "a child that is nowhere, and was nowhere before, the platform leaves out: allow_missing=true goes back without it"
)
