"""Puts documents of a dump file back under their own ids: BSON as mongodump writes it, or lines of Extended JSON."""

import gzip
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from ..errors import Interrupted, TargetError
from ..ops import Execution, MongoLoad, OpResult
from ..values import Plain
from .mongo_errors import explain

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

_LARGEST: Final = 17 * 1024 * 1024
_BATCH: Final = 50
_DUPLICATE: Final = 11000


def documents(path: Path) -> Iterator[Mapping[str, Plain]]:
    """
    Stream the documents of a dump file, gzipped or not, as they are.

    Raises `TargetError` when the file is missing, cut off, or something else.
    """
    from bson.errors import BSONError

    try:
        with _opened(path) as file:
            head = file.read(4)
            file.seek(0)
            yield from _bson(file) if int.from_bytes(head, "little") <= _LARGEST else _lines(file)
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error}", advice="Look at the path; is the file complete?") from error
    except (BSONError, ValueError, EOFError) as error:
        raise TargetError(
            f"{path} is cut off or no dump: {error}",
            advice="Take a complete file: mongodump's .bson, or one document of Extended JSON a line.",
        ) from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def _bson(file: IO[bytes]) -> Iterator[Mapping[str, Plain]]:
    from bson import decode_file_iter
    from bson.codec_options import CodecOptions, DatetimeConversion
    from bson.raw_bson import RawBSONDocument

    options = CodecOptions(RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    yield from decode_file_iter(file, options)


def _lines(file: IO[bytes]) -> Iterator[Mapping[str, Plain]]:
    from bson import json_util
    from bson.codec_options import DatetimeConversion

    options = json_util.JSONOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    for line in file:
        if line.strip():
            document = json_util.loads(line.decode(), json_options=options)
            if not isinstance(document, dict):
                raise ValueError("a line is no document")
            yield document


def load(name: str, database: "Database[dict[str, Plain]]", op: MongoLoad, execution: Execution) -> OpResult:
    """Insert the documents of the op's ids; looks first whether the file has all of them."""
    from pymongo.errors import PyMongoError

    path, wanted = Path(op.path), frozenset(op.ids)
    missing = wanted - {str(document.get("_id")) for document in documents(path)}
    if missing:
        shown = ", ".join(sorted(missing)[:5])
        raise TargetError(
            f"{path} lacks {len(missing)} of {len(wanted)} documents ({shown}); nothing was written",
            advice="Take an older or a complete dump of the same collection.",
        )
    collection = database.get_collection(op.collection)
    chosen = (document for document in documents(path) if str(document.get("_id")) in wanted)
    inserted = done = 0
    while batch := list(islice(chosen, _BATCH)):
        if execution.stopping():
            raise Interrupted(
                f"loading {path} was stopped after {done} of {len(wanted)} documents; it may be done again"
            )
        try:
            inserted += _insert(collection, batch)
        except PyMongoError as error:
            raise explain(name, f"loading {path}", error, writing=True) from error
        done += len(batch)
        execution.progress(done, len(wanted), "items")
    return OpResult(outputs={"inserted": inserted, "already": done - inserted})


def _insert(collection: "Collection[dict[str, Plain]]", batch: list[Mapping[str, Plain]]) -> int:
    """Insert a batch; documents that are there already are left alone. Give how many were inserted."""
    from pymongo.errors import BulkWriteError

    try:
        # Raw documents go to the server byte for byte; the stubs only know dicts.
        collection.insert_many(cast("list[dict[str, Plain]]", batch), ordered=False)
    except BulkWriteError as error:
        failed = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(one["code"] != _DUPLICATE for one in failed):
            raise
        return int(error.details["nInserted"])
    return len(batch)
