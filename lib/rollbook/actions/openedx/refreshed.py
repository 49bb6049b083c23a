"""`openedx.refreshed`: the site's copies of a course are newer than its pointers."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import ClassVar, Final

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...openedx.instants import instant, text
from ...openedx.keys import CourseKey
from ...targets.base import MongoReader, SqlReader
from ...values import Plain
from .reading import read_course

# Of each: what people call it, the table, and the columns of its course key and of its last change.
_COPIES: Final = (
    ("overview", "course_overviews_courseoverview", "id"),
    ("outline", "learning_sequences_learningcontext", "context_key"),
)
_QUERY: Final = "SELECT modified FROM {table} WHERE {column} = :course_id"


@dataclass(frozen=True, slots=True)
class Refreshed(Assertion):
    """
    Wait until the course's overview and outline were made again after its pointers were last written, in either store.

    Publishing goes through queues, and the command that simulates it swallows the errors of its receivers: only the
    tables tell. A site without one of the tables is not asked about it; where no overview can be seen, which every
    site has, that is a warning. Libraries have neither copy.
    """

    kind: ClassVar[str] = "openedx.refreshed"
    example: ClassVar[Mapping[str, Plain]] = {"course_id": "course-v1:DemoOrg+RB101+2024_T1", "within": "10m"}
    by_hand: ClassVar[str] = """
SQL, until both times are later than `last_update` of the ledger row and of active_versions (a library has neither):
`SELECT modified FROM course_overviews_courseoverview WHERE id = '<course_id>';` and
`SELECT modified FROM learning_sequences_learningcontext WHERE context_key = '<course_id>';`. If they stay behind, see
the log of Celery: the command that simulates a publish hides the errors of its receivers.
"""

    course_id: str
    within: timedelta = field(default=timedelta(minutes=10), metadata={"help": "how long to wait"})
    every: timedelta = timedelta(seconds=5)
    skew: timedelta = field(
        default=timedelta(seconds=2), metadata={"help": "how far the site's clock may be behind the stores'"}
    )
    ledger: Ref[SqlReader] = Ref("ledger")
    modulestore: Ref[MongoReader] = Ref("modulestore")

    def __post_init__(self) -> None:
        if self.every <= timedelta(0):
            raise ValueError("every: expected more than 0 s")

    def subjects(self) -> frozenset[Subject]:
        """Name the look itself."""
        return frozenset({Subject(self.ledger.name, self.kind, self.course_id)})

    def describe(self) -> str:
        """Say what is waited for."""
        return f"overview and outline newer than both stores, within {self.within.total_seconds():g} s"

    def probe(self, read: Readers) -> Outcome:
        """Look until both are newer, or time is up."""
        key = CourseKey.parse(self.course_id)
        if key.is_library:
            return Outcome(passed=True, message="a library has neither overview nor outline")
        sql = read[self.ledger]
        since = self._since(sql, read[self.modulestore])
        started = read.monotonic()
        while True:
            waited = read.monotonic() - started  # until this look, however long it takes
            found = _look(sql, key)
            stale = [name for name, when in found.items() if when is None or when < since - self.skew]
            seen: dict[str, Plain] = {"since": text(since), "waited": round(waited, 1)}
            seen |= {name: text(when) for name, when in found.items()}
            if not stale:
                return Outcome(passed=True, message=_told(found, since), seen=seen, warning=_unseen(found))
            if waited >= self.within.total_seconds():
                message = f"not refreshed after {waited:.0f} s: {', '.join(stale)}; {_told(found, since)}"
                return Outcome(passed=False, message=f"{message}. Is Celery running? See its log", seen=seen)
            read.pause(min(self.every.total_seconds(), self.within.total_seconds() - waited))

    def _since(self, sql: SqlReader, mongo: MongoReader) -> datetime:
        """Take the later write: after a revert in the Django admin only the modulestore had to follow."""
        course = read_course(sql, mongo, self.course_id)
        return max(course.row.last_update, course.active.last_update or course.row.last_update)


def _look(sql: SqlReader, key: CourseKey) -> dict[str, datetime | None]:
    tables = sql.tables()
    return {name: _modified(sql, table, column, key) for name, table, column in _COPIES if table in tables}


def _modified(sql: SqlReader, table: str, column: str, key: CourseKey) -> datetime | None:
    rows = sql.rows(_QUERY.format(table=table, column=column), {"course_id": str(key)})
    return next((instant(row["modified"], f"{table}.modified") for row in rows), None)


def _told(found: Mapping[str, datetime | None], since: datetime) -> str:
    parts = [f"{name} {text(when) or 'not there'}" for name, when in found.items()]
    return f"last written {text(since)}, {', '.join(parts) or 'no copy was looked at'}"


def _unseen(found: Mapping[str, datetime | None]) -> str:
    """Warn where there is no overview to look at: every site has one, but not in every ledger's database."""
    name, table, _ = _COPIES[0]
    if name in found:
        return ""
    return (
        f"nobody looked whether the {name} was made again: the ledger's account sees no table {table}. Grant it "
        "SELECT, or, where it is in another database, open the course's about page and see that it is as it should be"
    )
