"""`postgres.affected_users`: the addresses of those whom lost rows concern, in a file for a person."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...ops import Op, OpResult
from ...postgres.affected import AffectedUsers, Users
from ...postgres.passes import Exported
from ...targets.base import HostReader, PostgresReader
from ...values import Plain, Unknown

_LATER = Unknown("steps.this step.outputs.users")


@dataclass(frozen=True, slots=True)
class ListState:
    """Whether the list is there; its checksum, and for how many users, once it is."""

    exists: bool
    database: str
    sha256: str = evidence(default="")
    users: int | Unknown = evidence(default=0)


@dataclass(frozen=True, slots=True)
class PostgresAffectedUsers(Action[ListState]):
    """
    List the e-mail addresses of the users whom going back concerns, in a CSV file of mode 0600 on this machine.

    Whose rows a pass of `postgres.carry` could not fit (`exported`: conflicts, cells and tables without a place), or
    `sql.recover` could not put back as they were (its `exported`: rows left out, cells that somebody wrote into since),
    and whose rows are in `tables` that the deploy had taken. Each line has an address, the user's key, how many rows of
    theirs were in conflict, left out, and taken, and in which tables. The file holds people's addresses: plan, journal
    and report have its path, checksum and counts only, and nobody is written to. Whoever is to tell users reads it, or
    `notify.send` with `recipients`, once somebody has approved that.

    Whose a row is, foreign keys to `users.table` tell, and `users.refers` where there are none; tables of which
    neither tells are the output `untold`. Users who are gone are counted, for they have no address any more.
    """

    kind: ClassVar[str] = "postgres.affected_users"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "users": {"table": "auth_user", "key": "id", "email": "email"},
        "exported": "{{ steps.carry_last.outputs.exported }}",
        "tables": "{{ steps.loss.outputs.gone_tables }}",
        "path": "{{ run.folder }}/affected-users.csv",
    }
    by_hand: ClassVar[str] = """
In psql, for each table in which rows were lost or in conflict, with the keys from the conflicts' file: `\\copy (SELECT
DISTINCT u.email FROM auth_user u JOIN t ON t.author_id = u.id WHERE t.id IN (…)) to '<path>' csv header`, then
`chmod 600 <path>`.
"""

    path: str = field(metadata={"help": "a file on this machine: {{ run.folder }}/affected-users.csv"})
    users: Users = field(metadata={"help": "where the site keeps its users and their addresses"})
    exported: tuple[Exported, ...] = field(default=(), metadata={"help": "what postgres.carry or sql.recover exported"})
    tables: tuple[str, ...] = field(default=(), metadata={"help": "tables of which every row's user is concerned"})
    database: str = field(default="", metadata={"help": "another database of the server; the live one, unless given"})
    server: Ref[PostgresReader] = Ref("db")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})

    def subjects(self) -> frozenset[Subject]:
        """Name the file."""
        return frozenset({Subject(self.local.name, "file", self.path)})

    def probe(self, read: Readers) -> ListState:
        """Look for the file, and count its lines."""
        database = self.database or read[self.server].database
        found = read[self.local].sha256(self.path)
        if found is None:
            return ListState(False, database)
        lines = (line.decode() for line in read[self.local].lines(("cat", "--", self.path)))
        users = sum(1 for _ in csv.reader(lines)) - 1  # an address may hold anything, also the end of a line
        return ListState(True, database, found, users)

    def desired(self, before: ListState) -> ListState:
        """Want it there."""
        return before if before.exists else replace(before, exists=True, users=_LATER)

    def ops(self, old: ListState, new: ListState) -> tuple[Op, ...]:
        """Write it, where it is missing."""
        if old.exists or not new.exists:
            return ()
        return (AffectedUsers(self.server.name, new.database, self.users, self.exported, self.tables, self.path),)

    def undo(self, change: Change[ListState]) -> Undo[ListState]:  # noqa: ARG002  # whatever was written stays
        """Leave it: it was asked for."""
        return Leave("the list stays, for those whom going back concerned")

    def verdict(self, change: Change[ListState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def outputs(self, after: ListState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the file and how many it lists; how many have no address or are gone; of which tables nothing tells."""
        given: dict[str, Plain] = {"without_email": 0, "gone": 0, "untold": []}
        for result in results:
            given.update({name: value for name, value in result.outputs.items() if name in given})
        return {"path": self.path, "users": after.users, "sha256": after.sha256, **given}
