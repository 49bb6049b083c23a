"""`postgres.base`: the backup migrated forward by the deployed code, to tell its doings from the users'."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Literal

from ...action import Action, Change, Family, Readers, Ref, Reverse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...ops import Op, OpResult
from ...postgres.dropping import DatabaseDrop
from ...postgres.restoring import MakeBase
from ...postgres.scratch import scratch_name, scratch_subject
from ...saved import check_saved_path
from ...targets.base import HostReader, PostgresReader
from ...values import RUN_ID, Plain, Secret, Unknown
from .databases import list_databases
from .readiness import Readiness, read_readiness

_LATER = Unknown("run.base")
_TABLES = """
    SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollbook')"""


@dataclass(frozen=True, slots=True)
class BaseState:
    """Whether it is settled what the base is: a database, or (with `optional`) none, and then of which tables."""

    settled: bool
    scratch: str
    database: str | Unknown = evidence(default="", help="empty where the migrations failed")
    oid: int | Unknown = evidence(default=0)
    undecided: tuple[str, ...] | Unknown = evidence(default=(), help="by migration or by users, nobody can tell")
    live: str = evidence(default="")
    readiness: Readiness | None = evidence(default=None)


@dataclass(frozen=True, slots=True)
class PostgresBase(Action[BaseState]):
    """
    Restore the backup into a scratch database and run the deployed code's own migrations on it.

    Only against that are the live database's differences the users' own: with the bare backup as base, every row that
    a migration deleted or rewrote would look like a user's doing. The command gets the scratch database's address, with
    its password, in the variable `url_variable` and in PGDATABASE, PGHOST, PGPORT, PGUSER and PGPASSWORD; that it
    connected there is looked at. With `optional` migrations that fail are an outcome: `database` is empty then, and
    `undecided` names the tables.
    """

    kind: ClassVar[str] = "postgres.base"
    family: ClassVar[Family] = "artefact"
    example: ClassVar[Mapping[str, Plain]] = {
        "backup": "/var/backups/shop/shop_20260102T030405.678Z-1a2b3c",
        "command": ["python", "manage.py", "migrate", "--no-input"],
        "code_on": "web",
        "directory": "/srv/shop/current",
        "url_variable": "DATABASE_URL",
    }
    by_hand: ClassVar[str] = """
Restore the backup into another database as `postgres.restore` says, then, where the deployed code is:

- `<url_variable>=postgresql://USER:PASSWORD@HOST/SCRATCH <command>`
- look into that database whether the migrations of the deploy are in it (`SELECT name FROM django_migrations`)
"""

    backup: str = field(metadata={"help": "path of a backup on runs_on"})
    command: tuple[str, ...] = field(metadata={"help": "what migrates, such as [python, manage.py, migrate]"})
    server: Ref[PostgresReader] = Ref("db")
    runs_on: Ref[HostReader] = field(
        default=Ref("local"), metadata={"help": "the host with the backup, on which pg_restore runs"}
    )
    code_on: Ref[HostReader] = field(default=Ref("local"), metadata={"help": "where the deployed code is"})
    directory: str | None = field(default=None, metadata={"help": "the folder to start the command in"})
    url_variable: str = field(
        default="", metadata={"help": "variable from which the code takes the database's url, such as DATABASE_URL"}
    )
    scheme: Literal["postgresql", "postgres", "postgresql+psycopg", "postgis"] = field(
        default="postgresql", metadata={"help": "how that url begins"}
    )
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    run_as: str | None = None
    optional: bool = field(default=False, metadata={"help": "go on without a base where the migrations fail"})
    jobs: int = field(default=2, metadata={"help": "tables and indexes that are made at the same time"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks the database"})

    def __post_init__(self) -> None:
        check_saved_path("backup", self.backup)
        if not self.command or not self.command[0]:
            raise ValueError("command: expected a list of words")
        if self.jobs < 1:
            raise ValueError("jobs: expected at least 1")

    def subjects(self) -> frozenset[Subject]:
        """Name the scratch database."""
        return frozenset({Subject(self.server.name, "database", scratch_subject("base", self.run))})

    def probe(self, read: Readers) -> BaseState:
        """Look whether this run has made its base, and at the backup where it has not."""
        server = read[self.server]
        name = scratch_name(server.database, "base", self.run)
        found = list_databases(server).get(name)
        mark = found.mark if found is not None else None
        state = BaseState(False, name, live=server.database)
        if found is None or mark is None or mark.run != self.run or mark.role not in ("base", "undecided"):
            return replace(state, readiness=read_readiness(server, read[self.runs_on], self.backup))
        if mark.role == "base":
            return replace(state, settled=True, database=name, oid=found.oid)
        tables = {row["name"] for database in (name, server.database) for row in server.rows_in(database, _TABLES)}
        return replace(state, settled=True, undecided=tuple(sorted(tables)))

    def desired(self, before: BaseState) -> BaseState:
        """Want it settled."""
        if before.settled:
            return before
        undecided: tuple[str, ...] | Unknown = _LATER if self.optional else ()
        database: str | Unknown = _LATER if self.optional else before.scratch
        return replace(before, settled=True, database=database, oid=_LATER, undecided=undecided)

    def ops(self, old: BaseState, new: BaseState) -> tuple[Op, ...]:
        """Make it, or drop it on the way back."""
        if old.settled == new.settled:
            return ()
        if old.settled:
            return (DatabaseDrop(self.server.name, old.scratch, self.run),)
        if old.readiness is None:
            return ()
        names = (self.server.name, self.runs_on.name, old.scratch)
        restore = old.readiness.restoring(*names, "unfinished", old.live, self.run)
        base = MakeBase(
            target=self.server.name,
            restore=replace(restore, jobs=self.jobs, manifest=""),
            host=self.code_on.name,
            command=self.command,
            url_variable=self.url_variable,
            scheme=self.scheme,
            directory=self.directory,
            environment=dict(self.environment),
            run_as=self.run_as,
            optional=self.optional,
        )
        return (base,)

    def undo(self, change: Change[BaseState]) -> Undo[BaseState]:
        """Drop it: it holds nothing that is not made again."""
        return Reverse(change.before)

    def details(self, change: Change[BaseState]) -> tuple[str, ...]:
        """Say what it is made from, and what came of the migrations."""
        ready = change.before.readiness
        if change.ops and ready is not None:
            return ready.details()
        undecided = change.after.undecided
        if isinstance(undecided, Unknown) or not undecided:
            return ()
        return (f"the migrations failed: in {len(undecided)} tables nobody can tell migration and users apart",)

    def outputs(self, after: BaseState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give the database, empty where there is none, and the tables that then are undecided."""
        failure = "".join(str(result.outputs.get("failure", "")) for result in results)
        undecided = after.undecided if isinstance(after.undecided, Unknown) else list(after.undecided)
        return {"database": after.database, "oid": after.oid, "undecided": undecided, "failure": failure}
