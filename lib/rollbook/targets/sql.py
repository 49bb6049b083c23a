"""SQL databases: MySQL and MariaDB, PostgreSQL, SQLite."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from ..errors import ConflictError, Interrupted, TargetError, Unreachable
from ..ops import Execution, Op, OpResult, Sql, SqlExport, Statement, WrittenFile
from ..schema import build
from ..values import Plain, Secret
from .base import Finding, SnapshotReader, TargetSpec
from .export import LinesFile
from .probe import BaseProbe
from .settings import SqlSettings
from .sql_address import PORTS, Family, address, family, for_reader, through
from .sql_engine import check_options, family_of, make_engine, read_to_its_end
from .sql_errors import explain
from .sql_facts import clock, dated, grants, identify, rights
from .sql_limit import limit
from .sql_lock import SqlLock
from .sql_values import cell, exported, parameters, with_fractions
from .surroundings import BaseTarget, Surroundings
from .tunnel import Tunnels

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, CursorResult, Engine

    from ..mysql.catalog import Catalog
    from ..mysql.recovering import MysqlRecovery
    from ..mysql.rights import Grants
    from ..postgres.recovering import Recovery
    from ..recovering import Asked
    from ..snapshots.contents import Choice
    from ..snapshots.manifest import ReadSnapshot
    from .mysql.session import Connection as MysqlConnection

_READS: Final = ("select", "with", "show", "explain", "describe", "values", "table", "pragma")
_BATCH: Final = 1000

# The name of an op → the function below `mysql` that carries it out, as `module:function`.
_MYSQL: Final[Mapping[str, str]] = {
    "sql.take_snapshot": "snapshots:take_snapshot",
    "sql.load_snapshot": "snapshots:load_snapshot",
    "sql.schema_drop": "snapshots:drop_schema",
    "sql.shadow_run": "shadow:shadow_run",
    "mysql.table_built": "recovery:table_built",
    "mysql.tables_in": "recovery:tables_in",
    "recovery.parts_back": "recovery:parts_back",
    "mysql.columns_in": "recovery:columns_in",
    "mysql.columns_settled": "settling:columns_settled",
    "mysql.table_settled": "settling:table_settled",
    "mysql.recovery_out": "unrecovery:recovery_out",
    "mysql.refill_rows": "refilling:refill_rows",
    "mysql.refill_cells": "refilling_cells:refill_cells",
    "mysql.refill_out": "refilling_out:refill_out",
}


class SqlTarget(BaseTarget[SqlSettings]):
    """A database, able to write."""

    kind_name: ClassVar[str] = "sql"

    def __init__(self, spec: TargetSpec, settings: SqlSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._engine: Engine | None = None
        self._reader: SqlProbe | None = None
        self._tunnels = Tunnels(self.name, surroundings.others)

    @property
    def engine(self) -> "Engine":
        """The engine of the account that writes."""
        with self.guard:
            if self._engine is None:
                self._engine = self.connect_with(self.settings, reading=False)
            return self._engine

    def written_address(self, settings: SqlSettings) -> "URL":
        """Give the address for an account as it is written, with its password, which is hidden from now on."""
        url = address(self.name, settings, self.secrets)
        self.redactor.leave(filter(None, (url.username, url.host, url.database)))
        if url.password:
            self.redactor.add(f"password of {self.name}", str(url.password))
        return url

    def near(self, settings: SqlSettings) -> "URL":
        """Give the address for an account, with its password, by way of its tunnel; opens the tunnel, if any."""
        url = self.written_address(settings)
        if settings.via is None or family(url) == "sqlite":
            return url
        return through(url, *self._tunnels.reach(settings.via, url.host or "localhost", url.port or PORTS[family(url)]))

    def connect_with(self, settings: SqlSettings, *, reading: bool, database: str | None = None) -> "Engine":
        """Make an engine for an account, of this database or another of its server; connects when first used."""
        from sqlalchemy.exc import SQLAlchemyError

        near = self.near(settings)
        if database is not None:
            near = near.set(database=database)
        try:
            engine = make_engine(near, settings, reading=reading, label=self.surroundings.label)
            check_options(engine, near)
        except (ImportError, TypeError, ValueError, SQLAlchemyError) as error:
            raise TargetError(
                f"target {self.name!r} has no usable address: {self.safe(error)}",
                advice="Name the family alone, as in mysql://, and after the ? only what its driver knows.",
            ) from error
        return engine

    @property
    def database(self) -> str:
        """The name of the target's database, MySQL's schema: the live one."""
        return str(self.near(self.settings).database)

    def connect_mysql(self, *, reading: bool = False) -> "MysqlConnection":
        """Open a connection under the pinned settings of `mysql.session`; the caller closes it."""
        from .mysql.session import connect

        engine = self.connect_with(self.reading_settings() if reading else self.settings, reading=reading)
        if family_of(engine) != "mysql":
            raise TargetError(
                f"{self.name} is no MySQL or MariaDB", advice="Give a PostgreSQL database kind: postgres."
            )
        return connect(engine, label=self.surroundings.label, reading=reading)

    def reader(self) -> "SqlProbe":
        """Give the side that only reads, with the account that the inventory names for it."""
        with self.guard:
            if self._reader is None:
                self._reader = self.make_reader(self.reading_settings())
            return self._reader

    def reading_settings(self) -> SqlSettings:
        """Give the settings with the account that the inventory names for probes, or its only one."""
        account = self.spec.reader
        return self.settings if account is None else for_reader(self.settings, build(type(self.settings), account))

    def make_reader(self, settings: SqlSettings) -> "SqlProbe":
        """Make the side that only reads."""
        return SqlProbe(self, settings)

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Carry out a transaction, or write a query's rows to a file."""
        match op:
            case Sql():
                return self._transaction(op)
            case SqlExport():
                return self._export(op, execution)
        place = _MYSQL.get(op.op)
        if place is None:
            raise self.misplaced(op)
        module, _, name = place.partition(":")
        carrier: Callable[[SqlTarget, Op, Execution], OpResult]
        carrier = getattr(import_module(f".mysql.{module}", __package__), name)
        return carrier(self, op, execution)

    def _transaction(self, op: Sql) -> OpResult:
        from sqlalchemy.exc import SQLAlchemyError

        committing = False
        counts: list[int] = []
        try:
            with self.engine.connect() as session, session.begin() as transaction:
                for number, statement in enumerate(dated(op.statements, session), 1):
                    counts.append(self._statement(session, statement, f"{number} of {len(op.statements)}"))
                committing = True
                transaction.commit()
        except SQLAlchemyError as error:
            failure = explain(self.name, "COMMIT" if committing else f"statement {len(counts) + 1}", error)
            if isinstance(failure, Unreachable):
                raise self._lost(failure, committing=committing) from error
            raise failure from error
        return OpResult(outputs={"rows": counts})

    def _lost(self, failure: Unreachable, *, committing: bool) -> Unreachable:
        if not committing:
            return Unreachable(
                f"{failure.message}; it was before COMMIT, so nothing was written", advice=failure.advice
            )
        return Unreachable(
            f"{failure.message}; it went away during COMMIT, so the transaction was either written whole or not at all",
            advice="Resume: the step is probed first, and done again only where nothing was written.",
        )

    def _statement(self, session: "Connection", statement: Statement, place: str) -> int:
        touched = self._touch(session, statement, parameters(statement.parameters, self.family))
        if statement.rows is None or touched == statement.rows:
            return touched
        # A text in SQLite may have been written with a zero fraction, which Django leaves out.
        other = with_fractions(statement.parameters) if self.family == "sqlite" and touched == 0 else None
        if other is not None:
            touched = self._touch(session, statement, parameters(other, self.family))
        if touched != statement.rows:
            raise ConflictError(
                f"{self.name}: statement {place} touched {touched} row{'' if touched == 1 else 's'}, "
                f"and must touch {statement.rows}; the transaction was rolled back, nothing was written: "
                f"{self.safe(statement.render())}",
                advice="Somebody else changed these rows since they were read. Look at them, then plan again.",
            )
        return touched

    def _touch(self, session: "Connection", statement: Statement, given: Mapping[str, Plain]) -> int:
        result = run_text(session, statement.text, given)
        return len(result.fetchall()) if result.returns_rows else result.rowcount

    def _export(self, op: SqlExport, execution: Execution) -> OpResult:
        with LinesFile(Path(op.path)) as file:
            for done, row in enumerate(self.reader().rows(op.query, op.parameters), 1):
                if done % _BATCH == 0:
                    execution.progress(done, None, "rows")
                    if execution.stopping():
                        raise Interrupted(f"the export to {op.path} was stopped; the file was not written")
                shown = {name: exported(value) for name, value in row.items()}
                file.add(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
        return OpResult(
            outputs={"rows": file.lines, "path": op.path, "sha256": file.sha256, "size": file.size},
            files=(WrittenFile(op.path, file.size, file.sha256),),
        )

    @property
    def family(self) -> Family:
        """The database's family."""
        return family_of(self.engine)

    def findings(self) -> tuple[Finding, ...]:
        """Look whether the account may write, and whether the database takes writes."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect() as session:
                found = tuple(rights(session))
                theirs, held = clock(session), grants(session)
        except SQLAlchemyError as error:
            failure = explain(self.name, "connecting with the account that writes", error)
            return (self.finding("write rights", "missing", failure.message, failure.advice),)
        lines = tuple(self.finding(*one) for one in found)
        if held is not None:
            needed = held.rights(self.database)
            lines += tuple(self.finding(one.what, *one.told(held.account), kinds=one.kinds) for one in needed)
        return lines if theirs is None else (*lines, self.clock_finding(theirs))

    def grants(self) -> "Grants | None":
        """Read what the account that writes may do; None for others than MySQL and MariaDB. Raises `Unreachable`."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect() as session:
                return grants(session)
        except SQLAlchemyError as error:
            raise explain(self.name, "asking what the account may do", error) from error

    def forbidden(self, op: Op) -> tuple[Finding, ...]:
        """Ask the server whether the account may send the statements of *op*. Raises `Unreachable`."""
        from sqlalchemy.exc import SQLAlchemyError

        from .sql_rights import forbidden_writes

        if not isinstance(op, Sql):
            return ()
        try:
            return tuple(forbidden_writes(self, op))
        except SQLAlchemyError as error:
            raise explain(self.name, "asking whether the statements may be sent", error) from error

    def lock(self, name: str) -> "AbstractContextManager[None] | None":
        """Give a lock that is held by a session of its own; None for SQLite, which has none."""
        return None if self.family == "sqlite" else SqlLock(self.name, self.engine, name)

    def close(self) -> None:
        """Close every connection."""
        with self.guard:
            if self._reader is not None:
                self._reader.close()
            if self._engine is not None:
                self._engine.dispose()
            self._engine = self._reader = None
            self._tunnels.close()


class SqlProbe(BaseProbe, SnapshotReader):
    """The reading side of a database: every transaction is read-only on the server."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "postgres")

    def __init__(self, target: SqlTarget, settings: SqlSettings) -> None:
        super().__init__(target)
        self._safe = target.safe
        self._guard = target.guard
        self._connect = target.connect_with
        self._connect_mysql: Callable[[], MysqlConnection] = lambda: target.connect_mysql(reading=True)
        self._grants: Callable[[], Grants | None] = target.grants
        self._live: Callable[[], str] = lambda: target.database
        self._settings = settings
        self._secrets = target.secrets
        self._opened: Engine | None = None

    @property
    def dialect(self) -> Literal["mysql", "postgresql", "sqlite"]:
        """The database's family; MariaDB is mysql."""
        return family_of(self._engine)

    @property
    def _engine(self) -> "Engine":
        with self._guard:
            if self._opened is None:
                self._opened = self._connect(self._settings, reading=True)
            return self._opened

    def identity(self) -> Mapping[str, str]:
        """
        Read which database this is.

        PostgreSQL: system_identifier (where the account may read it) and database. MySQL: server_uuid;
        MariaDB: server_uid from 10.11.9 and 11.4.3 on; both server_id, hostname, datadir and database.
        SQLite: path and application_id.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as session:
                return identify(session)
        except SQLAlchemyError as error:
            raise explain(self._name, "asking which database it is", error) from error

    def rows(
        self, query: str, parameters: Mapping[str, Plain] | None = None, *, within: float | None = None
    ) -> Iterator[dict[str, Plain]]:
        """
        Stream a query's rows; `:name` parameters, `{"$date": …}` for times.

        In SQLite only columns declared datetime give times; `max(column)` and the like give their text.
        Raises `Unreachable` or `TargetError`, at the first row or a later one.
        """
        self.require_query(query)
        return self.stream(self._engine, query, parameters or {}, within)

    def require_query(self, query: str) -> None:
        """Raise `TargetError` where *query* does not begin like one that only reads."""
        words = query.split(None, 1)
        if not words or words[0].lower().lstrip("(") not in _READS:
            raise TargetError(
                f"{self._name}: this is no query: {self._safe(query[:200])}",
                advice="A reader only takes SELECT and the like.",
            )

    def stream(
        self, engine: "Engine", query: str, given: Mapping[str, Plain], within: float | None = None
    ) -> Iterator[dict[str, Plain]]:
        """Stream the rows of a query from *engine*, which only reads; whoever lets go early hears no error."""
        from sqlalchemy.exc import SQLAlchemyError

        handed = False
        try:
            with engine.connect() as session:
                if within is not None:
                    limit(session, min(within, self._settings.statement_timeout))
                if query.lstrip("( \n\t")[:4].lower() != "show":  # PostgreSQL has no cursor for it
                    session.execution_options(stream_results=True, max_row_buffer=_BATCH)
                # Closed before the session: PyMySQL must read a result to its end before the next statement.
                result = run_text(session, query, parameters(given, self.dialect))
                with read_to_its_end(result.cursor), result:
                    names = tuple(result.keys())
                    for row in result:
                        handed = True
                        yield dict(zip(names, map(cell, row), strict=True))
                        handed = False
        except SQLAlchemyError as error:
            if handed:  # a lost connection cannot be closed in order; what was asked for had come
                return
            raise explain(self._name, self._safe(" ".join(query.split())[:200]), error) from error

    def tables(self) -> frozenset[str]:
        """Name the tables of the database's default schema."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return frozenset(inspect(self._engine).get_table_names())
        except SQLAlchemyError as error:
            raise explain(self._name, "listing its tables", error) from error

    @property
    def database(self) -> str:
        """The name of the target's database, MySQL's schema: the live one."""
        return self._live()

    def put_in(self, folder: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Name what a recovery put something into."""
        from .postgres.put_in import still_in

        return still_in(folder, parts)

    def recovery(self, wanted: "Asked") -> "Recovery | MysqlRecovery":
        """Read what a source has and live lacks."""
        from ..postgres.rights import missing
        from .mysql.recoverable import read_recovery
        from .mysql.wording import asked

        doing = asked(self._name, f"comparing {self.database} with {wanted.source}")
        with doing, closing(self._connect_mysql()) as connection:
            found = read_recovery(connection, self.database, wanted)
        held = self._grants()
        if held is None:
            return found
        return replace(found, lacking=missing(held.put_back(self.database)), account=held.account)

    def mysql_catalog(self, schema: str) -> "Catalog":
        """Read what tables a schema of the server has and what holds between them."""
        from .mysql.catalog import read_catalog
        from .mysql.wording import asked

        with asked(self._name, f"reading the tables of {schema}"), closing(self._connect_mysql()) as connection:
            return read_catalog(connection, schema)

    def doomed(self, tables: Collection[str], columns: Collection[str]) -> "Choice":
        """Choose what a snapshot saves."""
        from .mysql.doomed import read_doomed
        from .mysql.wording import asked

        with asked(self._name, "looking at its tables"), closing(self._connect_mysql()) as connection:
            found = read_doomed(connection, self.database, tables, columns).choice
        held = self._grants()
        if held is None:
            return found
        whole = (one.name for one in found.tables if one.whole and not one.beside)
        return replace(found, refused=(*found.refused, *held.hidden(self.database, whole)))

    def scratch_state(self, name: str) -> str | None:
        """Read the mark on a database of the server."""
        from .mysql.snapshots import read_mark
        from .mysql.wording import asked

        with asked(self._name, f"looking for {name}"), closing(self._connect_mysql()) as connection:
            return read_mark(connection, name)

    def saved(self, path: str, identity: Secret | None, *, rows: bool) -> "ReadSnapshot":
        """Read a snapshot on this machine back."""
        from .snapshots.folder import read_back

        return read_back(path, self._secrets.value(identity) if identity else "", rows=rows)

    def close(self) -> None:
        """Close every connection."""
        with self._guard:
            if self._opened is not None:
                self._opened.dispose()
                self._opened = None


def run_text(session: "Connection", statement: str, given: Mapping[str, Plain]) -> "CursorResult[tuple[Plain, ...]]":
    """Run a statement with `:name` parameters; raises `TargetError` naming those that were not given."""
    from sqlalchemy import text

    prepared = text(statement)
    missing = sorted(set(prepared.compile().params) - set(given))
    if missing:
        raise TargetError(
            f"the statement has parameters without a value: {', '.join(missing)}", advice="Give them under params:."
        )
    return session.execute(prepared, dict(given))
