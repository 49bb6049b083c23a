"""What the kinds of this folder read from the ledger and the modulestore."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from ...action import Ref, Subject
from ...dataclass import dataclass
from ...errors import RefusedError
from ...openedx import ledger as statements
from ...openedx.completeness import Sketch
from ...openedx.instants import to_utc
from ...openedx.keys import BRANCHES, CourseKey
from ...openedx.ledger import HISTORY, TABLE, HistoryRow, LedgerRow, Query
from ...openedx.pointers import Pointers, is_version, version_id
from ...openedx.structure import Document, Outline, StructureError, outline
from ...openedx.unentered import Entries
from ...openedx.versions import Link, Pair, chain_pairs, history_pairs, reaches_creation
from ...targets.base import MongoReader, SqlReader
from ...values import Plain

ACTIVE_VERSIONS: Final = "modulestore.active_versions"
STRUCTURES: Final = "modulestore.structures"
DEFINITIONS: Final = "modulestore.definitions"
CHAIN_LENGTH: Final = 50  # versions looked up below the oldest history row
_AT_ONCE: Final = 2000  # ids in one query
_LINKED: Final[Mapping[str, Plain]] = {"previous_version": 1, "original_version": 1, "edited_on": 1}

Trust = Literal["", "ledger", "modulestore"]


@dataclass(frozen=True, slots=True)
class Dump:
    """Dump files on this machine, of structures and, where they were taken too, of definitions."""

    structures: str
    definitions: str | None = None


@dataclass(frozen=True, slots=True)
class ActiveVersions:
    """A course's document of modulestore.active_versions."""

    pointers: Pointers
    last_update: datetime | None


@dataclass(frozen=True, slots=True)
class Course:
    """A course as both stores have it now."""

    key: CourseKey
    row: LedgerRow
    active: ActiveVersions

    @property
    def agree(self) -> bool:
        """Tell whether both stores point at the same versions."""
        return self.row.pointers == self.active.pointers

    def present(self, trust: Trust) -> Pointers:
        """Give the pointers that count: those of the store that is trusted; the platform reads the ledger."""
        return self.active.pointers if trust == "modulestore" else self.row.pointers


def read_course(sql: SqlReader, mongo: MongoReader, course_id: str) -> Course:
    """
    Read a course from both stores.

    Raises RefusedError, with what to do instead, for a key without versions, a database that is no ledger, and a
    course that either store does not have.
    """
    key = CourseKey.parse(course_id)
    row = _read_row(sql, key)
    return Course(key, row, _read_active(mongo, key, row))


def disagreement(course_id: str, ledger: Pointers, modulestore: Pointers, trust: Trust) -> RefusedError | None:
    """Give the refusal of stores that disagree where nobody said which is true; both read an id in any case."""
    if str(ledger).lower() == str(modulestore).lower() or trust:
        return None
    return RefusedError(
        f"{course_id}: ledger and modulestore do not agree. The ledger says {ledger or 'nothing'}; "
        f"active_versions says {modulestore or 'nothing'}",
        advice="say which is true: after a revert in the Django admin the ledger, for learners see what it says "
        "(trust=ledger); if the ledger was damaged, the other (trust=modulestore)",
    )


def read_query(sql: SqlReader, query: Query) -> Iterator[dict[str, Plain]]:
    """Run one of the ledger's reading statements."""
    return sql.rows(query.text, dict(query.params))


def read_history(sql: SqlReader, key: CourseKey) -> tuple[HistoryRow, ...]:
    """Read what the ledger remembers, the newest first."""
    return tuple(HistoryRow.from_row(row) for row in read_query(sql, statements.read_history(str(key))))


def read_pairs(sql: SqlReader, mongo: MongoReader, course: Course, structures: str | None = None) -> tuple[Pair, ...]:
    """
    Give every pair that is known, the newest first: from the history, and below it from the chains of versions.

    The chains go on through *structures*, a dump, where pruning took versions or went past them.
    """
    history = read_history(sql, course.key)
    pairs = history_pairs(course.row, history)
    if reaches_creation(history) or not pairs:
        return pairs
    links = {link.version: link for link in read_chains(mongo, pairs[-1].pointers.versions, CHAIN_LENGTH)}
    if structures:
        links |= _dumped_links(mongo, structures, links)
    return (*pairs, *chain_pairs(pairs[-1], links, limit=CHAIN_LENGTH))


def read_unentered(mongo: MongoReader, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """
    Put in between consecutive *pairs* those that are in no entry of the history.

    Reads, of each version, what it came from; no blocks.
    """
    versions = tuple(dict.fromkeys(version for pair in pairs for version in pair.pointers.versions))
    links = {link.version: link for link in _read_links(mongo, versions)}
    for version in sorted(Entries(pairs, links).unexplained()):
        for link in islice(_chain(mongo, version), CHAIN_LENGTH):
            if link.version in links:
                break
            links[link.version] = link
    return Entries(pairs, links).completed(limit=CHAIN_LENGTH)


def were_in_force(mongo: MongoReader, pairs: Sequence[Pair], wanted: Pointers) -> tuple[Pair, ...]:
    """Give the pairs, with those that are in no entry only where *wanted* is none of the others."""
    return tuple(pairs) if any(pair.pointers == wanted for pair in pairs) else read_unentered(mongo, pairs)


def _read_links(mongo: MongoReader, versions: Sequence[str]) -> Iterator[Link]:
    for chunk in _chunks([version for version in versions if is_version(version)]):
        asked = {"_id": {"$in": [{"$oid": version} for version in chunk]}}
        yield from filter(None, map(_link, mongo.find(STRUCTURES, asked, fields=_LINKED)))


def _dumped_links(mongo: MongoReader, structures: str, links: Mapping[str, Link]) -> dict[str, Link]:
    """Read the links of the same branches that a dump has and the database has not, or has as pruning left them."""
    originals = {link.original_version for link in links.values()}
    found = (_link(document) for document in mongo.dumped(structures, originals, by="original_version"))
    return {
        link.version: link
        for link in found
        if link and (link.version not in links or (links[link.version].skips and not link.skips))
    }


def read_chains(mongo: MongoReader, versions: Iterable[str], length: int) -> Iterator[Link]:
    """Yield each of *versions* and up to *length* of its previous versions, as far as they are still there."""
    for version in versions:
        yield from islice(_chain(mongo, version), length + 1)


def read_heads(mongo: MongoReader, key: CourseKey, versions: Sequence[str]) -> Iterator[Pointers]:
    """
    Yield where active_versions points for every run of the same course, and for whatever points at one of *versions*.

    Re-runs go on from the structures of their source, so that pruning keeps the source's versions for them too.
    """
    ids = [{"$oid": version} for version in versions if is_version(version)]
    pointing = [{f"versions.{branch.name}": {"$in": ids}} for branch in BRANCHES]
    wanted = {"$or": [{"org": key.org, "course": key.course}, *pointing]}
    for document in mongo.find(ACTIVE_VERSIONS, wanted, fields={"versions": 1}):
        yield Pointers.of_versions(document.get("versions") or {})


def read_outline(mongo: MongoReader, version: str) -> Outline | None:
    """Read one version whole; None when it is gone. Raises StructureError when it cannot be read."""
    if not is_version(version.lower()):
        return None
    document = _one(mongo, STRUCTURES, version)
    return outline(document) if document is not None else None


def read_sketches(mongo: MongoReader, versions: Iterable[str]) -> dict[str, Sketch]:
    """Sketch *versions*, one document in memory at a time; a definition that many share is looked up once."""
    definitions = _Definitions(mongo)
    return {version: _sketch(mongo, version, definitions) for version in dict.fromkeys(versions)}


def read_dumped(mongo: MongoReader, sketches: Mapping[str, Sketch], dump: Dump) -> dict[str, Sketch]:
    """Sketch those of *sketches* that are gone as *dump* has them; each of its files is read once."""
    definitions = _Definitions(mongo)
    gone = [version for version, sketch in sketches.items() if not sketch.exists and is_version(version)]
    found = dict(sketches)
    for document in mongo.dumped(dump.structures, gone) if gone else ():
        version = str(document["_id"])
        found[version] = replace(_sketch_of(version, document, definitions), dumped=True)
    lost = {value for sketch in found.values() for value in sketch.lost if is_version(value)}
    if not lost or not dump.definitions:
        return found
    back = {str(document["_id"]) for document in mongo.dumped(dump.definitions, lost)}
    return {version: sketch.with_definitions(back) for version, sketch in found.items()}


def read_shared(sql: SqlReader, key: CourseKey, versions: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give, for each of *versions*, the other runs whose ledger rows point at it now."""
    found: dict[str, list[str]] = {}
    for chunk in _chunks(versions):
        for row in read_query(sql, statements.read_shared(str(key), chunk)):
            for version in {str(row[column]) for column in ("draft_version", "published_version", "library_version")}:
                if version in chunk:
                    found.setdefault(version, []).append(str(row["course_id"]))
    return {version: tuple(runs) for version, runs in found.items()}


def read_ids(mongo: MongoReader, collection: str, ids: Sequence[str]) -> set[str]:
    """Give those of *ids* that are there, reading nothing but ids."""
    found: set[str] = set()
    for chunk in _chunks(ids):
        asked = {"_id": {"$in": [{"$oid": value} for value in chunk]}}
        found |= {str(document["_id"]) for document in mongo.find(collection, asked, fields={"_id": 1})}
    return found


def structure_subject(modulestore: Ref[MongoReader], version: str) -> Subject:
    """Name the structures of a version, for the kinds that read them and the one that brings them back."""
    return Subject(modulestore.name, "openedx.structures", version)


def _read_row(sql: SqlReader, key: CourseKey) -> LedgerRow:
    absent = {TABLE, HISTORY} - sql.tables()
    if absent:
        raise RefusedError(
            f"{sql.name} has no table {' and no '.join(sorted(absent))}: it is not the platform's database, or of a "
            "release before the ledger (2021)",
            advice="point the target at the LMS/Studio database; older releases keep pointers in MongoDB only",
        )
    if not any(read_query(sql, statements.read_migration())):
        raise RefusedError(
            f"the ledger in {sql.name} was never filled: migration {statements.APP}.{statements.DATA_MIGRATION} is not "
            "applied, so the platform still reads active_versions",
            advice="migrate the platform first, or restore the pointers in MongoDB by hand",
        )
    rows = [LedgerRow.from_row(row) for row in read_query(sql, statements.read_row(str(key)))]
    if rows:
        return rows[0]
    history = read_history(sql, key)
    if history and history[0].type == "-":
        raise RefusedError(
            f"{key} was deleted on {history[0].date:%Y-%m-%d %H:%M} UTC: it has no ledger row any more",
            advice="take its row of the ledger and its document of active_versions from backups of one moment, insert "
            "both, then plan again; or import the course anew from its last export",
        )
    raise RefusedError(
        f"the ledger in {sql.name} has no course {key}", advice="check org, course and run, in their case"
    )


def _read_active(mongo: MongoReader, key: CourseKey, row: LedgerRow) -> ActiveVersions:
    document = _one(mongo, ACTIVE_VERSIONS, version_id(row.objectid))
    if document is None:
        same = list(mongo.find(ACTIVE_VERSIONS, {"org": key.org, "course": key.course, "run": key.run}, limit=1))
        other = f"; the one of its key has the _id {same[0]['_id']}" if same else ""
        raise RefusedError(
            f"{ACTIVE_VERSIONS} in {mongo.name} has no document {row.objectid} for {key}{other}",
            advice="check that ledger and modulestore targets belong to one site; else insert the document again first",
        )
    versions, updated = document.get("versions"), document.get("last_update")
    versions = versions if isinstance(versions, dict) else {}
    texts = [f"{name}: {value!r}" for name, value in versions.items() if value and isinstance(value, str)]
    if texts:
        raise RefusedError(
            f"{ACTIVE_VERSIONS} has versions of {key} as text, not as ObjectIds ({', '.join(texts)}): no structure is "
            "found by them, and no write would meet them",
            advice="have an editor of the database set them to ObjectId(…) of the same digits, then plan again",
        )
    return ActiveVersions(
        pointers=Pointers.of_versions(versions),
        last_update=to_utc(updated) if isinstance(updated, datetime) else None,
    )


def _one(mongo: MongoReader, collection: str, version: str) -> Document | None:
    return next(iter(mongo.find(collection, {"_id": {"$oid": version}}, limit=1)), None)


def _chain(mongo: MongoReader, version: str) -> Iterator[Link]:
    """Walk back by previous_version, reading no blocks; ends in a circle too, which only damage can make."""
    seen: set[str] = set()
    while is_version(version) and version not in seen:
        seen.add(version)
        document = next(iter(mongo.find(STRUCTURES, {"_id": {"$oid": version}}, fields=_LINKED, limit=1)), None)
        link = _link(document or {})
        if link is None:
            return
        yield link
        version = link.previous_version


def _link(document: Document) -> Link | None:
    edited = document.get("edited_on")
    if not isinstance(edited, datetime):
        return None
    previous, original = (str(document.get(name) or "") for name in ("previous_version", "original_version"))
    return Link(str(document["_id"]), previous, original, to_utc(edited))


class _Definitions:
    """Tells which definitions are missing, and asks the database about each only once."""

    def __init__(self, mongo: MongoReader) -> None:
        self._mongo = mongo
        self._there: set[str] = set()
        self._gone: set[str] = set()

    def missing(self, ids: Iterable[object]) -> set[str]:
        wanted = {str(value) for value in ids}
        unknown = [value for value in wanted - self._there - self._gone if is_version(value)]
        found = read_ids(self._mongo, DEFINITIONS, unknown)
        self._there |= found
        self._gone |= set(unknown) - found
        return wanted - self._there


def _sketch(mongo: MongoReader, version: str, definitions: _Definitions) -> Sketch:
    document = _one(mongo, STRUCTURES, version) if is_version(version.lower()) else None
    return Sketch.gone(version) if document is None else _sketch_of(version, document, definitions)


def _sketch_of(version: str, document: Document, definitions: _Definitions) -> Sketch:
    try:
        found = outline(document)
    except StructureError as error:
        return Sketch.damaged(version, error)
    return Sketch.of(found, lost=definitions.missing(found.definitions))


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield list(values[start : start + _AT_ONCE])
