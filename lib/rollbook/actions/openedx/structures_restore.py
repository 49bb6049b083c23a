"""`openedx.structures_restore`: versions that pruning took, back from a MongoDB dump."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx.pointers import Pointers, is_version, missing_from
from ...openedx.structure import Outline, outline
from ...ops import MongoLoad, Op
from ...targets.base import MongoReader
from ...values import Plain
from .reading import DEFINITIONS, STRUCTURES, read_ids, structure_subject


@dataclass(frozen=True, slots=True)
class StructuresState:
    """
    What of the versions is not in the modulestore; *absent* is what the dump does not have either, in words.

    *missing_ancestors* are the versions before them that pruning will look for; *lost_ancestors* are in no dump.
    """

    missing_definitions: tuple[str, ...]
    missing_structures: tuple[str, ...]
    absent: tuple[str, ...] = evidence()
    missing_ancestors: tuple[str, ...] = ()
    lost_ancestors: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class StructuresRestore(Action[StructuresState]):
    """
    Insert versions that pruning took again, under their own ids, from a MongoDB dump.

    Structures and definitions never change once written, so one from a dump is the one that was there. What the dump
    holds is checked first: the root, every child, every definition, in the dump or in the modulestore; nothing is
    inserted unless all of it is there. Documents that exist are left alone. The files are what mongodump writes
    (`modulestore.structures.bson`, gzipped or not) or Extended JSON, a document a line. Point the course at the
    version in the same run: until then the next pruning takes it again.

    With a version come the *retain* versions before it and the first of the course, for pruning keeps these of what is
    in use, and its next plan would stop at one that is gone ("Missing structures detected").
    """

    kind: ClassVar[str] = "openedx.structures_restore"
    example: ClassVar[Mapping[str, Plain]] = {
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
        "structures": "/backup/dump/edxapp/modulestore.structures.bson",
        "definitions": "/backup/dump/edxapp/modulestore.definitions.bson",
    }
    by_hand: ClassVar[str] = """
- Load the dump into a database of its own, never over the live one: `mongorestore --nsInclude='DB.modulestore.*'
  --nsFrom='DB.*' --nsTo='scratch.*' DUMP_FOLDER`, DB being the name in the dump, and look the version IDs of
  `<version>` up there, and the `definition` of each of their blocks.
- Insert the definitions first, then the structures, each under its own `_id`, and leave alone what is there:
  `db.getCollection("modulestore.structures").insertOne(DOCUMENT)` (error E11000: it is there already).
- Then see by hand that all of it is complete, and point the course at it before pruning runs again.
"""

    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    structures: str = field(metadata={"help": "the dump of modulestore.structures, on this machine"})
    definitions: str | None = field(default=None, metadata={"help": "the dump of modulestore.definitions"})
    retain: int = field(default=2, metadata={"help": "how many versions before one pruning keeps (its --retain)"})
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the structures."""
        return frozenset({structure_subject(self.modulestore, self.version)})

    def probe(self, read: Readers) -> StructuresState:
        """Compare what is in the modulestore with what is needed, and look for the rest in the dump."""
        mongo, versions = read[self.modulestore], Pointers.parse(self.version).versions
        missing = missing_from(versions, read_ids(mongo, STRUCTURES, versions))
        outlines = tuple(self._outlines(mongo, versions, missing))
        needed = tuple(dict.fromkeys(str(value) for found in outlines for value in found.definitions))
        gone = missing_from(needed, read_ids(mongo, DEFINITIONS, [value for value in needed if is_version(value)]))
        before = self._ancestors(mongo, outlines, missing)
        return StructuresState(
            missing_definitions=gone,
            missing_structures=missing,
            missing_ancestors=tuple(sorted(one for one, found in before.items() if found)),
            absent=tuple(self._absent(mongo, missing, outlines, gone)),
            lost_ancestors=tuple(sorted(one for one, found in before.items() if not found)),
        )

    def _ancestors(self, mongo: MongoReader, outlines: Collection[Outline], known: Collection[str]) -> dict[str, bool]:
        """Give the versions before *outlines* that are not in the modulestore, and whether the dump has them."""
        found: dict[str, bool] = {}
        level = {item.original_version for item in outlines} | {item.previous_version for item in outlines}
        for _ in range(max(self.retain, 1)):
            level -= {"", "None", *known, *found}
            wanted = {"_id": {"$in": [{"$oid": one} for one in sorted(level)]}}
            links = dict(self._links(mongo.find(STRUCTURES, wanted, fields={"previous_version": 1})))
            gone = missing_from(sorted(level), links)
            if gone:
                dumped = dict(self._links(mongo.dumped(self.structures, gone)))
                found |= {one: one in dumped for one in gone}
                links |= dumped
            level = {*links.values()}
        return found

    def _outlines(self, mongo: MongoReader, versions: Collection[str], missing: Collection[str]) -> Iterator[Outline]:
        there = [{"$oid": version} for version in versions if version not in missing]
        yield from map(outline, mongo.find(STRUCTURES, {"_id": {"$in": there}}))
        if missing:
            yield from map(outline, mongo.dumped(self.structures, missing))

    @staticmethod
    def _links(documents: Iterator[dict[str, Plain]]) -> Iterator[tuple[str, str]]:
        return ((str(one["_id"]), str(one.get("previous_version") or "")) for one in documents)

    def _absent(
        self, mongo: MongoReader, missing: Collection[str], outlines: Collection[Outline], gone: Collection[str]
    ) -> Iterator[str]:
        found = {item.version for item in outlines}
        yield from (f"structure {version} is not in {self.structures}" for version in missing if version not in found)
        for item in outlines:
            lost = [*map(str, item.missing), *(f"the definition of {key}" for key in item.without_definition)]
            yield from (f"structure {item.version} lacks {name}" for name in lost)
        if gone and self.definitions is None:
            yield f"{len(gone)} definitions are gone, and no dump of them is named"
        elif gone and self.definitions is not None:
            dump = {str(document["_id"]) for document in mongo.dumped(self.definitions, gone)}
            yield from (f"definition {value} is not in {self.definitions}" for value in missing_from(gone, dump))

    def desired(self, before: StructuresState) -> StructuresState:
        """Want all of it. Raises RefusedError where the dump does not have it."""
        if before.absent:
            more = f" and {len(before.absent) - 10} more" if len(before.absent) > 10 else ""
            raise RefusedError(
                f"{self.version} cannot be brought back whole: {'; '.join(before.absent[:10])}{more}",
                advice="take a dump that is older than the pruning, of structures and definitions, of one moment",
            )
        return replace(before, missing_definitions=(), missing_structures=(), missing_ancestors=())

    def ops(self, old: StructuresState, new: StructuresState) -> tuple[Op, ...]:
        """Insert definitions first, so that no structure is ever there without them."""
        wanted = (
            (DEFINITIONS, self.definitions, old.missing_definitions, new.missing_definitions),
            (STRUCTURES, self.structures, _structures(old), _structures(new)),
        )
        return tuple(
            MongoLoad(self.modulestore.name, collection, path, missing_from(was, to))
            for collection, path, was, to in wanted
            if path is not None and missing_from(was, to)
        )

    def undo(self, change: Change[StructuresState]) -> Undo[StructuresState]:  # noqa: ARG002  # always the same
        """Leave them: they are in nobody's way."""
        return Leave("structures never change and are in nobody's way; pruning takes those that are not in use")

    def verdict(self, change: Change[StructuresState]) -> Verdict:
        """Sort it: brought back, or there already."""
        return "create" if change.ops else "noop"

    def details(self, change: Change[StructuresState]) -> tuple[str, ...]:
        """Count what comes from the dump."""
        was = change.before
        counts = f"{len(was.missing_structures)} structures, {len(was.missing_definitions)} definitions"
        told = f"from the dump: {counts}, {len(was.missing_ancestors)} versions before them"
        return (told, *_lost(was.lost_ancestors, self.retain))


def _structures(state: StructuresState) -> tuple[str, ...]:
    return (*state.missing_ancestors, *state.missing_structures)


def _lost(versions: Collection[str], retain: int) -> Iterator[str]:
    if versions:
        yield (
            f"in no dump are {', '.join(versions)}, which came before: make_plan of pruning will stop with 'Missing "
            f"structures detected' until each branch was saved {retain} times more; --ignore-missing lets it go on"
        )
