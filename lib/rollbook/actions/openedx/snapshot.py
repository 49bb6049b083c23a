"""`openedx.snapshot`: what both stores hold of a course, in files, before anything is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from typing import ClassVar, Final

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...openedx import ledger as statements
from ...openedx.keys import CourseKey
from ...openedx.pointers import Pointers, is_version
from ...ops import MongoExport, Op, OpResult, SqlExport
from ...targets.base import HostReader, MongoReader, SqlReader
from ...values import Plain
from .reading import ACTIVE_VERSIONS, STRUCTURES, read_course

LEDGER: Final = "ledger.jsonl"
HISTORY: Final = "history.jsonl"
ACTIVE: Final = "active_versions.jsonl"
HEADS: Final = "structures.jsonl"
_FILES: Final = (LEDGER, HISTORY, ACTIVE, HEADS)
_TAIL: Final = 500  # history rows


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """
    Which of the files are still to be written, and what they are to hold; *files* are those there with SHA-256.

    *heads* is where the stores point, and *folder* the one of this: after a save it is another.
    """

    missing: tuple[str, ...]
    heads: str
    folder: str
    objectid: str = evidence()
    structures: tuple[str, ...] = evidence()
    files: Mapping[str, str] = evidence()


@dataclass(frozen=True, slots=True)
class Snapshot(Action[SnapshotState]):
    """
    Write a course's ledger row, the end of its history, its active_versions document and its structures to files.

    The structures are those in force in either store, and those of `version`. The files stand in a folder below
    `folder` that is named after these versions, so a snapshot that was taken before somebody saved is neither taken
    for one of now nor written over. Their checksums go to the journal, and stand there for the files.
    """

    kind: ClassVar[str] = "openedx.snapshot"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "folder": "{{ run.folder }}/snapshot",
    }
    by_hand: ClassVar[str] = """
On a machine that keeps it, in a new folder below `<folder>`:

- the ledger's row and its history: `SELECT * FROM split_modulestore_django_splitmodulestorecourseindex WHERE course_id
  = '<course_id>';` and the same from `split_modulestore_django_historicalsplitmodulestorecourseindex`
- `mongoexport --collection=modulestore.active_versions --query='{"_id": {"$oid": "OBJECTID"}}'`
- `mongoexport --collection=modulestore.structures --query='{"_id": {"$in": [{"$oid": "ID"}]}}'` with the IDs in force
  and those of `<version>`
- `sha256sum` of each file, noted elsewhere
"""

    course_id: str
    folder: str = field(metadata={"help": "a folder on this machine, for this run alone"})
    version: str = field(default="", metadata={"help": "draft:ID,published:ID whose structures are kept too"})
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def subjects(self) -> frozenset[Subject]:
        """Name the folder; the course is only read."""
        return frozenset({Subject(self.local.name, "folder", self.folder)})

    def probe(self, read: Readers) -> SnapshotState:
        """Look which files are there, and which documents belong into them."""
        course = read_course(read[self.ledger], read[self.modulestore], self.course_id)
        wanted = Pointers.parse(self.version) if self.version else Pointers()
        heads = " · ".join(dict.fromkeys(map(str, (course.row.pointers, course.active.pointers))))
        folder = f"{self.folder.rstrip('/')}/{_mark(heads, str(wanted))}"
        there = {name: read[self.local].sha256(f"{folder}/{name}") for name in _FILES}
        ways = (course.row.pointers, course.active.pointers, wanted)
        return SnapshotState(
            missing=tuple(name for name in _FILES if there[name] is None),
            heads=heads,
            folder=folder,
            objectid=course.row.objectid,
            # What is no id at all, in a damaged ledger, names no structure.
            structures=tuple(dict.fromkeys(one for pointers in ways for one in pointers.versions if is_version(one))),
            files={f"{folder}/{name}": digest for name, digest in there.items() if digest is not None},
        )

    def desired(self, before: SnapshotState) -> SnapshotState:
        """Want every file."""
        return replace(before, missing=())

    def ops(self, old: SnapshotState, new: SnapshotState) -> tuple[Op, ...]:
        """Write those that are missing."""
        return tuple(self._export(name, old) for name in old.missing if name not in new.missing)

    def _export(self, name: str, state: SnapshotState) -> Op:
        path, key = f"{state.folder}/{name}", CourseKey.parse(self.course_id)
        if name in (LEDGER, HISTORY):
            query = statements.read_row(str(key)) if name == LEDGER else statements.read_history(str(key), limit=_TAIL)
            return SqlExport(self.ledger.name, query.text, path, dict(query.params))
        if name == ACTIVE:
            return MongoExport(self.modulestore.name, ACTIVE_VERSIONS, {"_id": {"$oid": state.objectid}}, path)
        ids = [{"$oid": version} for version in state.structures]
        return MongoExport(self.modulestore.name, STRUCTURES, {"_id": {"$in": ids}}, path)

    def undo(self, change: Change[SnapshotState]) -> Undo[SnapshotState]:  # noqa: ARG002  # whatever was written stays
        """Leave it: it is evidence."""
        return Leave("a snapshot stays")

    def verdict(self, change: Change[SnapshotState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def outputs(self, after: SnapshotState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the files with their checksums."""
        written = {file.path: file.sha256 for result in results for file in result.files}
        return {"folder": after.folder, "files": {**after.files, **written}}


def _mark(*versions: str) -> str:
    return sha256("\n".join(versions).encode()).hexdigest()[:12]
