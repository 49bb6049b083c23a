"""Points in time as databases give them, always aware and in UTC here."""

from datetime import UTC, datetime

from rollbook.errors import RollbookError


class InstantError(RollbookError):
    """A database gave something that is not a point in time."""


def to_utc(value: datetime) -> datetime:
    """Read a naive datetime as UTC, which is how Django stores it on MySQL and SQLite; convert an aware one."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def instant(value: object, column: str) -> datetime:
    """
    Read a datetime column of any ledger: aware (PostgreSQL), naive (MySQL), or text (SQLite).

    Raises InstantError, naming *column*, for anything else.
    """
    match value:
        case datetime():
            return to_utc(value)
        case str():
            try:
                return to_utc(datetime.fromisoformat(value.strip()))
            except ValueError as error:
                raise InstantError(f"{column} holds {value!r}, which is no date and time") from error
    raise InstantError(f"{column} holds {value!r}, which is no date and time")


def text(value: datetime | None) -> str:
    """Write a point in time for people and journals: ISO, UTC, to the second or finer where it matters."""
    if value is None:
        return ""
    utc = to_utc(value)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")
