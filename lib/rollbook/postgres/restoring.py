"""The ops that make a database out of a backup beside the live one."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..ops import Command, Op
from ..values import Secret
from .names import literal, quote
from .programs import Programs, conninfo
from .properties import Properties
from .scratch import Mark, Role, workshop_name
from .source import UNPACK, Source
from .superusers import Apart, literally

# What cannot be read to its end must not be committed: psql would take its end for the dump's.
PLAIN: Final = """\
unpack=$1 file=$2 drop=$3; shift 3
{ $unpack < "$file" || printf '\\n\\\\.\\nSELECT the dump could not be read to its end;\\n'; } |
  LC_ALL=C sed -e "$drop" | "$@"
"""


PARTLY: Final = """\
set -e
archive=$1 without=$2 program=$3; shift 3
whole=$("$program" --list "$archive")
list=$(mktemp)
trap 'rm -f -- "$list"' EXIT
printf '%s\\n' "$whole" | grep -v -e "$without" > "$list"
"$program" --use-list="$list" "$@" "$archive"
"""
_PUBLIC: Final = (" SCHEMA - public ", " COMMENT - SCHEMA public ")  # it is there already


@dataclass(frozen=True, slots=True)
class RestoreDatabase(Op):
    """
    Make *database* out of a backup that lies on *host*; it has its name and its final mark when it is complete.

    A half that an earlier attempt of this run left is dropped. With *manifest*, the path of one, what was restored
    is compared with it. *restricted* says that psql can be kept from running commands.
    """

    op: ClassVar[str] = "postgres.restore_database"
    target: str
    host: str
    source: Source
    database: str
    role: Role
    live: str
    run: str
    programs: Programs
    properties: Properties
    jobs: int = 2
    manifest: str = ""
    restricted: bool = True
    public: bool = True  # whether the schema public gets its owner; else it stays with whom the server made it for
    strangers: tuple[str, ...] = ()  # roles whose default privileges are left out of what an archive has
    apart: tuple[Apart, ...] = ()  # what only a superuser could make, left out as well

    @property
    def workshop(self) -> str:
        """The name under which it is built."""
        return workshop_name(self.database, self.run)

    @property
    def made(self) -> tuple[str, str]:
        """The statements that make the empty database and mark it as unfinished."""
        return self.properties.create(self.workshop), self.marked("unfinished")

    def marked(self, role: Role) -> str:
        """Give the statement that marks it."""
        mark = str(Mark(self.run, role, self.live))
        return f"COMMENT ON DATABASE {quote(self.workshop)} IS {literal(mark)}"

    def command(self, key: str) -> tuple[str, ...]:
        """Give the command line that fills it; *key* is one that no dump can know."""
        if self.source.kind != "plain":
            jobs = 1 if self.source.kind == "tar" else self.jobs  # pg_restore reads a tar from its beginning only
            # A subscription would be a second one beside that of the live database.
            how = (f"--jobs={jobs}", "--exit-on-error", "--no-password", "--no-subscriptions", conninfo(self.workshop))
            if self.public and not self.strangers and not self.apart:
                return self.programs.argv("pg_restore", *how, self.source.archive)
            without = "\n".join(self._without())
            return ("sh", "-c", PARTLY, "sh", self.source.archive, without, *self.programs.argv("pg_restore"), *how)
        restriction = ("-c", f"\\restrict {key}") if self.restricted else ()
        given = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "--no-password", "--output=/dev/null")
        psql = self.programs.argv("psql", *given, conninfo(self.workshop), *restriction, "-f", "-")
        left = (*(() if self.public else self.source.public), *(self.source.apart if self.apart else ()))
        dropped = ";".join(f"{number}d" for number in sorted((*self.source.dropped, *left)))
        return ("sh", "-c", PLAIN, "sh", UNPACK[self.source.packing], self.source.archive, dropped, *psql)

    def _without(self) -> Iterator[str]:
        """Give patterns of grep's for the entries of an archive that are left out."""
        yield from () if self.public else _PUBLIC
        for role in self.strangers:
            yield f" DEFAULT ACL .* DEFAULT PRIVILEGES FOR [A-Z]* {literally(role)}$"
        for one in self.apart:
            yield from one.patterns()

    def finishing(self) -> tuple[str, ...]:
        """Give the statements that end it."""
        renamed = f"ALTER DATABASE {quote(self.workshop)} RENAME TO {quote(self.database)}"
        rename = (renamed,) if self.workshop != self.database else ()
        return (self.marked(self.role), *rename)

    def render(self) -> tuple[str, ...]:
        """Give the commands and statements."""
        command = self.command("‹random›")
        if self.source.kind == "plain":
            unpack = f"{UNPACK[self.source.packing]} < {shlex.quote(self.source.archive)}"
            filtered = f" | sed -e {shlex.quote(command[6])}" if command[6] else ""
            shown = f"{unpack}{filtered} | {shlex.join(command[7:])}"
        else:
            shown = shlex.join(command)
        verify = (f"compare every table with {self.manifest}",) if self.manifest else ()
        return (
            *self.made,
            shown,
            "ANALYZE",
            *verify,
            "note in its schema rollbook which transactions its rows, and those of the backup, are older than",
            *self.properties.furnish(self.workshop),
            *self.finishing(),
        )


@dataclass(frozen=True, slots=True)
class MakeBase(Op):
    """
    Restore a backup into a scratch database and run the deployed code's own migrations on it.

    The command gets the address of the scratch database, with the password, in *url_variable* and in libpq's own
    variables. That it connected to that database is looked at afterwards. With *optional* a command that fails is an
    outcome: the database then is marked as one that decides nothing.
    """

    op: ClassVar[str] = "postgres.make_base"
    target: str
    restore: RestoreDatabase
    host: str
    command: tuple[str, ...]
    url_variable: str = ""
    scheme: str = "postgresql"
    directory: str | None = None
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    run_as: str | None = None
    optional: bool = False

    def render(self) -> tuple[str, ...]:
        """Give the commands and statements of the restore, the command with its variables, and the mark."""
        restore = self.restore
        shown = {"PGDATABASE": restore.database, "PGHOST": "…", "PGUSER": "…", "PGPASSWORD": "…"}
        url = {self.url_variable: f"{self.scheme}://…/{restore.database}"} if self.url_variable else {}
        command = Command(
            self.host,
            self.command,
            directory=self.directory,
            environment={**shown, **url, **self.environment},
            run_as=self.run_as,
        )
        return (*restore.render()[: -len(restore.finishing())], *command.render(), restore.marked("base"))
