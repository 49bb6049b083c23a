"""The ledger in SQL: its rows, and the statements that read and move it."""

# ruff: noqa: S608  # only this module's own constants go into statements; values are always parameters

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Self, TypeAlias

from rollbook.errors import RollbookError
from rollbook.openedx.instants import instant
from rollbook.openedx.pointers import Pointers

from ..dataclass import dataclass

TABLE: Final = "split_modulestore_django_splitmodulestorecourseindex"
HISTORY: Final = "split_modulestore_django_historicalsplitmodulestorecourseindex"
APP: Final = "split_modulestore_django"
DATA_MIGRATION: Final = "0002_data_migration"  # without it the ledger was never filled
REASON_LENGTH: Final = 100  # history_change_reason is a varchar(100)
MOST_SAVES: Final = 20_000  # that are read of a course; one that is edited daily for ten years has as many

Row: TypeAlias = Mapping[str, object]

_COLUMNS: Final = (
    "id", "objectid", "course_id", "org", "draft_version", "published_version", "library_version",
    "wiki_slug", "base_store", "edited_by_id", "edited_on", "last_update",
)  # fmt: skip
_LIST: Final = ", ".join(_COLUMNS)


class LedgerError(RollbookError):
    """A ledger row does not hold what Open edX writes there."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with named parameters (`:name`) and their values; datetimes are aware."""

    text: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A course's row of the ledger: where its branches point, and since when."""

    id: int
    objectid: str  # the hex _id of its active_versions document
    course_id: str
    org: str
    pointers: Pointers
    wiki_slug: str
    base_store: str
    edited_by_id: int | None  # the creator, whatever the column's name says; the editor is in the structure
    edited_on: datetime
    last_update: datetime

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row of TABLE or HISTORY; raise LedgerError or InstantError when it holds something else."""
        return cls(
            id=_whole(row, "id"),
            objectid=str(row["objectid"]),
            course_id=str(row["course_id"]),
            org=str(row["org"]),
            pointers=Pointers(
                draft=str(row["draft_version"] or ""),
                published=str(row["published_version"] or ""),
                library=str(row["library_version"] or ""),
            ),
            wiki_slug=str(row["wiki_slug"] or ""),
            base_store=str(row["base_store"]),
            edited_by_id=_whole(row, "edited_by_id") if row["edited_by_id"] is not None else None,
            edited_on=instant(row["edited_on"], "edited_on"),
            last_update=instant(row["last_update"], "last_update"),
        )


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of the ledger's history: the row as it was after a save, when, and why."""

    history_id: int
    date: datetime
    type: str  # + first insert, ~ save, - deletion
    reason: str
    user_id: int | None
    row: LedgerRow

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row of HISTORY."""
        return cls(
            history_id=_whole(row, "history_id"),
            date=instant(row["history_date"], "history_date"),
            type=str(row["history_type"]),
            reason=str(row["history_change_reason"] or ""),
            user_id=_whole(row, "history_user_id") if row["history_user_id"] is not None else None,
            row=LedgerRow.from_row(row),
        )


def read_row(course_id: str) -> Query:
    """Read the row of a course."""
    return Query(f"SELECT {_LIST} FROM {TABLE} WHERE course_id = :course_id", {"course_id": course_id})


def read_history(course_id: str, *, limit: int = MOST_SAVES) -> Query:
    """Read what the ledger remembers of a course, the newest first; by its key, for rows outlive a deletion."""
    return Query(
        f"SELECT history_id, history_date, history_change_reason, history_type, history_user_id, {_LIST} "
        f"FROM {HISTORY} WHERE course_id = :course_id ORDER BY history_date DESC, history_id DESC LIMIT :most",
        {"course_id": course_id, "most": limit},
    )


def read_migration() -> Query:
    """Ask whether the ledger was ever filled from MongoDB."""
    return Query(
        "SELECT applied FROM django_migrations WHERE app = :app AND name = :name",
        {"app": APP, "name": DATA_MIGRATION},
    )


def read_shared(course_id: str, versions: Sequence[str]) -> Query:
    """Read which other runs point at any of *versions* now: a re-run starts on the structures of its source."""
    names = {f"version_{number}": version for number, version in enumerate(versions)}
    listed = ", ".join(f":{name}" for name in names) or "NULL"
    columns = " OR ".join(f"{column} IN ({listed})" for column in _VERSION_COLUMNS)
    return Query(
        f"SELECT course_id, {', '.join(_VERSION_COLUMNS)} FROM {TABLE} "
        f"WHERE course_id <> :course_id AND ({columns}) ORDER BY course_id",
        {"course_id": course_id, **names},
    )


_VERSION_COLUMNS: Final = ("draft_version", "published_version", "library_version")


def move(row_id: int, seen: Pointers, seen_update: object, wanted: Pointers, now: object) -> Query:
    """
    Point the row at *wanted*, if it is still as it was seen; it must touch one row.

    last_update is the platform's own optimistic lock: setting it to *now* makes a save that was under way in Studio
    collide instead of writing over the restored version. The pointers are compared as well, for a row that was
    changed by hand may keep its last_update.
    """
    return Query(
        f"UPDATE {TABLE} SET draft_version = :draft, published_version = :published, library_version = :library, "
        "last_update = :now WHERE id = :id AND last_update = :seen_update AND draft_version = :seen_draft "
        "AND published_version = :seen_published AND library_version = :seen_library",
        {
            "draft": wanted.draft,
            "published": wanted.published,
            "library": wanted.library,
            "now": now,
            "id": row_id,
            "seen_update": seen_update,
            "seen_draft": seen.draft,
            "seen_published": seen.published,
            "seen_library": seen.library,
        },
    )


def remember(row_id: int, reason: object, now: object) -> Query:
    """
    Add the history entry that the platform would have written for a save; it must touch one row.

    It copies the ledger row as it is now, in the same transaction, so that the two cannot differ.
    history_user_id stays NULL: nobody's account on the site did this.
    """
    return Query(
        f"INSERT INTO {HISTORY} ({_LIST}, history_date, history_change_reason, history_type) "
        f"SELECT {_LIST}, :now, :reason, '~' FROM {TABLE} WHERE id = :id",
        {"now": now, "reason": reason, "id": row_id},
    )


def _whole(row: Row, column: str) -> int:
    value = row[column]
    if not isinstance(value, int):
        raise LedgerError(f"{column} of the ledger holds {value!r}, not a whole number")
    return value
