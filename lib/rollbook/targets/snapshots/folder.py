"""The folder of a snapshot: made beside its place, complete when it has its name; and read back."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from ...beside import make_folder, sync_folder, write_beside
from ...errors import ConflictError, Interrupted, RefusedError, SchemaError, TargetError
from ...ops import Execution, OpResult, WrittenFile
from ...postgres.manifest import FILE, LIMIT, FileEntry
from ...schema import build, encode
from ...snapshots.contents import Contents, SavedTable
from ...snapshots.manifest import ReadSnapshot, SavedRows, Sealed, SnapshotManifest, read_snapshot
from ...snapshots.sealing import sealed_with
from ...snapshots.taking import TakeSnapshot
from .rowfile import RowSum, batched, lines, packed, unpacked
from .sealing import NotOpened

Rows = Iterable[bytes]


class SnapshotFolder:
    """A snapshot's folder while it is made."""

    def __init__(self, op: TakeSnapshot, execution: Execution) -> None:
        self._op, self._execution = op, execution
        self._path = Path(op.partial)
        sealed = sealed_with(op.encrypt_to)
        self.sealed = sealed
        self.ending = f".gz.{sealed}" if sealed else ".gz"
        self.rows = 0

    def __enter__(self) -> Self:
        """Make it anew, without what an earlier attempt left. Raises `TargetError`."""
        try:
            make_folder(Path(self._op.folder))
            if self._path.exists():
                shutil.rmtree(self._path)
            make_folder(self._path / "rows")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave nothing where it failed, as for want of room; what was killed or stopped is left to resume."""
        if kind is not None and issubclass(kind, TargetError | ConflictError):
            shutil.rmtree(self._path, ignore_errors=True)

    def add(self, table: SavedTable, rows: Rows) -> tuple[int, str]:
        """Write the rows of a table to its file; gives how many there were and their sum. Raises `Interrupted`."""
        before = self.rows
        found = RowSum()
        try:
            with packed(self._path / f"{table.file}{self.ending}", self._op.encrypt_to) as packer:
                for found in packer.rows(rows):
                    self.rows = before + found.rows
                    self._execution.progress(self.rows, None, "rows")
                    if self._execution.stopping():
                        raise Interrupted(f"stopped while {table.name} was saved; a resume takes the snapshot again")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return found.rows, found.sum

    def finish(self, contents: Contents, manifest: SnapshotManifest) -> OpResult:
        """Write how its tables are made, then the manifest, and give it its name."""
        place = Path(self._op.path)
        try:
            with packed(self._path / manifest.contents, self._op.encrypt_to) as packer:
                packer.write(json.dumps(encode(contents), ensure_ascii=False).encode())
            text = _with_files(manifest, self._path).text().encode()
            write_beside(self._path / FILE, (text,))
            sync_folder(self._path / "rows")
            if place.exists():
                raise TargetError(f"{place} is there already", advice="Move it away, or give another folder.")
            self._path.rename(place)
            sync_folder(place.parent)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        written = WrittenFile(f"{place}/{FILE}", len(text), hashlib.sha256(text).hexdigest())
        return OpResult({"path": str(place), "sha256": written.sha256, "rows": contents.rows}, (written,))


def told_rows(contents: Contents) -> tuple[SavedRows, ...]:
    """Give what the manifest tells of the tables."""
    return tuple(
        SavedRows(one.name, one.rows, one.file, () if one.whole else one.columns, () if one.whole else one.doomed)
        for one in contents.tables
        if one.file
    )


def _with_files(manifest: SnapshotManifest, folder: Path) -> SnapshotManifest:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return replace(manifest, files=tuple(_entry(folder, path) for path in files))


def _entry(folder: Path, path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(str(path.relative_to(folder)), path.stat().st_size, digest)


def _unwritable(path: Path, error: OSError) -> TargetError:
    return TargetError(
        f"{path} cannot be written: {error.strerror or error}", advice="Look at the folder and the space left."
    )


def read_manifest_of(path: str) -> tuple[SnapshotManifest, str]:
    """Read the manifest of a folder, and its SHA-256. Raises `RefusedError`."""
    folder = Path(path)
    try:
        content = (folder / FILE).read_bytes()[: LIMIT + 1]
    except FileNotFoundError as error:
        half = " It never became complete." if folder.name.startswith(".") else ""
        what = "has no manifest.json: it is no snapshot, or not all of one" if folder.is_dir() else "is not there"
        raise RefusedError(f"{path} {what}.{half}", advice="Give the folder that sql.snapshot made.") from error
    except OSError as error:
        raise RefusedError(f"{path}/{FILE} cannot be read: {error.strerror}.") from error
    try:
        return read_snapshot(content.decode()), hashlib.sha256(content).hexdigest()
    except (SchemaError, ValueError) as error:
        raise RefusedError(
            f"{path}/{FILE} cannot be read: {error}", advice="Take another copy of the snapshot, or a newer Rollbook."
        ) from error


def read_back(path: str, identity: str, *, rows: bool) -> ReadSnapshot:
    """
    Compare every file with the manifest and, with *rows*, every row with its table's sum.

    *identity* opens what is sealed; without one, and where gpg finds none by itself, only the files are compared.
    """
    manifest, digest = read_manifest_of(path)
    folder = Path(path)
    problems = [*_unlike(folder, manifest)]
    contents = None
    if not problems and (identity or manifest.sealed in ("", "gpg")):
        contents = _opened(folder, manifest, identity)
        problems += _miscounted(folder, manifest, contents, identity) if rows and contents else ()
    return ReadSnapshot(manifest, digest, contents, tuple(problems))


def _opened(folder: Path, manifest: SnapshotManifest, identity: str) -> Contents | None:
    """Read how the tables are made; None where no key is given, and gpg finds none that opens its whole files."""
    try:
        return read_contents(folder, manifest, identity)
    except NotOpened:
        if identity:
            raise
        return None


def read_contents(folder: Path, manifest: SnapshotManifest, identity: str) -> Contents:
    """Read how the tables are made. Raises `TargetError` or `RefusedError`."""
    with unpacked(folder / manifest.contents, manifest.sealed, identity) as pieces:
        content = b"".join(pieces)
    try:
        return build(Contents, json.loads(content))
    except (SchemaError, ValueError) as error:
        raise RefusedError(f"{folder / manifest.contents} cannot be read: {error}") from error


def saved_rows(path: str, one: SavedTable, sealed: Sealed, identity: str) -> Iterator[bytes]:
    """Give the rows of a table."""
    with unpacked(Path(path) / one.file, sealed, identity) as pieces:
        yield from lines(pieces)


def _unlike(folder: Path, manifest: SnapshotManifest) -> Iterator[str]:
    for entry in manifest.files:
        path = folder / entry.path
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{entry.path} would lie outside of it"
        elif not path.is_file():
            yield f"{entry.path} is missing"
        elif path.stat().st_size != entry.size:
            yield f"{entry.path} has {path.stat().st_size} bytes, and {entry.size} were written"
        elif _entry(folder, path) != entry:
            yield f"{entry.path} is not as it was written: its SHA-256 differs"
    named = {entry.path for entry in manifest.files}
    for wanted in (manifest.contents, *(one.file for one in manifest.tables)):
        if wanted not in named:
            yield f"{wanted} is not among the files of its manifest"


def _miscounted(folder: Path, manifest: SnapshotManifest, contents: Contents, identity: str) -> Iterator[str]:
    told: Mapping[str, int] = {one.file: one.rows for one in manifest.tables}
    for one in contents.tables:
        if not one.file:
            continue
        found = summed(saved_rows(str(folder), one, manifest.sealed, identity))
        if (found.rows, found.sum) != (one.rows, one.sum) or told.get(one.file) != one.rows:
            yield f"{one.file} has {found.rows} rows of {one.name}, with another sum than was written; {one.rows} were"


def summed(rows: Rows, each: Callable[[int], None] = lambda _: None) -> RowSum:
    """Add rows up; *each* is told now and then how many there were."""
    found = RowSum()
    for some in batched(rows):
        found.add(some)
        each(found.rows)
    return found
