"""What a recovery is asked for, whatever the server: which tables and columns, and what of those that are there."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import ClassVar, Final, Literal

from .dataclass import dataclass
from .errors import RefusedError
from .ops import Op

ParentsGone = Literal["stop", "settle"]
Existing = Literal["leave", "fill"]
Remake = Literal["comments", "grants", "rest"]

CELL: Final = "‹cell›"  # in SQL: the source's cell, of which is computed what was left of it


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recovery takes place: the target, the source beside live, what it leaves out goes to *folder*."""

    target: str
    source: str
    parents_gone: ParentsGone
    folder: str
    run: str
    replica: str = ""  # a target that may not fall behind


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What is to come back from *source*; *only* are patterns of tables, or of table.column, none for all.

    With *existing* `fill` also rows of named tables, and cells of named columns, that are there; *left* tells what
    the cells of such a column hold where nobody wrote, by table.column. *narrowed* are the types that a column was made
    to hold less with, and was taken back from: what its cells hold then is computed from those of the source, and
    *filled* is what NULL became. *remake* says what of a table is made again where it is there without.
    """

    source: str
    only: tuple[str, ...] = ()
    existing: Existing = "leave"
    left: Mapping[str, str | None] = field(default_factory=dict)
    parents_gone: ParentsGone = "stop"
    narrowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remake: tuple[Remake, ...] = ()
    filled: Mapping[str, str] = field(default_factory=dict)

    def wants(self, table: str, column: str | None = None) -> bool:
        """Say whether a table, or a column, is to come back where it is missing."""
        return not self.only or self._names(table) or (column is not None and self._names(f"{table}.{column}"))

    def fills_rows(self, table: str) -> bool:
        """Say whether rows of a table that is there are to come back."""
        return self.existing == "fill" and self._names(table)

    def fills_cells(self, table: str, column: str) -> bool:
        """Say whether cells of a column that is there are to come back: one that is named, not only its table."""
        named = f"{table}.{column}"
        return self.existing == "fill" and any(
            fnmatchcase(named, one) and not fnmatchcase(table, one) for one in self.only
        )

    def require(self, there: Mapping[str, Collection[str]]) -> None:
        """Refuse a source that lacks a table or column asked for by its whole name; *there* are its tables' columns."""
        has = {*there, *(f"{table}.{column}" for table, columns in there.items() for column in columns)}
        lacks = [name for name in self.only if name not in has and not any(sign in name for sign in "*?[")]
        if lacks:
            raise RefusedError(
                f"{self.source} has no {', '.join(lacks)}: it cannot give that back.",
                advice="It is of another time or another site: give one from before, or name in only: what it has.",
            )

    def _names(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.only)


@dataclass(frozen=True, slots=True)
class Part:
    """What a table that is there had besides, and has no more: the *statement* makes it again."""

    schema: str
    table: str
    sort: Remake
    statement: str


@dataclass(frozen=True, slots=True)
class PartsBack(Op):
    """Make again what tables had besides, one after the other; what cannot be made is told, and the rest goes on."""

    op: ClassVar[str] = "recovery.parts_back"
    target: str
    parts: tuple[Part, ...]

    def render(self) -> tuple[str, ...]:
        """Give the statements that will be sent."""
        return tuple(one.statement for one in self.parts)


def check_said(said: Iterable[str]) -> None:
    """Raise ValueError for what is not table.column=value."""
    wrong = [one for one in said if "." not in one.partition("=")[0] or "=" not in one]
    if wrong:
        raise ValueError(f"said: expected table.column=value, not {', '.join(wrong)}")


def left_told(left: Mapping[str, str | bool | int | float | None], said: Iterable[str]) -> Mapping[str, str | None]:
    """Give what cells hold as a server reads it, truth as 1 or 0; what is *said*, as table.column=value, goes first."""
    plain = {name: int(value) if isinstance(value, bool) else value for name, value in left.items()}
    spoken = {name: value for name, _, value in (one.partition("=") for one in said)}
    return {**{name: None if value is None else str(value) for name, value in plain.items()}, **spoken}


def kept_rows(table: object, count: int) -> str:
    """Say that a table lacks rows that have no place."""
    return f"{table}: {count} rows are missing, and have no place"


def kept_changed(table: object, count: int, columns: Iterable[str]) -> str:
    """Say that rows are there, and not as they were, whoever changed them."""
    return f"{table}: {count} rows are not as they were, in {', '.join(columns)}, and stay as they are"


def kept_cells(column: object, count: int) -> str:
    """Say that cells of a column are not as they were, and not as a way back leaves them."""
    hint = f"left: {column}=VALUE says what else the migration put there, and is to go"
    return f"{column}: {count} cells are not as they were, nor as the way back leaves them ({hint})"


def kept_rowless(column: object, count: int) -> str:
    """Say that the source has cells of a column for rows that are not there any more."""
    return f"{column}: {count} rows that had a cell of it are not there any more"


def kept_made(table: object, part: str) -> str:
    """Say that a table is there, but not all that it was made of."""
    return f"{table} is there without {part}"


def look_at(columns: Iterable[str]) -> tuple[str, ...]:
    """Give the queries that show a person what cells of columns hold, given as table.column."""
    parts = (one.rpartition(".") for one in columns)
    return tuple(f"SELECT DISTINCT {column} FROM {table}" for table, _, column in parts)  # noqa: S608  # shown, not sent


def refill_out_lines(
    source: str, folder: str, cells: Iterable[tuple[str, str, str]], tables: Iterable[str]
) -> tuple[str, ...]:
    """Give the transaction that empties *cells* (table, column, what they held) again and deletes rows of *tables*."""
    keys = f"-- the keys that {folder} tells"
    return (
        f"-- first: the rows and cells must be those of {source}, or nothing is taken out",
        "BEGIN",
        *(f"UPDATE {table} SET {column} = {left}  {keys}" for table, column, left in cells),  # noqa: S608  # shown, not sent
        *(f"DELETE FROM {table}  {keys}" for table in tables),  # noqa: S608  # shown, not sent
        "COMMIT",
    )
