"""Laws of MongoDB targets, on a real mongod."""

import gzip
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import ObjectId, json_util
from bson.datetime_ms import DatetimeMS

from rollbook.errors import ConflictError, TargetError, Unreachable
from rollbook.ops import MongoExport, MongoLoad, MongoWrite, instant, object_id
from rollbook.targets import TargetPool
from rollbook.targets.base import MongoReader, TargetSpec

pytestmark = pytest.mark.server

AT = datetime(2024, 5, 1, 12, 30, 15, 123000, tzinfo=UTC)
COLLECTION = "modulestore.active_versions"  # dots are part of the name


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Iterator[Any]:
    """Give a database with one document such as the split modulestore keeps."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url, tz_aware=True)
    database = client[mongo_database]
    document = {"_id": ObjectId("0" * 23 + "1"), "versions": {"draft-branch": ObjectId("a" * 24)}, "last_update": AT}
    database[COLLECTION].insert_one(document)
    yield database
    client.close()


@pytest.fixture
def pool(database: Any, mongo_url: str, make_pool: Callable[..., TargetPool]) -> TargetPool:
    return make_pool(store=("mongo", {"url": mongo_url, "database": database.name}))


def reader_of(pool: TargetPool) -> MongoReader:
    reader = pool.reader("store")
    assert isinstance(reader, MongoReader)
    return reader


def point(seen: str, wanted: str) -> MongoWrite:
    return MongoWrite(
        "store",
        COLLECTION,
        "update_one",
        {"_id": object_id("0" * 23 + "1"), "versions.draft-branch": object_id(seen * 24), "last_update": instant(AT)},
        {"$set": {"versions.draft-branch": object_id(wanted * 24)}},
    )


def test_documents_come_back_as_they_are(pool: TargetPool) -> None:
    """A query in Extended JSON finds documents, with ObjectIds and aware UTC times."""
    query = {"versions.draft-branch": object_id("a" * 24), "last_update": {"$lte": instant(AT)}}

    found = list(reader_of(pool).find(COLLECTION, query, fields={"last_update": 1}, order=(("_id", -1),), limit=5))

    assert found == [{"_id": ObjectId("0" * 23 + "1"), "last_update": AT}]
    assert reader_of(pool).count(COLLECTION, query) == 1
    assert COLLECTION in reader_of(pool).collections()


def test_a_reader_has_no_way_to_write(pool: TargetPool) -> None:
    """The reading side has the queries and nothing else."""
    public = {name for name in dir(reader_of(pool)) if not name.startswith("_")}

    assert public == {"name", "kind", "kinds", "identity", "find", "count", "collections", "dumped", "after"}


def test_a_write_that_matches_nothing_is_a_conflict(pool: TargetPool, database: Any, execution: Any) -> None:
    """A compare-and-set writes once; the second time it finds another document and says so."""
    assert pool.execute(point("a", "b"), execution).outputs == {"matched": 1}

    with pytest.raises(ConflictError, match="matched 0 documents, and must match 1; nothing was written"):
        pool.execute(point("a", "c"), execution)

    assert database[COLLECTION].find_one()["versions"]["draft-branch"] == ObjectId("b" * 24)


def test_a_document_that_is_there_is_not_inserted_again(pool: TargetPool, database: Any, execution: Any) -> None:
    """Inserting under an id that is taken is a conflict; deleting what is gone too."""
    insert = MongoWrite("store", "c", "insert_one", document={"_id": 7, "at": instant(AT)})
    delete = MongoWrite("store", "c", "delete_one", filter={"_id": 7})

    pool.execute(insert, execution)
    with pytest.raises(ConflictError):
        pool.execute(insert, execution)
    assert database.c.find_one() == {"_id": 7, "at": AT}
    pool.execute(MongoWrite("store", "c", "replace_one", {"_id": 7}, {"x": 1}), execution)
    pool.execute(delete, execution)
    with pytest.raises(ConflictError):
        pool.execute(delete, execution)


STRUCTURES = [
    {"_id": ObjectId(f"{number:024x}"), "blocks": [{"n": number, "f": 1.0, "long": bson.Int64(5)}], "at": AT}
    for number in range(120)
]


def write_bson(path: Path) -> None:
    path.write_bytes(b"".join(bson.encode(one) for one in STRUCTURES))


def write_zipped(path: Path) -> None:
    path.write_bytes(gzip.compress(b"".join(bson.encode(one) for one in STRUCTURES)))


def write_lines(path: Path) -> None:
    options = json_util.CANONICAL_JSON_OPTIONS
    path.write_text("\n".join(json_util.dumps(one, json_options=options) for one in STRUCTURES))


@pytest.mark.parametrize("write", [write_bson, write_zipped, write_lines])
def test_documents_of_a_dump_come_back_under_their_ids(
    pool: TargetPool, database: Any, execution: Any, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    """From mongodump's BSON or Extended JSON the wanted documents are put back exactly, and twice changes nothing."""
    dump = tmp_path / "structures"
    write(dump)
    ids = tuple(str(one["_id"]) for one in STRUCTURES[5:])
    op = MongoLoad("store", "modulestore.structures", str(dump), ids)
    database["modulestore.structures"].insert_one({**STRUCTURES[9], "mine": True})

    first = pool.execute(op, execution)
    second = pool.execute(op, execution)

    found = list(database["modulestore.structures"].find(sort=[("_id", 1)]))
    assert first.outputs == {"inserted": 114, "already": 1}
    assert second.outputs == {"inserted": 0, "already": 115}
    assert found[:4] == STRUCTURES[5:9]
    assert found[4]["mine"]
    assert isinstance(found[0]["blocks"][0]["long"], bson.Int64)


@pytest.mark.parametrize("write", [write_bson, write_zipped, write_lines])
def test_what_a_load_will_insert_can_be_read_before(
    pool: TargetPool, database: Any, execution: Any, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    """By its id a document of a dump is found, and compares, as after the load; nothing else is there sooner."""
    dump, reader = tmp_path / "structures", reader_of(pool)
    write(dump)
    ids = [str(one["_id"]) for one in STRUCTURES[3:9]]
    op = MongoLoad("store", "structures", str(dump), tuple(ids))
    database["structures"].insert_one({**STRUCTURES[4], "mine": True})
    by_id: dict[str, Any] = {"_id": {"$in": [{"$oid": one} for one in (*ids, str(STRUCTURES[20]["_id"]))]}}
    one = {"_id": {"$oid": ids[0]}}

    seen = reader.after([op])
    before = [sorted(seen.find("structures", by_id), key=itemgetter("_id")), list(seen.find("structures", one))]
    alone = {str(document["_id"]) for document in seen.find("structures", by_id, fields={"_id": 1})}
    here = (
        database["structures"].count_documents({}),
        list(seen.find("other", by_id)),
        len(list(seen.find("structures", {}))),
    )
    pool.execute(op, execution)

    assert before == [list(reader.find("structures", by_id, order=(("_id", 1),))), list(reader.find("structures", one))]
    assert alone == set(ids)
    assert here == (1, [], 1)
    assert list(seen.find("structures", by_id, limit=2)) == list(reader.find("structures", by_id, limit=2))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_dump_is_read_past_documents_of_every_shape(pool: TargetPool, tmp_path: Path, zipped: bool) -> None:
    """Small documents, other kinds of id, and an id that does not come first hide no document behind them."""
    wanted, late = ObjectId(), ObjectId()
    shapes: list[dict[str, Any]] = [
        {}, {"_id": 5}, {"_id": "text"}, {"_id": ObjectId()}, {"_id": ObjectId(), "x": "y" * 100_000},
        {"before": 1, "_id": late}, {"_id": wanted, "x": 1},
    ]  # fmt: skip
    content = b"".join(bson.encode(one) for one in shapes)
    dump = tmp_path / "dump"
    dump.write_bytes(gzip.compress(content) if zipped else content)

    found = list(reader_of(pool).dumped(str(dump), (str(wanted), str(late))))

    assert found == shapes[-2:]


@pytest.mark.parametrize("lines", [True, False])
def test_dates_that_python_has_not_are_carried_along(
    pool: TargetPool, database: Any, execution: Any, tmp_path: Path, lines: bool
) -> None:
    """A date beyond the year 9999 is loaded, read and exported as it is."""
    document, dump = {"_id": ObjectId(), "due": DatetimeMS(10**16)}, tmp_path / "dump"
    text = json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)
    dump.write_bytes(text.encode() if lines else bson.encode(document))

    pool.execute(MongoLoad("store", "structures", str(dump), (str(document["_id"]),)), execution)
    pool.execute(MongoExport("store", "structures", {}, str(tmp_path / "out")), execution)

    assert list(reader_of(pool).find("structures", {})) == [document]
    assert (tmp_path / "out").read_text().strip() == text


@pytest.mark.parametrize("damage", ["missing", "cut", "rubbish", "none"])
def test_an_incomplete_dump_writes_nothing(
    pool: TargetPool, database: Any, execution: Any, tmp_path: Path, damage: str
) -> None:
    """A dump that lacks a wanted document, is cut off, is none or is not there is refused before the first write."""
    dump = tmp_path / "structures.bson"
    write_bson(dump)
    ids = tuple(str(one["_id"]) for one in STRUCTURES[:3])
    match damage:
        case "missing":
            ids = (*ids, "f" * 24)
        case "cut":
            os.truncate(dump, dump.stat().st_size - 10)
        case "rubbish":
            dump.write_text("hello\n")
        case "none":
            dump.unlink()

    with pytest.raises(TargetError):
        pool.execute(MongoLoad("store", "structures", str(dump), ids), execution)

    assert database.structures.count_documents({}) == 0


def test_an_export_can_be_loaded_again(pool: TargetPool, database: Any, execution: Any, tmp_path: Path) -> None:
    """What an export wrote, a load brings back exactly."""
    database.structures.insert_many(STRUCTURES)
    path = tmp_path / "export.jsonl"

    result = pool.execute(MongoExport("store", "structures", {"blocks.n": {"$gte": 60}}, str(path)), execution)
    ids = tuple(str(one["_id"]) for one in STRUCTURES[60:])
    pool.execute(MongoLoad("store", "again", str(path), ids), execution)

    assert result.outputs["documents"] == 60
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(database.again.find(sort=[("_id", 1)])) == STRUCTURES[60:]


def test_identity_and_check(pool: TargetPool, database: Any, mongo_url: str, make_pool: Any) -> None:
    """The set's name, the marker document and the right to write are known before a run."""
    marked = {"url": mongo_url, "database": database.name, "marker": {"collection": COLLECTION, "filter": {}}}
    other = make_pool(
        store=TargetSpec("store", "mongo", marked, expect={"marker": "present"}),
        wrong=TargetSpec("wrong", "mongo", marked, expect={"set_name": "another"}),
    )

    found = reader_of(pool).identity()

    assert found["database"] == database.name
    assert found["set_name"]
    assert {finding.severity for finding in other.target("store").check()} == {"ok"}
    assert [finding.subject for finding in other.target("wrong").check() if finding.severity == "missing"] == [
        "identity"
    ]


def test_nobody_there_is_unreachable(make_pool: Any, execution: Any) -> None:
    """No server at the address: unreachable for reading and writing, without the password, and nothing was written."""
    settings = {"url": "mongodb://u:s3cr3t-word@127.0.0.1:1/", "database": "d", "selection_timeout": 0.3}
    pool = make_pool(store=("mongo", settings))

    with pytest.raises(Unreachable) as read:
        list(reader_of(pool).find("c", {}))
    with pytest.raises(Unreachable, match="nothing was written") as written:
        pool.execute(point("a", "b"), execution)

    assert "s3cr3t-word" not in str(read.value) + str(written.value)


@pytest.mark.parametrize("settings", [{}, {"url": "mongodb://"}, {"url": "no url", "database": "d"}])
def test_an_address_that_is_none_is_refused(settings: dict[str, Any], make_pool: Any) -> None:
    """Settings without a usable address are one error with advice."""
    with pytest.raises(TargetError, match="no usable address"):
        reader_of(make_pool(store=("mongo", {"database": "d", **settings}))).count("c", {})


def test_a_server_that_dies_leaves_the_write_in_doubt(own_mongod: Any, make_pool: Any, execution: Any) -> None:
    """A mongod that stops answering during a write raises Unreachable, which says that it may have been made."""
    settings = {"url": own_mongod.url, "database": "d", "selection_timeout": 0.5}
    pool = make_pool(store=("mongo", settings))
    pool.execute(MongoWrite("store", "c", "insert_one", document={"_id": 1}), execution)
    pid = getattr(own_mongod, "pid", None) or own_mongod.process.pid
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(Unreachable):
        pool.execute(MongoWrite("store", "c", "insert_one", document={"_id": 2}), execution)
