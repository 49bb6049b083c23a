"""`openedx.assets`: the course files that were uploaded since the damage, and will not come back."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject
from ...dataclass import dataclass
from ...openedx.instants import text, to_utc
from ...openedx.keys import CourseKey
from ...openedx.pointers import Pointers, saved_at
from ...targets.base import MongoReader
from ...values import Plain


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One course file: its name as authors see it, when it was uploaded, its size in bytes."""

    name: str
    uploaded: str
    size: int


@dataclass(frozen=True, slots=True)
class AssetsState:
    """The files in the window; *total* counts all, *files* may name fewer."""

    total: int = 0
    files: tuple[Uploaded, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetsFact(Fact[AssetsState]):
    """
    List the course's files (GridFS) that were uploaded between `since` and `until`.

    The store keeps one version of each: an upload under a name that exists deletes the earlier file. So each of
    these is new or has replaced one that is gone; only a backup of GridFS has it. Where nobody knows when the damage
    began, all since `version` was saved are listed; with neither, none.
    """

    kind: ClassVar[str] = "openedx.assets"
    example: ClassVar[Mapping[str, Plain]] = {
        "course_id": "course-v1:DemoOrg+RB101+2024_T1",
        "since": "2024-05-01T12:00:00Z",
    }
    by_hand: ClassVar[str] = """
In the Mongo shell, with the org, course and run of `<course_id>`:
`db.getCollection("<bucket>.files").find({"content_son.tag": "c4x", "content_son.org": "ORG", "content_son.course":
"COURSE", "content_son.run": "RUN", "content_son.category": "asset", uploadDate: {$gte: ISODate("<since>")}},
{displayname: 1, uploadDate: 1, length: 1})`. Whatever these replaced is gone; the course team uploads it again.
"""

    course_id: str
    since: datetime | None = field(default=None, metadata={"help": "when the damage began"})
    version: str = field(
        default="",
        metadata={"help": "without `since`: files since this was saved"},
    )
    until: datetime | None = None
    sample: int = field(default=200, metadata={"help": "how many files to name"})
    bucket: str = field(default="fs", metadata={"help": "the GridFS bucket"})
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def subjects(self) -> frozenset[Subject]:
        """Name the course's files."""
        return frozenset({Subject(self.modulestore.name, self.kind, self.course_id)})

    def probe(self, read: Readers) -> AssetsState:
        """Look for the files, the newest first."""
        since = self._since()
        if since is None:
            return AssetsState()
        mongo, wanted = read[self.modulestore], self._wanted(since)
        collection = f"{self.bucket}.files"
        found = mongo.find(
            collection,
            wanted,
            fields={"displayname": 1, "content_son.name": 1, "uploadDate": 1, "length": 1},
            order=(("uploadDate", -1),),
            limit=self.sample,
        )
        return AssetsState(total=mongo.count(collection, wanted), files=tuple(_uploaded(found)))

    def _since(self) -> datetime | None:
        versions = Pointers.parse(self.version).versions if self.version else ()
        return self.since or max(map(saved_at, versions), default=None)

    def _wanted(self, since: datetime) -> dict[str, Plain]:
        key = CourseKey.parse(self.course_id)
        window: dict[str, Plain] = {"$gte": {"$date": _exact(since)}}
        if self.until is not None:
            window["$lt"] = {"$date": _exact(self.until)}
        return {
            "content_son.tag": "c4x",
            "content_son.org": key.org,
            "content_son.course": key.course,
            "content_son.run": key.run,
            "content_son.category": "asset",
            "uploadDate": window,
        }

    def details(self, change: Change[AssetsState]) -> tuple[str, ...]:
        """Name the files."""
        state = change.before
        since = self._since()
        if since is None:
            return ("no time of the damage is given, so the course's files were not looked at",)
        lines = [f"{item.uploaded} {item.name} ({item.size} bytes)" for item in state.files]
        more = [f"and {state.total - len(lines)} more"] if state.total > len(lines) else []
        began = (
            f"{text(since)}, the earliest that the damage may have begun (an import uploads its files before it saves)"
            if self.since
            else f"the version was saved, {text(since)}"
        )
        head = f"{state.total} course files were uploaded since {began}; what they replaced will not come back"
        return (head, *lines, *more)


def _uploaded(documents: Iterator[dict[str, Plain]]) -> Iterator[Uploaded]:
    for document in documents:
        son = document.get("content_son") or {}
        when = document.get("uploadDate")
        yield Uploaded(
            name=str(document.get("displayname") or son.get("name") or document.get("_id")),
            uploaded=text(when) if isinstance(when, datetime) else "",
            size=int(document.get("length") or 0),
        )


def _exact(when: datetime) -> str:
    return to_utc(when).isoformat(timespec="milliseconds").replace("+00:00", "Z")
