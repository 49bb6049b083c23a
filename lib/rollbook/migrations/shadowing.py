"""The op that lets pending migrations run on a copy of the schema, and compares catalogs."""

import shlex
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal

from ..dataclass import dataclass
from ..mysql import names as mysql
from ..ops import Command, Op
from ..postgres import names as postgres
from ..postgres.programs import Programs
from ..postgres.properties import Properties
from ..postgres.scratch import Mark, Role
from ..snapshots.loading import MARK
from ..values import Secret
from .shadow import Said

Part = Literal["url", "database", "host", "port", "user", "password"]

# Copies a schema without rows, but for those that say which migrations it has.
COPY: Final = """\
set -e
programs=$1 live=$2 scratch=$3 recorded=$4
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
plain="--no-owner --no-privileges --no-comments --no-publications --no-subscriptions --no-security-labels"
"$programs/pg_dump" --schema-only $plain --format=custom --file="$folder/schema" --no-password "$live"
"$programs/pg_restore" --exit-on-error $plain --no-password "$scratch" "$folder/schema"
if [ -n "$recorded" ]; then
  "$programs/pg_dump" --data-only --table="*.$recorded" --format=custom --file="$folder/rows" --no-password "$live"
  "$programs/pg_restore" --exit-on-error --data-only --no-password "$scratch" "$folder/rows"
fi
"""
RECORDS: Final = "django_migrations"


@dataclass(frozen=True, slots=True)
class ShadowRun(Op):
    """
    Copy the schema of *live* into *database*, run *command* on it, compare its catalog before and after, and drop it.

    *asking* is run first, and has to print the copy's name: what leads the code to another database must be noticed
    before it migrates that. *variables* are what the code takes the address from. What an earlier attempt of this run
    left is dropped. The result is written to *path* on this machine, and *said* is what the operations said, to be
    held against it. *programs* and *properties* are PostgreSQL's.
    """

    op: ClassVar[str] = "sql.shadow_run"
    target: str
    database: str
    live: str
    run: str
    host: str
    command: tuple[str, ...]
    asking: tuple[str, ...]
    path: str
    said: Said
    variables: Mapping[str, Part] = field(default_factory=dict)
    scheme: str = ""
    directory: str | None = None
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    run_as: str | None = None
    programs_on: str = ""
    programs: Programs | None = None
    properties: Properties | None = None

    @property
    def making(self) -> tuple[str, ...]:
        """Give the statements that make the empty database and mark it."""
        if self.properties is not None:
            return self.properties.create(self.database), self.marking("unfinished")
        mark = f"CREATE TABLE {mysql.within(self.database, MARK)} (mark int)"
        return f"CREATE DATABASE {mysql.quote(self.database)}", mark, self.marking("unfinished")

    def marking(self, role: Role) -> str:
        """Give the statement that marks it."""
        mark = str(Mark(self.run, role, self.live))
        if self.properties is None:
            return f"ALTER TABLE {mysql.within(self.database, MARK)} COMMENT = {mysql.literal(mark)}"
        return f"COMMENT ON DATABASE {postgres.quote(self.database)} IS {postgres.literal(mark)}"

    @property
    def dropping(self) -> str:
        """Give the statement that ends it."""
        quote = mysql.quote if self.properties is None else postgres.quote
        return f"DROP DATABASE {quote(self.database)}"

    def render(self) -> tuple[str, ...]:
        """Give the statements and commands in their order."""
        return (
            *self.making,
            *self._copying(),
            *self._shown(self.asking, f"must print {self.database}"),
            *self._shown(self.command, ""),
            f"compare the catalog of {self.database} with what it was before, and write {self.path}",
            self.dropping,
        )

    def _copying(self) -> tuple[str, ...]:
        if self.programs is None:
            recorded, theirs = mysql.within(self.database, RECORDS), mysql.within(self.live, RECORDS)
            made = f"SHOW CREATE TABLE of each table of {self.live}, sent to {self.database}"
            return made, f"INSERT INTO {recorded} SELECT * FROM {theirs}"  # noqa: S608  # quoted
        dump = shlex.join(self.programs.argv("pg_dump", "--schema-only", self.live))
        return f"{dump} | pg_restore into {self.database}", f"the rows of {RECORDS} too"

    def _shown(self, command: tuple[str, ...], note: str) -> tuple[str, ...]:
        shown = {name: self.database if part == "database" else "…" for name, part in self.variables.items()}
        run = Command(
            self.host,
            command,
            directory=self.directory,
            environment={**shown, **self.environment},
            run_as=self.run_as,
        )
        return tuple(f"{line}  -- {note}" if note else line for line in run.render())
