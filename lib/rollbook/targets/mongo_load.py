"""Puts documents of a dump file back under their own ids."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ..errors import Interrupted, TargetError
from ..ops import Execution, MongoLoad, OpResult
from ..values import Plain
from .mongo_dump import documents
from .mongo_errors import explain

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

_BATCH: Final = 50
_DUPLICATE: Final = 11000


def load(name: str, database: "Database[dict[str, Plain]]", op: MongoLoad, execution: Execution) -> OpResult:
    """Insert the documents of the op's ids; looks first whether the file has all of them."""
    from pymongo.errors import PyMongoError

    path, wanted = Path(op.path), frozenset(op.ids)
    missing = wanted - {str(document.get("_id")) for document in documents(path, wanted)}
    if missing:
        shown = ", ".join(sorted(missing)[:5])
        raise TargetError(
            f"{path} lacks {len(missing)} of {len(wanted)} documents ({shown}); nothing was written",
            advice="Take an older or a complete dump of the same collection.",
        )
    collection = database.get_collection(op.collection)
    chosen = documents(path, wanted)
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
