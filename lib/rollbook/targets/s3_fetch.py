"""A dump that others put into a store, fetched: without a manifest, what the store says of it counts."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..beside import make_folder
from ..errors import TargetError
from ..ops import Execution, OpResult, WrittenFile
from ..postgres.keeping import DumpDownload
from ..postgres.shelf import CONTENTS, StoredFile, parts_of
from .s3_files import entry_of, give_up, settle, sweep, teller

if TYPE_CHECKING:
    from .s3 import S3Target


def fetch(target: "S3Target", op: DumpDownload, execution: Execution) -> OpResult:
    """Fetch its files, of which those that arrived whole before are not fetched again."""
    place = Path(op.folder) / op.name
    partial = place.parent / f".{place.name}.partial"
    parts = parts_of(target.reader().objects(op.name), op.name)
    if sum(part.size for part in parts) != op.bytes:
        raise TargetError(f"{target.url(op.name)} is not what it was when this was planned", advice="Plan again.")
    tell = teller(op.bytes, execution)
    single = parts[0].key == op.name
    places = {part: partial / (place.name if single else part.key[len(op.name) + 1 :]) for part in parts}
    make_folder(partial)
    for part, path in places.items():
        if not path.resolve().is_relative_to(partial.resolve()):
            give_up(
                partial, f"{target.url(part.key)} would lie outside of {place}", "No pg_dump made it: do not use it."
            )
        _fetch_one(target, part, path, partial, tell)
    sweep(partial, (str(path.relative_to(partial)) for path in places.values()))
    settle(partial / place.name if single else partial, place)
    if single:
        partial.rmdir()
    entry = entry_of(place.parent, place.name) if single else entry_of(place, CONTENTS)
    return OpResult(files=(WrittenFile(str(place if single else place / CONTENTS), entry.size, entry.sha256),))


def _fetch_one(target: "S3Target", part: StoredFile, path: Path, partial: Path, tell: Callable[[int], None]) -> None:
    written = part.modified.timestamp()
    if path.is_file() and (path.stat().st_size, int(path.stat().st_mtime)) == (part.size, int(written)):
        tell(part.size)
        return
    make_folder(path.parent)
    with target.explained(f"downloading {part.key}"):
        target.client.download_file(target.settings.bucket, target.full(part.key), str(path), Callback=tell)
    if path.stat().st_size != part.size:
        give_up(
            partial,
            f"{target.url(part.key)} was written to meanwhile: {part.size} bytes before, {path.stat().st_size} now",
            "Wait until it is whole, then plan again.",
        )
    # When a dump without a manifest is from is told by its file's time.
    os.utime(path, (written, written))
