"""What does not fit when users' rows meet those of the backup, and who wins then."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from ..dataclass import dataclass
from .names import Name

Kind = Literal[
    "edited_by_both",  # the migration and the users changed the same cell, or one made what the other removed
    "undecided",  # there is no base: the migration or the users changed it
    "missing_column",  # the backup's table wants a value that live has no column for
    "null_refused",  # live has NULL where the backup's table wants a value
    "no_cast",  # the value is not one of the column's type in the backup
    "check_failed",  # a check constraint of the backup's table refuses the row
    "unique_clash",  # two rows want the same unique value
    "parent_gone",  # the row that a foreign key points at is not there
]
Side = Literal["live", "backup"]
Settled = Literal[
    "live",  # live's value or row is in
    "backup",  # the backup's value or row stayed, or came back
    "left_out",  # the row could not be brought in at all
    "null",  # the cell was set to NULL
    "removed",  # the backup's row was taken away
]
Choice = Literal["keep_live", "keep_backup", "ask", "stop"]


@dataclass(frozen=True, slots=True)
class Found:
    """A conflict inside one row: *columns* where only these are concerned."""

    kind: Kind
    settled: Settled
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """A conflict with both sides; *about* names the columns or the constraint, *key* the row, as texts."""

    kind: Kind
    table: Name
    key: tuple[str, ...]
    about: str
    settled: Settled
    live: Mapping[str, str | None] | None
    backup: Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Policy:
    """
    Who wins: *answers* say so for a kind of conflict in a table, *choice* for all the others.

    *tables* whose conflicts all go one way by a rule stand between the two.
    """

    choice: Choice
    answers: Mapping[tuple[Kind, Name], Side]
    tables: Mapping[Name, Side] = field(default_factory=dict)

    def side(self, kind: Kind, table: Name) -> Side:
        """Say which side wins. While nobody has answered, live does: nothing is final before the final pass."""
        answered = self.answers.get((kind, table)) or self.tables.get(table)
        if answered is not None:
            return answered
        return "backup" if self.choice == "keep_backup" else "live"

    def halts(self, conflict: Conflict) -> bool:
        """Say whether the final pass may not end with this conflict."""
        settled = (conflict.kind, conflict.table) in self.answers or conflict.table in self.tables
        return self.choice in ("ask", "stop") and not settled


KEEP_LIVE = Policy("keep_live", {})
