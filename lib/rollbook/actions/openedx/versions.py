"""`openedx.versions`: what a course can be gone back to."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, identity
from ...dataclass import dataclass
from ...openedx.completeness import Sketch, leniently
from ...openedx.instants import text
from ...openedx.keys import CourseKey
from ...openedx.pointers import Pointers
from ...openedx.pruning import saves_left, tell_saves_left
from ...openedx.suggestion import suggest
from ...openedx.versions import Candidate, Pair, judge, window
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .course_key import course_subjects
from .reading import (
    Dump,
    Trust,
    read_chains,
    read_course,
    read_dumped,
    read_heads,
    read_pairs,
    read_shared,
    read_sketches,
    read_unentered,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate as people choose it; *value* is its pointers."""

    value: str
    label: str
    detail: str


@dataclass(frozen=True, slots=True)
class VersionsState:
    """The pairs that are known, the newest first, and the one to go back to as far as it can be told."""

    current: str = identity()
    suggested: str | None = None
    reason: str = ""
    damage: str | None = None
    candidates: tuple[Line, ...] = ()  # each pair of versions once
    entries: tuple[str, ...] = ()  # every entry in words, also those that moved no pointer
    older: int = 0  # known pairs that were not looked at
    unhelpful: str = ""  # that a dump was given, and has nothing of what is gone


@dataclass(frozen=True, slots=True)
class VersionsFact(Fact[VersionsState]):
    """
    List what the ledger remembers of a course, one line per history entry, and suggest what to go back to.

    Each line says when, who (from the structure; the ledger's own column is the creator), why, the versions, how
    many blocks are reachable, whether all of it is still there, which other runs share it, and how many more saves
    pruning leaves it. Courses without history are put together from their chains of previous versions. Suggested is
    the last good pair before `before`; without it the pair before the last save that replaced most of the blocks.
    With `structures`, a MongoDB dump, what pruning took is looked for there, and counts as there: bring the version
    that is chosen back with openedx.structures_restore before the course is pointed at it.
    """

    kind: ClassVar[str] = "openedx.versions"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "before": "2024-05-01T12:00:00Z",
    }
    by_hand: ClassVar[str] = """
- SQL: `SELECT history_id, history_date, history_type, history_change_reason, history_user_id, draft_version,
  published_version, library_version FROM split_modulestore_django_historicalsplitmodulestorecourseindex
  WHERE course_id = '<course_id>' ORDER BY history_date DESC, history_id DESC LIMIT 40;`
- For each line, in the Mongo shell, who saved it and whether it is still there (null: pruning took it):
  `db.getCollection("modulestore.structures").findOne({_id: ObjectId("VERSION")}, {edited_by: 1, edited_on: 1,
  previous_version: 1})`
- No rows, or the course is older than they are: follow `previous_version` back from the version in force.
- Take both versions from one line: the last one before the damage.
"""

    course_id: str
    before: datetime | None = field(default=None, metadata={"help": "when the damage was done, with its zone"})
    retain: int = field(default=2, metadata={"help": "how many ancestors pruning keeps per branch"})
    limit: int = field(default=40, metadata={"help": "how many pairs to look at"})
    trust: Trust = ""
    allow_same: bool = field(default=False, metadata={"help": "draft and published may be one version"})
    allow_missing: bool = field(
        default=False, metadata={"help": "blocks that are named as children and are nowhere may stay missing"}
    )
    structures: str | None = field(default=None, metadata={"help": "a dump of modulestore.structures, on this machine"})
    definitions: str | None = field(default=None, metadata={"help": "the dump of modulestore.definitions"})
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def __post_init__(self) -> None:
        if self.retain < 0 or self.limit < 1:
            raise ValueError(f"retain {self.retain}, limit {self.limit}: expected 0 or more, and 1 or more")

    def subjects(self) -> frozenset[Subject]:
        """Name the course in both stores."""
        return course_subjects(self.ledger, self.modulestore, self.course_id)

    def probe(self, read: Readers) -> VersionsState:
        """Read history, structures and definitions."""
        sql, mongo = read[self.ledger], read[self.modulestore]
        course = read_course(sql, mongo, self.course_id)
        known = read_pairs(sql, mongo, course, self.structures)
        pairs = self._window(mongo, known)
        versions = tuple(dict.fromkeys(version for pair in pairs for version in pair.pointers.versions))
        sketches = self._sketches(mongo, versions)
        shared = read_shared(sql, course.key, versions)
        present = course.present(self.trust)
        candidates = judge(
            pairs,
            sketches,
            course.key,
            now=present,
            shared=shared,
            left=self._left(mongo, course.key, versions),
            allow_same=self.allow_same,
        )
        return self._state(present, candidates, len(known) - len(pairs))

    def _window(self, mongo: MongoReader, known: Sequence[Pair]) -> tuple[Pair, ...]:
        """Choose the pairs to look at; those that are in no entry count, where they are next to others that are."""
        chosen = window(known, self.before, self.limit)
        start = known.index(chosen[1]) if len(chosen) > 1 else 1
        apart = chosen[:1] if start > 1 else ()
        return window((*apart, *read_unentered(mongo, chosen[len(apart) :])), self.before, self.limit)

    def _sketches(self, mongo: MongoReader, versions: Sequence[str]) -> dict[str, Sketch]:
        found = read_sketches(mongo, versions)
        if self.structures:
            found = read_dumped(mongo, found, Dump(self.structures, self.definitions))
        return leniently(found, lenient=self.allow_missing)

    def _left(self, mongo: MongoReader, key: CourseKey, versions: Sequence[str]) -> dict[str, int | None]:
        """Count saves from what active_versions says, of every run that may share, for pruning reads nothing else."""
        heads = {version for pointers in read_heads(mongo, key, versions) for version in pointers.versions}
        chains = [list(read_chains(mongo, [head], self.retain)) for head in heads]
        originals = {link.original_version for chain in chains for link in chain[:1]}
        ids = [[link.version for link in chain] for chain in chains]
        return {version: saves_left(version, ids, retain=self.retain, kept=originals) for version in versions}

    @property
    def _unfound(self) -> str:
        return (
            f"none of the {self.limit} newest saves that could be compared with the one before replaced most of the "
            "blocks; say `before`, or look at more of them (`limit`)"
        )

    def _state(self, present: Pointers, candidates: Sequence[Candidate], older: int) -> VersionsState:
        suggestion = suggest(candidates, self.before)
        return VersionsState(
            current=str(present),
            suggested=str(suggestion.candidate.pair.pointers) if suggestion.candidate else None,
            reason=suggestion.reason if suggestion.candidate or not older or self.before else self._unfound,
            damage=text(suggestion.damage) or None,
            candidates=tuple(_line(candidate) for candidate in _distinct(candidates)),
            entries=tuple(_entry(candidate, chosen=candidate == suggestion.candidate) for candidate in candidates),
            older=older,
            unhelpful=self._unhelpful(candidates),
        )

    def _unhelpful(self, candidates: Sequence[Candidate]) -> str:
        gone = [one for one in candidates if not one.good and not one.dumped]
        if not self.structures or not gone or any(one.dumped for one in candidates):
            return ""
        return (
            f"{self.structures} has none of the versions that are gone: is it a dump of modulestore.structures of this "
            "site, from before they were pruned?"
        )

    def details(self, change: Change[VersionsState]) -> tuple[str, ...]:
        """Show every line, the suggested one marked, and why it is."""
        state = change.before
        more = f"  and {state.older} more that were not looked at; give `before`, or a larger limit"
        ending = f"suggested: {state.reason}" if state.suggested else f"no suggestion: {state.reason}"
        notes = (*((more,) if state.older else ()), *((f"  {state.unhelpful}",) if state.unhelpful else ()))
        return (*state.entries, *notes, ending)


def _distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Show each pair of versions once, where it was in force last; one without any version cannot be chosen."""
    first: dict[Pointers, Candidate] = {}
    for candidate in candidates:
        if candidate.pair.pointers.present:
            first.setdefault(candidate.pair.pointers, candidate)
    return tuple(first.values())


def _entry(candidate: Candidate, *, chosen: bool) -> str:
    return f"{'>' if chosen else ' '} {candidate.label}; {_left(candidate)}"


def _left(candidate: Candidate) -> str:
    return "pruned already" if candidate.dumped else tell_saves_left(candidate.saves_left)


def _line(candidate: Candidate) -> Line:
    pair: Pair = candidate.pair
    return Line(
        value=str(pair.pointers),
        label=candidate.label,
        detail=_left(candidate),
    )
