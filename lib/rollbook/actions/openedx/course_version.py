"""`openedx.course_version`: a course at a version, in the ledger and in the modulestore."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx import ledger as statements
from ...openedx.completeness import leniently
from ...openedx.instants import text
from ...openedx.keys import BRANCHES, CourseKey
from ...openedx.pointers import Pointers, check_fit
from ...openedx.versions import check_mix, is_known
from ...ops import SERVER_NOW, MongoWrite, Op, Sql, Statement, object_id
from ...schema import encode
from ...targets.base import MongoReader, SqlReader
from ...values import NOW, RUN_ID, Plain, Unknown
from .course_key import course_subjects
from .reading import (
    ACTIVE_VERSIONS,
    Course,
    Trust,
    disagreement,
    read_course,
    read_pairs,
    read_sketches,
    structure_subject,
    were_in_force,
)


@dataclass(frozen=True, slots=True)
class CourseVersionState:
    """
    Where both stores point.

    *broken* names, of the versions that a change could lead to, those that are pruned or incomplete, and why;
    *whole* those that are complete. *left* says the same of those that were broken already when an undo's run left
    them. *known* has the wanted pair if it is no mix, and no other: there may be thousands.
    """

    ledger: Pointers
    modulestore: Pointers
    row: int
    objectid: str
    ledger_update: str | Unknown = evidence()
    modulestore_update: str | Unknown = evidence()
    whole: tuple[str, ...] = evidence()
    broken: Mapping[str, str] = evidence()
    known: tuple[str, ...] = evidence()
    left: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class CourseVersion(Action[CourseVersionState]):
    """
    Point a course run or library at a version, first in the ledger, then in the modulestore.

    The ledger's row and its history entry are written in one transaction, only if nobody saved since it was read;
    the entry's reason is the run's id. Each store's own clock says when. Then active_versions is written with
    majority write concern, only if it still holds what was read: pruning reads nothing else, so without that write
    it would take the restored version.
    Refused: versions that are not complete, draft and published as one version, a mix of different saves, and stores
    that disagree, each unless its input allows it. An undo brings the pointers back that each store had.
    """

    kind: ClassVar[str] = "openedx.course_version"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
    }
    by_hand: ClassVar[str] = """
With pruning paused, nobody editing, and the pointers of before written down. ID, OBJECTID and LAST_UPDATE are those of
the row as it was read; D and P are the draft and published version of `<version>` (a library: only
`library_version`, and `versions.library` below).

1. SQL, in one transaction. Each of the two must touch exactly one row; otherwise `ROLLBACK` and read again.

       BEGIN;
       UPDATE split_modulestore_django_splitmodulestorecourseindex
          SET draft_version = 'D', published_version = 'P', last_update = UTC_TIMESTAMP(6)
        WHERE id = ID AND last_update = 'LAST_UPDATE';
       INSERT INTO split_modulestore_django_historicalsplitmodulestorecourseindex
              (id, objectid, course_id, org, draft_version, published_version, library_version, wiki_slug, base_store,
               edited_by_id, edited_on, last_update, history_date, history_change_reason, history_type)
       SELECT  id, objectid, course_id, org, draft_version, published_version, library_version, wiki_slug, base_store,
               edited_by_id, edited_on, last_update, last_update, 'restored by hand, TICKET', '~'
         FROM split_modulestore_django_splitmodulestorecourseindex WHERE id = ID;
       COMMIT;

   Or in the Django admin, *split_modulestore_django*, the course, *History*, the entry, *Save*: that writes the ledger
   only, and with it an old `last_update`.
2. At once afterwards, in the Mongo shell on the primary; without it the next pruning takes the restored version.
   It must say `matchedCount: 1`.

       db.getCollection("modulestore.active_versions").updateOne(
         {_id: ObjectId("OBJECTID")},
         {$set: {"versions.draft-branch": ObjectId("D"), "versions.published-branch": ObjectId("P"),
                 last_update: new Date()}},
         {writeConcern: {w: "majority"}})

To go back, do the same with the pointers of before, if nobody saved since.
"""

    course_id: str
    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    allow_same: bool = field(default=False, metadata={"help": "draft and published may be one version"})
    allow_mix: bool = field(default=False, metadata={"help": "draft and published may come from different saves"})
    allow_missing: bool = field(
        default=False, metadata={"help": "blocks that are named as children and are nowhere may stay missing"}
    )
    trust: Trust = field(default="", metadata={"help": "which store is true where they disagree"})
    structures: str | None = field(default=None, metadata={"help": "a dump of modulestore.structures, on this machine"})
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the course in both stores, and the structures that must be there first."""
        structures = structure_subject(self.modulestore, self.version)
        return course_subjects(self.ledger, self.modulestore, self.course_id) | {structures}

    def probe(self, read: Readers) -> CourseVersionState:
        """Read both stores, and whether the versions are whole that are wanted, in force, or were until lately."""
        return self._read(read, ())

    def probe_for(self, read: Readers, goal: CourseVersionState) -> CourseVersionState:
        """Read the same, and whether the versions are whole that an undo leads to, however long ago they were left."""
        return self._read(read, (goal.ledger, goal.modulestore))

    def _read(self, read: Readers, goals: tuple[Pointers, ...]) -> CourseVersionState:
        sql, mongo = read[self.ledger], read[self.modulestore]
        course = read_course(sql, mongo, self.course_id)
        wanted = Pointers.parse(self.version)
        pairs = were_in_force(mongo, read_pairs(sql, mongo, course, self.structures), wanted)
        known = tuple(dict.fromkeys(pair.pointers for pair in pairs))
        ways = (*goals, wanted, course.row.pointers, course.active.pointers, *known[:_EARLIER])
        sketches = read_sketches(mongo, (version for pointers in ways for version in pointers.versions))
        sketches = leniently(sketches, lenient=self.allow_missing)
        return CourseVersionState(
            ledger=course.row.pointers,
            modulestore=course.active.pointers,
            row=course.row.id,
            objectid=course.row.objectid,
            ledger_update=text_exact(course),
            modulestore_update=text(course.active.last_update),
            whole=tuple(version for version, sketch in sketches.items() if sketch.complete),
            broken={version: "; ".join(sketch.problems) for version, sketch in sketches.items() if not sketch.complete},
            known=(str(wanted),) if is_known(wanted, known) else (),
        )

    def desired(self, before: CourseVersionState) -> CourseVersionState:
        """Want both stores at the version. Raises RefusedError where that must not be."""
        wanted = Pointers.parse(self.version)
        check_fit(wanted, CourseKey.parse(self.course_id), allow_same=self.allow_same)
        check_mix(wanted, [Pointers.parse(pair) for pair in before.known], allowed=self.allow_mix)
        if problem := disagreement(self.course_id, before.ledger, before.modulestore, self.trust):
            raise problem
        moved = before.ledger != wanted
        return replace(
            before,
            ledger=wanted,
            modulestore=wanted,
            ledger_update=NOW if moved else before.ledger_update,
            modulestore_update=NOW if before.modulestore != wanted else before.modulestore_update,
        )

    def ops(self, old: CourseVersionState, new: CourseVersionState) -> tuple[Op, ...]:
        """Give the ledger's write, then the modulestore's; after a crash between them, the second alone."""
        self._check_whole(old, new)
        ledger = (self._move_ledger(old, new),) if old.ledger != new.ledger else ()
        modulestore = (self._move_modulestore(old, new),) if old.modulestore != new.modulestore else ()
        return (*ledger, *modulestore)

    def _check_whole(self, old: CourseVersionState, new: CourseVersionState) -> None:
        """Refuse to lead to a version that is not known to be complete, unless an undo finds it as its run left it."""
        moved = [(old.ledger, new.ledger), (old.modulestore, new.modulestore)]
        wanted = dict.fromkeys(version for was, to in moved if was != to for version in to.versions)
        found = [
            f"{version}: {old.broken.get(version, 'not looked at')}" for version in wanted if version not in old.whole
        ]
        bad = [told for told in found if told not in new.left]
        if bad:
            raise RefusedError(
                f"{self.course_id} cannot be pointed at versions that are not complete: {' | '.join(bad)}",
                advice="choose another pair; or bring them back from a MongoDB dump, or from "
                "snapshot/…/structures.jsonl in the folder of the run that left them: run-runbook restore-course with "
                "--set version=draft:ID,published:ID and --set structures_dump=FILE (openedx.structures_restore)",
            )

    def _move_ledger(self, old: CourseVersionState, new: CourseVersionState) -> Sql:
        seen = {"$date": encode(old.ledger_update)}
        move = statements.move(old.row, old.ledger, seen, new.ledger, SERVER_NOW)
        remember = statements.remember(old.row, encode(RUN_ID), SERVER_NOW)
        return Sql(
            self.ledger.name, tuple(Statement(query.text, dict(query.params), rows=1) for query in (move, remember))
        )

    def _move_modulestore(self, old: CourseVersionState, new: CourseVersionState) -> MongoWrite:
        """
        Write the pointers and last_update; compare every branch as seen.

        A branch that is absent is compared with null, which in MongoDB matches an absent field too.
        """
        seen = {_field(name): _id(old.modulestore.of(name)) for name in _NAMES}
        wanted = {_field(name): _id(new.modulestore.of(name)) for name in _NAMES if new.modulestore.of(name)}
        gone = {_field(name): "" for name in _NAMES if old.modulestore.of(name) and not new.modulestore.of(name)}
        document: dict[str, Plain] = {"$set": wanted, "$currentDate": {"last_update": True}}
        if gone:
            document["$unset"] = gone
        return MongoWrite(
            self.modulestore.name,
            ACTIVE_VERSIONS,
            "update_one",
            filter={"_id": object_id(old.objectid), **seen},
            document=document,
        )

    def undo(self, change: Change[CourseVersionState]) -> Undo[CourseVersionState]:
        """Bring back the pointers of each store; how long that holds depends on pruning."""
        was, left = change.before, change.after
        there = {*was.ledger.versions, *was.modulestore.versions}
        broken = tuple(f"{version}: {why}" for version, why in was.broken.items() if version in there)
        goal = replace(
            was,
            left=broken,
            ledger_update=was.ledger_update if was.ledger == left.ledger else NOW,
            modulestore_update=was.modulestore_update if was.modulestore == left.modulestore else NOW,
        )
        return Reverse(
            goal,
            f"{_ways_back(was, left)}, if nobody saved since; holds until the next pruning, which takes versions that "
            f"no branch leads back to{_as_broken(broken)}",
        )

    def details(self, change: Change[CourseVersionState]) -> tuple[str, ...]:
        """Say what stays as it is, and whether learners lose sight of the course."""
        if not change.ops:
            return ()
        hidden = bool(change.before.ledger.published) and not change.after.ledger.published
        return (*((_UNPUBLISHED,) if hidden else ()), NOT_RESTORED)


NOT_RESTORED = (
    "will NOT come back: files and images that were overwritten (GridFS keeps no versions). Not touched: enrolments, "
    "grades and learner state; what learners did in blocks that go away stays stored, and shows again if they return"
)

_UNPUBLISHED = (
    "LEARNERS WILL NOT SEE THE COURSE any more: the version to go back to has no published branch. Smoke tests and "
    "looks at it as a learner cannot pass; publish it in Studio afterwards if it is to be seen"
)

_EARLIER = 4  # pairs: enough for an undo that is planned on what the undo of a later step will leave
_NAMES = tuple(branch.name for branch in BRANCHES)


def _ways_back(was: CourseVersionState, left: CourseVersionState) -> str:
    """Say which store an undo takes where: they did not agree before a restore that was told which one to trust."""
    entry = ", with a history entry of its own"
    if was.ledger == was.modulestore:
        return f"both stores go back to {was.ledger.short()}{entry}"
    ledger = f"the ledger goes back to {was.ledger.short()}{entry}" if was.ledger != left.ledger else ""
    moved = was.modulestore != left.modulestore
    modulestore = f"the modulestore goes back to {was.modulestore.short()}" if moved else ""
    return f"{'; '.join(filter(None, (ledger, modulestore)))}; so they do not agree again, as before"


def _as_broken(broken: Sequence[str]) -> str:
    """Say that the way back leads to what was incomplete before."""
    return f". It is AS INCOMPLETE AS IT WAS then ({'; '.join(broken)})" if broken else ""


def text_exact(course: Course) -> str:
    """Write the ledger's last_update to the microsecond, for it is compared."""
    return course.row.last_update.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _field(name: str) -> str:
    return f"versions.{name}"


def _id(version: str) -> Plain:
    return object_id(version) if version else None
