"""`openedx.export`: a version of a course as a page that its team can read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...beside import written_beside
from ...dataclass import dataclass
from ...errors import TargetError
from ...openedx.export import content_text, html_chunks, json_chunks, lines
from ...openedx.extended_json import read_lines
from ...openedx.pointers import Pointers, is_version
from ...openedx.structure import Document, Outline, outline
from ...ops import Carriers, Execution, MongoExport, Op, OpResult, WrittenFile
from ...targets.base import HostReader, MongoReader
from ...values import Plain
from .reading import DEFINITIONS, STRUCTURES

_FORMATS: Final = {"html": html_chunks, "json": json_chunks}


@dataclass(frozen=True, slots=True)
class OutlineExport(Op):
    """Write one version as HTML and JSON to files on this machine, mode 0600, each renamed in when it is complete."""

    op: ClassVar[str] = "openedx.outline"
    target: str
    version: str
    path: str
    title: str

    def render(self) -> tuple[str, ...]:
        """Name the documents that are read and the files that are written."""
        written = ", ".join(f"{self.path}.{name}" for name in _FORMATS)
        return (f'read ObjectId("{self.version}") of "{STRUCTURES}" and its definitions, write {written}',)

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        """Export the documents to files first, for an op cannot read; then write from those, and remove them."""
        raw = [f"{self.path}.{name}.jsonl" for name in ("structure", "definitions")]
        try:
            wanted: dict[str, Plain] = {"_id": {"$oid": self.version}}
            carriers.execute(MongoExport(self.target, STRUCTURES, wanted, raw[0]), execution)
            found = self._outline(raw[0])
            ids = [{"$oid": value} for value in found.definitions if is_version(value)]
            carriers.execute(MongoExport(self.target, DEFINITIONS, {"_id": {"$in": ids}}, raw[1]), execution)
            return OpResult(files=tuple(self._write(found, _texts(raw[1]))))
        finally:
            for path in raw:
                Path(path).unlink(missing_ok=True)

    def _outline(self, path: str) -> Outline:
        document = next(_documents(path), None)
        if document is None:
            raise TargetError(
                f"structure {self.version} is gone from {self.target}, so it cannot be exported",
                advice="pruning took it since the plan was made; pause pruning and plan again",
            )
        return outline(document)

    def _write(self, found: Outline, texts: Mapping[object, str]) -> Iterator[WrittenFile]:
        facts = {
            "Version": self.version,
            "Saved": f"{found.edited_on:%Y-%m-%d %H:%M:%S} UTC" if found.edited_on else "unknown",
            "Reachable blocks": ", ".join(f"{count} {kind}" for kind, count in found.counts.items()),
        }
        for name, chunks in _FORMATS.items():
            yield _write_file(f"{self.path}.{name}", chunks(self.title, facts, lines(found, texts)))


@dataclass(frozen=True, slots=True)
class ExportState:
    """Which of the branches are still to be written; *files* are those there with SHA-256."""

    missing: tuple[str, ...]
    files: Mapping[str, str] = evidence()


@dataclass(frozen=True, slots=True)
class Export(Action[ExportState]):
    """
    Write a version of a course as one self-contained page, and as JSON, for the course team to read and agree to.

    The outline in the order of the course with the text of every block; no course content is taken for markup, and
    the page runs no script. One pair of files a branch, in a folder below `folder` that is named after the versions:
    an export of another version is neither taken for this one nor written over. Nothing is written to a store.
    """

    kind: ClassVar[str] = "openedx.export"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "version": "draft:663200000000000000000001,published:663200000000000000000002",
        "folder": "{{ run.folder }}/export",
    }
    by_hand: ClassVar[str] = """
There is no command of the platform that exports a version that is not in force. Show the course team the names of its
blocks, in the order of the children from the root, as in the step that shows the difference; the texts are in
`modulestore.definitions`, by each block's `definition`.
"""

    course_id: str
    version: str = field(metadata={"help": "draft:ID,published:ID, or library:ID"})
    folder: str = field(metadata={"help": "a folder on this machine"})
    modulestore: Ref[MongoReader] = Ref("modulestore")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def subjects(self) -> frozenset[Subject]:
        """Name the folder."""
        return frozenset({Subject(self.local.name, "folder", self.folder)})

    def probe(self, read: Readers) -> ExportState:
        """Look which files are there."""
        host = read[self.local]
        there = {
            word: {path: host.sha256(path) for path in (f"{self._path(word)}.{name}" for name in _FORMATS)}
            for word in self._versions()
        }
        return ExportState(
            missing=tuple(word for word, files in there.items() if None in files.values()),
            files={path: digest for files in there.values() for path, digest in files.items() if digest is not None},
        )

    def desired(self, before: ExportState) -> ExportState:
        """Want every branch."""
        return replace(before, missing=())

    def ops(self, old: ExportState, new: ExportState) -> tuple[Op, ...]:
        """Write the branches that are missing."""
        return tuple(
            OutlineExport(self.modulestore.name, self._versions()[word], self._path(word), f"{self.course_id}: {word}")
            for word in old.missing
            if word not in new.missing
        )

    def _versions(self) -> dict[str, str]:
        return {branch.word: version for branch, version in Pointers.parse(self.version).present}

    def _path(self, word: str) -> str:
        return f"{self._place()}/{word}"

    def _place(self) -> str:
        return f"{self.folder.rstrip('/')}/{'-'.join(self._versions().values())}"

    def undo(self, change: Change[ExportState]) -> Undo[ExportState]:  # noqa: ARG002  # whatever was written stays
        """Leave it: it is evidence."""
        return Leave("an export stays")

    def verdict(self, change: Change[ExportState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def outputs(self, after: ExportState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the files with their checksums."""
        written = {file.path: file.sha256 for result in results for file in result.files}
        return {"folder": self._place(), "files": {**after.files, **written}}


def _documents(path: str) -> Iterator[Document]:
    with Path(path).open(encoding="utf-8") as file:
        yield from read_lines(path, file)


def _texts(path: str) -> dict[object, str]:
    return {document["_id"]: content_text(document) for document in _documents(path)}


def _write_file(path: str, chunks: Iterable[str]) -> WrittenFile:
    digest, size = sha256(), 0
    with written_beside(Path(path), 0o600) as file:
        for chunk in chunks:
            encoded = chunk.encode("utf-8", "replace")
            digest.update(encoded)
            size += len(encoded)
            file.write(encoded)
    return WrittenFile(path, size, digest.hexdigest())
