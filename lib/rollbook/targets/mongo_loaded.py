"""A MongoDB database as it will be once documents of dumps are back in it, for planning what comes after."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

from ..ops import MongoLoad
from ..values import Plain
from .base import MongoReader
from .mongo_dump import decoded, found_documents

_KEPT: Final = 4  # documents: a version to go back to has two, and several steps look at them


class LoadedMongo(MongoReader):
    """Finds, beside what *mongo* has, what *loads* will have inserted, where it is asked for by its id."""

    kinds: ClassVar[tuple[str, ...]] = ("mongo",)

    def __init__(self, mongo: MongoReader, loads: Sequence[MongoLoad]) -> None:
        self._mongo = mongo
        self._loads = tuple(loads)
        self._kept: dict[str, bytes] = {}

    @property
    def name(self) -> str:
        """The target's name in the inventory."""
        return self._mongo.name

    @property
    def kind(self) -> str:
        """The target's kind in the inventory."""
        return self._mongo.kind

    def identity(self) -> Mapping[str, str]:
        """Read which system this is."""
        return self._mongo.identity()

    def find(
        self,
        collection: str,
        wanted: Mapping[str, Plain],
        *,
        fields: Mapping[str, Plain] | None = None,
        order: tuple[tuple[str, int], ...] = (),
        limit: int = 0,
    ) -> Iterator[dict[str, Plain]]:
        """Stream what is there, then what will be there too: that in the order of the dump, with all its fields."""
        now = self._mongo.find(collection, wanted, fields=fields, order=order, limit=limit)
        asked = _asked(wanted)
        found = self._all(collection, now, asked, alone=set(fields or ()) == {"_id"}) if asked else now
        yield from islice(found, limit or None)

    def _all(
        self, collection: str, now: Iterator[dict[str, Plain]], asked: Collection[str], *, alone: bool
    ) -> Iterator[dict[str, Plain]]:
        left = set(asked)
        for document in now:
            left.discard(str(document["_id"]))
            yield document
        for load in self._loads:
            if load.collection == collection and (ids := left.intersection(load.ids)):
                yield from ({"_id": one} for one in sorted(ids)) if alone else self._documents(load, ids)

    def _documents(self, load: MongoLoad, ids: Collection[str]) -> Iterator[dict[str, Plain]]:
        """Read documents; a few are kept as they are in the dump, since each look is a look through all of it."""
        if all(one in self._kept for one in ids):
            yield from (decoded(self._kept[one]) for one in ids)
            return
        for raw in found_documents(Path(load.path), ids):
            document = decoded(raw)
            if len(ids) <= _KEPT:
                self._kept[str(document["_id"])] = raw
                while len(self._kept) > _KEPT:
                    del self._kept[next(iter(self._kept))]
            yield document

    def count(self, collection: str, wanted: Mapping[str, Plain]) -> int:
        """Count what is there."""
        return self._mongo.count(collection, wanted)

    def collections(self) -> frozenset[str]:
        """Name the database's collections."""
        return self._mongo.collections()

    def dumped(self, path: str, ids: Collection[str], by: str = "_id") -> Iterator[dict[str, Plain]]:
        """Stream documents of a dump file."""
        return self._mongo.dumped(path, ids, by)

    def after(self, loads: Sequence[MongoLoad]) -> MongoReader:
        """Give a reader that finds what these *loads* will have inserted as well."""
        return LoadedMongo(self, loads)


def _asked(wanted: Mapping[str, Plain]) -> tuple[str, ...]:
    """Give the ids that are asked for; none where something else is."""
    match wanted:
        case {"_id": {"$oid": str(one)}, **rest} if not rest:
            return (one,)
        case {"_id": {"$in": [*many]}, **rest} if not rest:
            return tuple(str(one["$oid"]) for one in many if isinstance(one, Mapping) and "$oid" in one)
    return ()
