"""PostgreSQL as a target: a database, and what is done with whole databases of its server."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final, cast

from ...errors import Unreachable
from ...ops import Execution, Op, OpResult
from ...postgres.catalog import Catalog
from ...postgres.loss import Depth, TableLoss
from ...postgres.manifest import Manifest
from ...postgres.names import Name
from ...postgres.objects import Objects
from ...postgres.recovering import Recovery
from ...postgres.renames import Renames
from ...postgres.rights import Access, missing
from ...recovering import Asked
from ...snapshots.contents import Choice
from ...values import Plain
from ..base import Finding, PostgresReader, TargetSpec
from ..settings import PostgresSettings, SqlSettings
from ..sql import SqlProbe, SqlTarget
from ..sql_lock import SqlLock
from ..surroundings import Surroundings
from .session import connect
from .shared import Shared
from .wording import asked, connected

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from .session import Connection

Carrier = Callable[["PostgresTarget", Op, Execution], OpResult]

# The name of an op → the function beside this module that carries it out, as `module:function`.
_CARRIERS: Final[Mapping[str, str]] = {
    "postgres.make_base": "base:make_base",
    "postgres.restore_database": "restore:restore_database",
    "postgres.snapshot_dump": "dump:snapshot_dump",
    "postgres.carry_pass": "carrying:carry_pass",
    "postgres.export": "csv_export:export_csv",
    "postgres.affected_users": "affected:affected_users",
    "postgres.tables_back": "recovery:tables_back",
    "postgres.columns_back": "recovery:columns_back",
    "recovery.parts_back": "recovery:parts_back",
    "postgres.settle_recovery": "settling:settle_recovery",
    "postgres.recovery_out": "unrecovery:recovery_out",
    "postgres.refill_rows": "refilling:refill_rows",
    "postgres.refill_cells": "refilling_cells:refill_cells",
    "postgres.refill_out": "refilling_out:refill_out",
    "postgres.fence_set": "fencing:fence_set",
    "postgres.sessions_end": "fencing:sessions_end",
    "postgres.swap": "swapping:swap",
    "postgres.swap_back": "swapping_back:swap_back",
    "postgres.stale_sessions_end": "standby:stale_sessions_end",
    "postgres.database_drop": "dropping:drop_database",
    "sql.take_snapshot": "snapshots:take_snapshot",
    "sql.load_snapshot": "snapshot_loading:load_snapshot",
    "sql.shadow_run": "shadow:shadow_run",
}

_COMMENT: Final = """
    SELECT coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') AS comment FROM pg_catalog.pg_database d
    WHERE d.datname = CAST(:name AS name)"""


class PostgresTarget(SqlTarget):
    """A PostgreSQL database, able to write."""

    kind_name: ClassVar[str] = "postgres"

    def __init__(self, spec: TargetSpec, settings: SqlSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._maintenance: Engine | None = None
        self._accounts: tuple[str, ...] = ()

    @property
    def postgres(self) -> PostgresSettings:
        """The settings, which are those of this kind."""
        return cast("PostgresSettings", self.settings)

    def address(self, database: str | None = None, *, reading: bool = False) -> str:
        """
        Give a libpq address, with the password, of this or another *database*; never to be shown or journalled.

        *reading* takes the account that the inventory names for probes.
        """
        url = self.near(self.reading_settings() if reading else self.settings).set(drivername="postgresql")
        named = url if database is None else url.set(database=database)
        # SQLAlchemy leaves spaces as they are, which libpq refuses.
        return named.render_as_string(hide_password=False).replace(" ", "%20")

    def connect(self, database: str | None = None, *, reading: bool = False) -> "Connection":
        """Open a connection under the pinned settings of `session`; the caller closes it. Raises `Unreachable`."""
        return connect(self.address(database, reading=reading), label=self.surroundings.label, reading=reading)

    def accounts(self) -> tuple[str, ...]:
        """Name the roles of its accounts, the one that writes first; they are asked for where no address names them."""
        if not self._accounts:
            found = []
            for reading in (False, True):
                with closing(self.connect(self.postgres.maintenance, reading=reading)) as connection:
                    found.append(str(connection.info.user))
            self._accounts = tuple(dict.fromkeys(found))
        return self._accounts

    def reader(self) -> "PostgresProbe":
        """Give the side that only reads, with the account that the inventory names for it."""
        return cast("PostgresProbe", super().reader())

    def make_reader(self, settings: SqlSettings) -> "PostgresProbe":
        """Make the side that only reads."""
        return PostgresProbe(self, settings)

    def findings(self) -> tuple[Finding, ...]:
        """Look at rights and surroundings, from the maintenance database where the live one is closed for a swap."""
        from .preflight import look

        with self.reader().together():
            return (*(() if self.reader().closed() else super().findings()), *look(self))

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Give a lock whose session is in the maintenance database: one in the live database would keep its name."""
        with self.guard:
            if self._maintenance is None:
                self._maintenance = self.connect_with(self.settings, reading=False, database=self.postgres.maintenance)
        return SqlLock(self.name, self._maintenance, f"{self.database} {name}")

    def close(self) -> None:
        """Close every connection."""
        super().close()
        with self.guard:
            if self._maintenance is not None:
                self._maintenance.dispose()
            self._maintenance = None

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Carry out a compound op of PostgreSQL's, or what every SQL database can."""
        place = _CARRIERS.get(op.op)
        if place is None:
            return super().execute(op, execution)
        module, _, name = place.partition(":")
        carrier: Carrier = getattr(import_module(f".{module}", __package__), name)
        with connected(op.op):
            return carrier(self, op, execution)


class PostgresProbe(SqlProbe, PostgresReader):
    """The reading side of PostgreSQL."""

    kinds: ClassVar[tuple[str, ...]] = ("postgres",)

    def __init__(self, target: PostgresTarget, settings: SqlSettings) -> None:
        super().__init__(target, settings)
        self._connect_to: Callable[[str], Connection] = lambda database: target.connect(database, reading=True)
        self._shared = Shared(
            self._connect_to, lambda database: target.connect_with(settings, reading=True, database=database)
        )
        self._accounts = target.accounts
        self._maintenance = target.postgres.maintenance
        self._programs = target.postgres.programs

    def together(self) -> AbstractContextManager[None]:
        """Let the queries inside, of this thread, share one session for each other database."""
        return self._shared.together()

    @property
    def maintenance(self) -> str:
        """The name of the database from which others are made, renamed and dropped."""
        return self._maintenance

    def identity(self) -> Mapping[str, str]:
        """Read which database this is; where it is closed for a swap, the server tells it from beside."""
        if not self.closed():
            return super().identity()
        with asked("reading who the server is"), self._shared.connection(self._maintenance) as connection:
            allowed = "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
            if connection.execute(allowed).fetchone() != (True,):
                return {"database": self.database}
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
        return {"database": self.database, "system_identifier": str(row[0]) if row else ""}

    def closed(self) -> bool:
        """Tell whether the live database takes no connections at present, as in the middle of a swap."""
        query = "SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = %s"
        try:
            with asked("looking at the database"), self._shared.connection(self._maintenance) as connection:
                return connection.execute(query, (self.database,)).fetchone() == (False,)
        except Unreachable:
            return False  # whoever asks next says why

    @property
    def programs(self) -> str | None:
        """The folder of PostgreSQL's own programs, where the inventory names one."""
        return self._programs

    def rows_in(
        self, database: str, query: str, parameters: Mapping[str, Plain] | None = None
    ) -> Iterator[dict[str, Plain]]:
        """
        Stream a query's rows as `rows` does, from another database of the server.

        No connection stays open afterwards, or after what holds them `together`: one would keep the database from
        being renamed. Raises as `rows` does.
        """
        self.require_query(query)
        return self._stream_once(database, query, parameters or {})

    def accounts(self) -> tuple[str, ...]:
        """Name the roles that Rollbook itself uses, the one that writes first."""
        return self._accounts()

    def access(self, database: str) -> Access:
        """Read what the account that writes may do inside *database*."""
        from .preflight import read_access

        account = self._accounts()[0]
        with asked(f"reading the rights of {account}"), self._shared.connection(database) as connection:
            return read_access(connection, account)

    def catalog(self, database: str) -> Catalog:
        """Read what tables a database of the server has and what holds between them. Raises `Unreachable`."""
        from .catalog import read_catalog

        with asked(f"reading the catalogs of {database}"), self._shared.connection(database) as connection:
            return read_catalog(connection)

    def renames(self, database: str) -> Renames:
        """Read what was renamed in a restored copy since; nothing where that is not known. Raises `Unreachable`."""
        from .renaming import base_renames

        with asked(f"reading the catalogs of {database}"), self._shared.connection(database) as connection:
            return base_renames(connection)

    def objects(self, database: str) -> Objects:
        """Read what a database is made of besides rows."""
        from .objects import read_objects

        with asked(f"reading what {database} is made of"), self._shared.connection(database) as connection:
            return read_objects(connection)

    def losses(self, against: str, *, depth: Depth) -> tuple[TableLoss, ...]:
        """Compare the live database with one that a backup was restored into."""
        from .losses import database_losses

        doing = asked(f"comparing {self.database} with {against}")
        with doing, closing(self._connect_to(self.database)) as live, closing(self._connect_to(against)) as backup:
            return database_losses(live, backup, depth=depth)

    def put_in(self, folder: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Name what a recovery put something into."""
        from .put_in import still_in

        return still_in(folder, parts)

    def recovery(self, wanted: Asked) -> Recovery:
        """Read what a source has and live lacks."""
        from .recoverable import read_recovery

        doing = asked(f"comparing {self.database} with {wanted.source}")
        with doing, closing(self._connect_to(self.database)) as live, closing(self._connect_to(wanted.source)) as other:
            found = read_recovery(live, other, wanted, self._connect_to)
        access = self.access(self.database)
        return replace(found, lacking=missing((*access.own(found.altered), *access.stage())), account=access.name)

    def doomed(self, tables: Collection[str], columns: Collection[str]) -> Choice:
        """Choose what a snapshot saves."""
        from .doomed import read_doomed
        from .saving import describe

        doing = asked(f"looking at the tables of {self.database}")
        with doing, closing(self._connect_to(self.database)) as live:
            found = read_doomed(live, tables, columns)
            if not found.choice.refused:
                describe(live, found)  # what cannot be made again is refused before anything is written
            return found.choice

    def scratch_state(self, name: str) -> str | None:
        """Read the mark on a database of the server."""
        found = self.rows_in(self._maintenance, _COMMENT, {"name": name})
        return next((row["comment"] for row in found), None)

    def manifest_losses(
        self, manifest: Manifest, sums: bytes, dump: Callable[[Name | None], Iterable[bytes]], *, depth: Depth
    ) -> tuple[TableLoss, ...]:
        """Compare the live database with a backup's manifest, and with those of its rows that may differ."""
        from .manifest_losses import manifest_losses

        with asked(f"comparing {self.database} with a manifest"), closing(self._connect_to(self.database)) as live:
            return manifest_losses(live, manifest, sums, dump, depth=depth)

    def dump_losses(self, dump: Iterable[bytes], *, depth: Depth) -> tuple[TableLoss, ...]:
        """Compare the live database with the lines of a dump."""
        from .losses import dump_losses

        with asked(f"comparing {self.database} with a dump"), closing(self._connect_to(self.database)) as live:
            return dump_losses(live, dump, depth=depth)

    def _stream_once(self, database: str, query: str, given: Mapping[str, Plain]) -> Iterator[dict[str, Plain]]:
        with self._shared.engine(database) as engine:
            yield from self.stream(engine, query, given)
