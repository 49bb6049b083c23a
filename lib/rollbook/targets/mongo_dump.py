"""Dump files of MongoDB: BSON as mongodump writes it, or one document of Extended JSON a line."""

import gzip
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Final, cast

from ..errors import TargetError
from ..values import Plain

_LARGEST: Final = 17 * 1024 * 1024
_ID: Final = b"\x07_id\0"  # an ObjectId of that name follows; MongoDB keeps it before all else
_HEAD: Final = 21  # bytes up to the end of it
_LINE_ID: Final = re.compile(rb'\s*\{\s*"_id"\s*:\s*\{\s*"\$oid"\s*:\s*"([0-9a-f]{24})"\s*\}')


def documents(path: Path, ids: Collection[str], by: str = "_id") -> Iterator[Mapping[str, Plain]]:
    """
    Stream those documents of a dump file, gzipped or not, whose field *by* is one of *ids*, as they are.

    By their own ids the others are passed over by their first bytes, for a dump of a large site holds hundreds of
    gigabytes; by another field all of it is read. Raises `TargetError` when the file is missing, cut off, or
    something else.
    """
    from bson.errors import BSONError

    wanted = frozenset(ids)
    try:
        with _opened(path) as file:
            head = file.read(4)
            file.seek(0)
            is_bson = int.from_bytes(head, "little") <= _LARGEST  # its first document's length; no text begins so
            if not is_bson and head.lstrip()[:1] == b"[":
                raise TargetError(
                    f"{path} is one array of documents, as mongoexport --jsonArray writes it.",
                    advice="Export it without --jsonArray, one document a line; or take mongodump's .bson.",
                )
            passed = wanted if by == "_id" else None
            found = _bson(file, passed) if is_bson else _lines(file, passed)
            yield from (document for document in found if str(document.get(by)) in wanted)
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error}", advice="Look at the path; is the file complete?") from error
    except (BSONError, ValueError, EOFError) as error:
        raise TargetError(
            f"{path} is cut off or no dump: {error}",
            advice="Take a complete file: mongodump's .bson, which can hold anything, or Extended JSON, one document a "
            "line.",
        ) from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def _bson(file: IO[bytes], wanted: Collection[str] | None) -> Iterator[Mapping[str, Plain]]:
    """Yield the documents but those whose first element is the id of one that is not *wanted*."""
    from bson.codec_options import CodecOptions, DatetimeConversion
    from bson.raw_bson import RawBSONDocument

    options = CodecOptions(RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    while length := file.read(4):
        size = int.from_bytes(length, "little")
        if not 5 <= size <= _LARGEST:
            raise ValueError(f"a document cannot have {size} bytes")
        head = length + file.read(min(size, _HEAD) - 4)
        if wanted is not None and size > _HEAD and head[4:9] == _ID and head[9:].hex() not in wanted:
            file.seek(size - _HEAD - 1, 1)
            if file.read(1) != b"\0":
                raise ValueError("its last document is not whole")
            continue
        yield RawBSONDocument(head + file.read(size - len(head)), options)


def _lines(file: IO[bytes], wanted: Collection[str] | None) -> Iterator[Mapping[str, Plain]]:
    for number, line in enumerate(file, start=1):
        if line.strip() and not (wanted is not None and _is_other(line, wanted)):
            document = _read_line(line, number)
            if not isinstance(document, dict):
                raise ValueError(f"line {number} is no document")
            yield document


def _read_line(line: bytes, number: int) -> object:
    """Read one line of Extended JSON; raise ValueError naming it, without a word of what it holds."""
    import json

    from bson import json_util
    from bson.codec_options import DatetimeConversion
    from bson.errors import BSONError

    options = json_util.JSONOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    try:
        found: object = json_util.loads(line.decode(), json_options=options)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number}: {error}") from error
    except (BSONError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        # Their texts tell the value, which is a course's content.
        raise ValueError(
            f"line {number} holds what cannot be read as Extended JSON ({type(error).__name__}), such as a key of a "
            "document's own that begins with $"
        ) from error
    return found


def _is_other(line: bytes, wanted: Collection[str]) -> bool:
    """Tell a whole line that begins with the id of a document that is not wanted."""
    found = _LINE_ID.match(line)
    return found is not None and found[1].decode() not in wanted and line.rstrip().endswith(b"}")


def found_documents(path: Path, ids: Collection[str], by: str = "_id") -> Iterator[bytes]:
    """Stream the documents whose field *by* is one of *ids*, as BSON."""
    from bson import encode

    for document in documents(path, ids, by):
        raw = getattr(document, "raw", None)
        yield raw if isinstance(raw, bytes) else encode(document)


def decoded(document: bytes) -> dict[str, Plain]:
    """Read BSON as the database's own documents are read, so that both can be compared."""
    from bson import decode
    from bson.codec_options import CodecOptions, DatetimeConversion

    options: CodecOptions[dict[str, Plain]] = CodecOptions(
        dict, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
    )
    return decode(document, options)
