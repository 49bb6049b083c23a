"""MongoDB databases."""

import re
from collections.abc import Collection as Ids
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from ..errors import ConflictError, Interrupted, TargetError
from ..ops import Execution, MongoExport, MongoLoad, MongoWrite, Op, OpResult, WrittenFile
from ..schema import build
from ..values import Plain, Secret
from .base import Finding, MongoReader, TargetSpec
from .export import LinesFile
from .mongo_errors import explain
from .probe import BaseProbe
from .settings import MongoSettings
from .surroundings import BaseTarget, Surroundings
from .tunnel import Tunnels

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection
    from pymongo.database import Database

_PLACES: Final = re.compile(r"(?P<before>[a-z+]+://(?:[^/?@]*@)?)[^/?]*")
_BATCH: Final = 100
_SOCKET_SECONDS: Final = 300


class MongoTarget(BaseTarget[MongoSettings]):
    """A database, able to write: on the primary, with majority write concern."""

    kind_name: ClassVar[str] = "mongo"

    def __init__(self, spec: TargetSpec, settings: MongoSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._clients: list[MongoClient[dict[str, Plain]]] = []
        self._database: Database[dict[str, Plain]] | None = None
        self._reader: MongoProbe | None = None
        self._tunnels = Tunnels(self.name, surroundings.others)

    def connect_with(self, settings: MongoSettings) -> "Database[dict[str, Plain]]":
        """Give the database through an account's own client; connects when first used."""
        from pymongo import MongoClient, WriteConcern
        from pymongo.errors import ConfigurationError, InvalidURI

        if settings.url is None or not settings.database:
            raise self._no_address("url: and database: are needed")
        account: dict[str, Plain] = {} if settings.user is None else {"username": settings.user}
        if settings.password is not None:
            account["password"] = self.secrets.value(settings.password)
        try:
            client: MongoClient[dict[str, Plain]] = MongoClient(
                self._near(self._address(settings.url), settings, account),
                **account,
                tz_aware=True,
                datetime_conversion="DATETIME_AUTO",  # dates that Python has not are no reason to read nothing
                appname=self.surroundings.label[:128],
                serverSelectionTimeoutMS=round(settings.selection_timeout * 1000),
                connectTimeoutMS=round(settings.selection_timeout * 1000),
                socketTimeoutMS=_SOCKET_SECONDS * 1000,
            )
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise self._no_address(self.safe(error)) from None
        self._clients.append(client)
        concern = WriteConcern("majority", wtimeout=round(settings.write_timeout * 1000))
        return client.get_database(settings.database, write_concern=concern)

    def _address(self, url: str | Secret) -> str:
        from urllib.parse import unquote, urlsplit

        address = self.secrets.resolve(url)
        if not address.startswith(("mongodb://", "mongodb+srv://")):
            raise self._no_address("its url does not begin with mongodb:// or mongodb+srv://")
        try:
            parts = urlsplit(address)
        except ValueError:
            return address
        self.redactor.leave(unquote(name) for name in (parts.username, parts.hostname, parts.path) if name)
        if parts.password:
            self.redactor.add(f"password of {self.name}", unquote(parts.password))
        return address

    def _near(self, address: str, settings: MongoSettings, account: dict[str, Plain]) -> str:
        """Give the address by way of `via:`: its first host, and no search for the set's other members."""
        from pymongo.uri_parser import parse_uri

        found = _PLACES.match(address)
        if settings.via is None or found is None:
            return address
        if address.startswith("mongodb+srv:"):
            raise self._no_address("mongodb+srv:// cannot go via another target; name the host")
        host, port = parse_uri(address)["nodelist"][0]
        near, near_port = self._tunnels.reach(settings.via, host, port or 27017)
        account["directConnection"] = True
        return f"{found['before']}{near}:{near_port}{address[found.end() :]}"

    def _no_address(self, why: str) -> TargetError:
        return TargetError(
            f"target {self.name!r} has no usable address: {why}",
            advice="Give url: mongodb://host:27017/?replicaSet=NAME and database: NAME.",
        )

    @property
    def database(self) -> "Database[dict[str, Plain]]":
        """The database with the account that writes."""
        with self.guard:
            if self._database is None:
                self._database = self.connect_with(self.settings)
            return self._database

    def reader(self) -> "MongoProbe":
        """Give the side that only reads, with the account that the inventory names for it."""
        with self.guard:
            if self._reader is None:
                self._reader = MongoProbe(self, self._reading_settings())
            return self._reader

    def _reading_settings(self) -> MongoSettings:
        if self.spec.reader is None:
            return self.settings
        account = build(MongoSettings, self.spec.reader)
        return replace(
            self.settings,
            url=account.url or self.settings.url,
            user=account.user if account.url or account.user else self.settings.user,
            password=account.password if account.url or account.password else self.settings.password,
        )

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Write one document, load documents from a dump, or export some to a file."""
        from .mongo_load import load

        match op:
            case MongoWrite():
                return self._write(op)
            case MongoLoad():
                return load(self.name, self.database, op, execution)
            case MongoExport():
                return self._export(op, execution)
        raise self.misplaced(op)

    def _write(self, op: MongoWrite) -> OpResult:
        from pymongo.errors import PyMongoError

        collection = self.database.get_collection(op.collection)
        wanted, document = extended(op.filter), extended(op.document)
        try:
            matched = _carried_out(collection, op, wanted, document)
        except PyMongoError as error:
            raise explain(self.name, self.safe(op.render()[0]), error, writing=True) from error
        if matched != op.matched:
            outcome = "nothing was written" if not matched else "it was written"
            raise ConflictError(
                f"{self.name}: matched {matched} document{'' if matched == 1 else 's'}, and must match {op.matched}; "
                f"{outcome}: {self.safe(op.render()[0])}",
                advice="Somebody else changed the document since it was read. Look at it, then plan again.",
            )
        return OpResult(outputs={"matched": matched})

    def _export(self, op: MongoExport, execution: Execution) -> OpResult:
        from bson import json_util

        with LinesFile(Path(op.path)) as file:
            for done, document in enumerate(self.reader().find(op.collection, op.filter), 1):
                file.add(json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False))
                if done % _BATCH == 0:
                    execution.progress(done, None, "items")
                    if execution.stopping():
                        raise Interrupted(f"the export to {op.path} was stopped; the file was not written")
        return OpResult(
            outputs={"documents": file.lines, "path": op.path, "sha256": file.sha256, "size": file.size},
            files=(WrittenFile(op.path, file.size, file.sha256),),
        )

    def findings(self) -> tuple[Finding, ...]:
        """Look whether a primary is there and the account may write."""
        from pymongo.errors import PyMongoError

        try:
            hello = self.database.client.admin.command("hello")
            status = self.database.client.admin.command({"connectionStatus": 1, "showPrivileges": True})
            # `hello` and this answer anybody; only a right that nobody is born with tells whether an account is wanted.
            self.database.list_collection_names(authorizedCollections=True)
        except PyMongoError as error:
            failure = explain(self.name, "connecting with the account that writes", error)
            return (self.finding("write rights", "missing", failure.message, failure.advice),)
        primary = self._primary(bool(hello.get("isWritablePrimary")))
        return (primary, self._rights(status["authInfo"]), self.clock_finding(hello["localTime"].replace(tzinfo=UTC)))

    def _primary(self, found: bool) -> Finding:  # one fact
        if found:
            return self.finding("takes writes", "ok", "a primary answers")
        advice = "Wait for an election, or give the whole replica set in the url (?replicaSet=NAME)."
        return self.finding("takes writes", "missing", "no primary answers", advice)

    def _rights(self, granted: Mapping[str, Plain]) -> Finding:
        if not granted["authenticatedUsers"]:
            return self.finding("write rights", "ok", "the server asks for no account")
        places = ("", self.settings.database)
        allowed = any(
            right["resource"].get("anyResource")
            or (right["resource"].get("db") in places and {"update", "insert"} <= set(right["actions"]))
            for right in granted["authenticatedUserPrivileges"]
        )
        if allowed:
            return self.finding("write rights", "ok", f"the account may write in {self.settings.database}")
        advice = f'Have the role readWrite on "{self.settings.database}" granted to this account, or name another.'
        return self.finding("write rights", "missing", f"the account may not write in {self.settings.database}", advice)

    def close(self) -> None:
        """Close every connection."""
        with self.guard:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._tunnels.close()
            self._database = self._reader = None


def extended(value: Mapping[str, Plain]) -> dict[str, Plain]:
    """Turn Extended JSON into what BSON is made of; raises `TargetError` for text that is none."""
    import json

    from bson import json_util
    from bson.errors import BSONError

    try:
        found: dict[str, Plain] = json_util.loads(json.dumps(value), json_options=json_util.JSONOptions(tz_aware=True))
    except (BSONError, TypeError, ValueError) as error:
        raise TargetError(
            f"this is no Extended JSON: {error}", advice='Write ids as {"$oid": …}, times as {"$date": …}.'
        ) from error
    return found


def _carried_out(
    collection: "Collection[dict[str, Plain]]", op: MongoWrite, wanted: dict[str, Plain], document: dict[str, Plain]
) -> int:
    """Carry out the write; give how many documents it matched, or inserted."""
    match op.operation:
        case "update_one":
            return collection.update_one(wanted, document).matched_count
        case "replace_one":
            return collection.replace_one(wanted, document).matched_count
        case "delete_one":
            return collection.delete_one(wanted).deleted_count
        case "insert_one":
            collection.insert_one(document)
            return op.matched


class MongoProbe(BaseProbe, MongoReader):
    """The reading side of a database: on the primary, only what a majority has."""

    kinds: ClassVar[tuple[str, ...]] = ("mongo",)

    def __init__(self, target: MongoTarget, settings: MongoSettings) -> None:
        super().__init__(target)
        self._guard = target.guard
        self._connect = target.connect_with
        self._settings = settings
        self._opened: Database[dict[str, Plain]] | None = None

    @property
    def _database(self) -> "Database[dict[str, Plain]]":
        from pymongo import ReadPreference
        from pymongo.read_concern import ReadConcern

        with self._guard:
            if self._opened is None:
                self._opened = self._connect(self._settings).with_options(
                    read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("majority")
                )
            return self._opened

    def identity(self) -> Mapping[str, str]:
        """Read the replica set's name, the database's, and whether the marker document is there (present, absent)."""
        from pymongo.errors import PyMongoError

        database = self._database
        found = {"database": database.name}
        try:
            hello = database.client.admin.command("hello")
        except PyMongoError as error:
            raise explain(self._name, "asking which server it is", error) from error
        if "setName" in hello:
            found["set_name"] = str(hello["setName"])
        marker = self._settings.marker
        if marker is not None:
            there = next(self.find(marker.collection, marker.filter, limit=1), None)
            found["marker"] = "absent" if there is None else "present"
        return found

    def find(
        self,
        collection: str,
        wanted: Mapping[str, Plain],
        *,
        fields: Mapping[str, Plain] | None = None,
        order: tuple[tuple[str, int], ...] = (),
        limit: int = 0,
    ) -> Iterator[dict[str, Plain]]:
        """Stream documents; *wanted* is Extended JSON; documents come with ObjectIds and aware UTC datetimes."""
        from pymongo.errors import PyMongoError

        try:
            cursor = self._database.get_collection(collection).find(
                extended(wanted), None if fields is None else dict(fields), limit=limit, sort=list(order) or None
            )
            with cursor:
                yield from cursor
        except PyMongoError as error:
            raise explain(self._name, f"finding documents in {collection}", error) from error

    def count(self, collection: str, wanted: Mapping[str, Plain]) -> int:
        """Count matching documents."""
        from pymongo.errors import PyMongoError

        try:
            return self._database.get_collection(collection).count_documents(extended(wanted))
        except PyMongoError as error:
            raise explain(self._name, f"counting documents in {collection}", error) from error

    def collections(self) -> frozenset[str]:
        """Name the database's collections."""
        from pymongo.errors import PyMongoError

        try:
            return frozenset(self._database.list_collection_names())
        except PyMongoError as error:
            raise explain(self._name, "listing its collections", error) from error

    def dumped(self, path: str, ids: Ids[str], by: str = "_id") -> Iterator[dict[str, Plain]]:
        """Stream those documents that a dump file on this machine holds whose field *by* is one of *ids*."""
        from .mongo_dump import decoded, found_documents

        return map(decoded, found_documents(Path(path), ids, by))

    def after(self, loads: Sequence[MongoLoad]) -> MongoReader:
        """Give a reader that finds what *loads* will have inserted, too."""
        from .mongo_loaded import LoadedMongo

        return LoadedMongo(self, loads)
