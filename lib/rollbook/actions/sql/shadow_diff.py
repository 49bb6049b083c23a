"""`sql.shadow_diff`: the pending migrations on a copy of the schema, as a second opinion on what they take."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Family, Leave, Readers, Ref, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...migrations.operation import Narrowing
from ...migrations.shadow import Said, ShadowFound, disagreements, lines
from ...migrations.shadowing import Part, ShadowRun
from ...ops import Op, OpResult
from ...postgres.programs import Programs, finding, found, majors
from ...postgres.properties import READ, Properties
from ...postgres.scratch import Mark, scratch_name
from ...schema import build
from ...targets.base import HostReader, PostgresReader, SnapshotReader
from ...values import RUN_ID, Plain, Secret, Unknown
from .servers import family_of

_TAG: Final = "rbshadow"
_LATER: Final = Unknown("run.shadow")
_ASK: Final = """\
from django.db import connections; cursor = connections[{alias!r}].cursor(); \
cursor.execute("SELECT {function}()"); print(); print(cursor.fetchone()[0])"""
_VERSION: Final = "SELECT current_setting('server_version_num')::int / 10000 AS major"


@dataclass(frozen=True, slots=True)
class ShadowState:
    """Whether the result is there; *found* is what stands in it."""

    exists: bool
    scratch: str
    found: ShadowFound | Unknown | None = evidence(default=None)
    live: str = evidence(default="")
    server: str = evidence(default="postgresql")
    programs: Programs | None = evidence(default=None)
    properties: Properties | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class ShadowDiff(Action[ShadowState]):
    """
    Let the pending migrations run on a copy of the schema, and read off the catalogs what they took.

    The copy is a database beside the live one: every table without its rows, but for the record of migrations. The
    command gets its address, with the password, in the variables that `variables` names (and on PostgreSQL in PGHOST,
    PGPORT, PGUSER, PGPASSWORD and PGDATABASE). Before it migrates, the code is asked which database it is connected to,
    and nothing is run unless that is the copy: of `manage.py migrate` that question is made by itself, else `asking` is
    a command that prints the name. The copy is dropped at the end, whatever comes of it; the result is a file.

    Where the catalogs and `django.pending` (`tables`, `columns`, `narrowing`, `renamed`) disagree, that is shown. Rows
    are not looked at: what deletes or writes over them is not seen here. Code of migrations runs for real: what it does
    outside of this database, it does.
    """

    kind: ClassVar[str] = "sql.shadow_diff"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "command": ["python", "manage.py", "migrate", "--no-input"],
        "code_on": "web",
        "directory": "/srv/shop/releases/next",
        "variables": {"DATABASE_URL": "url"},
        "path": "{{ run.folder }}/shadow.json",
        "tables": "{{ steps.pending.outputs.tables }}",
        "columns": "{{ steps.pending.outputs.columns }}",
        "renamed": "{{ steps.pending.outputs.renamed }}",
    }
    by_hand: ClassVar[str] = """
- PostgreSQL: `createdb SHADOW`, `pg_dump -s LIVE | psql SHADOW`, `pg_dump -a -t django_migrations LIVE | psql SHADOW`
- MariaDB: `mariadb-dump --no-data LIVE | mariadb SHADOW`, and the rows of `django_migrations`
- run `<command>` with the settings leading to SHADOW, and look twice that they do
- compare `pg_dump -s SHADOW` (or `mariadb-dump --no-data SHADOW`) from before and after, then drop SHADOW
"""
    output_names: ClassVar[tuple[str, ...] | None] = (
        "path",
        "tables",
        "columns",
        "narrowed",
        "made",
        "migrations",
        "uncopied",
        "disagreements",
        "agree",
    )

    command: tuple[str, ...] = field(metadata={"help": "what migrates, such as [python, manage.py, migrate]"})
    path: str = field(metadata={"help": "a file on this machine for the result: {{ run.folder }}/shadow.json"})
    asking: tuple[str, ...] = field(
        default=(), metadata={"help": "a command that prints the name of the database that the code is connected to"}
    )
    variables: Mapping[str, Part] = field(
        default_factory=dict, metadata={"help": "what the code takes the address from: {DATABASE_URL: url}"}
    )
    scheme: str = field(default="", metadata={"help": "how that url begins, such as postgres or mysql"})
    code_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "where the code is"})
    directory: str | None = field(default=None, metadata={"help": "the folder to start the command in"})
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    run_as: str | None = None
    runs_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "the host on which pg_dump runs"})
    server: Ref[SnapshotReader] = Ref("db")
    local: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "this machine"})
    tables: tuple[str, ...] = field(default=(), metadata={"help": "those that go, by what the operations say"})
    columns: tuple[str, ...] = field(default=(), metadata={"help": "those that go, as table.column"})
    narrowing: tuple[Narrowing, ...] = field(default=(), metadata={"help": "columns that are to hold less"})
    renamed: Mapping[str, str] = field(default_factory=dict, metadata={"help": "old names and new ones"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("command: expected one, as a list")
        if not self.asking and "migrate" not in self.command:
            raise ValueError("asking: expected a command that prints the name of the database the code is connected to")
        if not self.path:
            raise ValueError("path: expected a file for the result")

    def subjects(self) -> frozenset[Subject]:
        """Name the file, and the database that is made and dropped."""
        return frozenset(
            {
                Subject(self.local.name, "file", self.path),
                Subject(self.server.name, "database", f"shadow of {self.run}"),
            }
        )

    def probe(self, read: Readers) -> ShadowState:
        """Look for the result, and at what the copy will be made of."""
        server = read[self.server]
        family = family_of(server)
        name = scratch_name(server.database, "scratch", self.run, _TAG)
        content = read[self.local].read_file(self.path)
        if content is not None:
            return ShadowState(True, name, build(ShadowFound, json.loads(content)), server.database, family)
        self._require_own(server, name)
        state = ShadowState(False, name, live=server.database, server=family)
        if not isinstance(server, PostgresReader):
            return state
        properties = build(Properties, next(iter(server.rows(READ, {"database": server.database}))))
        return replace(state, properties=properties, programs=_programs(server, read[self.runs_on]))

    def _require_own(self, server: SnapshotReader, name: str) -> None:
        comment = server.scratch_state(name)
        mark = Mark.parse(comment)
        if comment is not None and (comment and (mark is None or mark.run != self.run)):
            raise RefusedError(
                f"{server.name} has a database {name!r} that this run did not make: {comment}.",
                advice="Drop it if nobody needs it.",
            )

    def desired(self, before: ShadowState) -> ShadowState:
        """Want the result."""
        return before if before.exists else replace(before, exists=True, found=_LATER)

    def ops(self, old: ShadowState, new: ShadowState) -> tuple[Op, ...]:
        """Make the copy, migrate it, compare and drop it."""
        if old.exists or not new.exists:
            return ()
        shadow = ShadowRun(
            target=self.server.name,
            database=old.scratch,
            live=old.live,
            run=self.run,
            host=self.code_on.name,
            command=self.command,
            asking=self.asking or tuple(_asking(self.command, mysql=old.server == "mysql")),
            path=self.path,
            said=self._as_said(),
            variables=dict(self.variables),
            scheme=self.scheme,
            directory=self.directory,
            environment=dict(self.environment),
            run_as=self.run_as,
            programs_on=self.runs_on.name,
            programs=old.programs,
            properties=old.properties,
        )
        return (shadow,)

    def undo(self, change: Change[ShadowState]) -> Undo[ShadowState]:  # noqa: ARG002  # always the same
        """Leave it: the copy is gone already."""
        return Leave("it is a finding, and the copy is gone already")

    def verdict(self, change: Change[ShadowState]) -> Verdict:
        """Sort it: made, or there already."""
        return "create" if change.ops else "noop"

    def details(self, change: Change[ShadowState]) -> tuple[str, ...]:
        """Show what was found, once it is."""
        found = change.after.found
        if not isinstance(found, ShadowFound):
            return ()
        return tuple(lines(found, self._as_said()))

    def _as_said(self) -> Said:
        return Said(self.tables, self.columns, tuple(one.column for one in self.narrowing), dict(self.renamed))

    def outputs(self, after: ShadowState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give what was found, and where it differs from what the operations say."""
        given = next((result.outputs["found"] for result in results if "found" in result.outputs), None)
        shadow = build(ShadowFound, given) if given is not None else after.found
        if not isinstance(shadow, ShadowFound):
            later = {name: Unknown(f"shadow.{name}") for name in self.output_names or ()}
            return {**later, "path": self.path}
        differing = list(disagreements(shadow, self._as_said()))
        return {
            "path": self.path,
            "tables": list(shadow.tables),
            "columns": list(shadow.columns),
            "narrowed": [one.column for one in shadow.narrowed],
            "made": list(shadow.made),
            "migrations": list(shadow.migrations),
            "uncopied": list(shadow.uncopied),
            "disagreements": differing,
            "agree": not differing,
        }


def _asking(command: tuple[str, ...], *, mysql: bool) -> Iterator[str]:
    """Give the command that asks a Django site, started as *command* starts it, for the name of its database."""
    alias = "default"
    for word, after in zip(command, (*command[1:], ""), strict=True):
        if word.startswith("--database"):
            alias = word.partition("=")[2] or after
    yield from command[: command.index("migrate")]
    yield from ("shell", "-c", _ASK.format(alias=alias, function="database" if mysql else "current_database"))
    yield from (word for word in command if word.startswith(("--settings=", "--pythonpath=")))


def _programs(server: PostgresReader, host: HostReader) -> Programs:
    major = int(next(iter(server.rows(_VERSION)))["major"])
    there = found(host.run(finding(server.programs, major)).stdout)
    for programs in there:
        if programs.major == major:
            return programs
    raise RefusedError(
        f"{host.name} has no pg_dump and pg_restore of PostgreSQL {major}: found {majors(there)}.",
        advice=f"Install postgresql-client-{major} there, or name a host that has them in runs_on:.",
    )
