"""pgbouncer, by its admin console: its pools are held back while databases behind it change names."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..errors import StepFailed, TargetError, Unreachable
from ..ops import Execution, Op, OpResult
from ..postgres.names import quote
from ..postgres.pooling import PoolPause, PoolRelease
from ..values import Secret
from .base import Finding, PoolerReader, PoolState
from .probe import BaseProbe
from .settings import PgbouncerSettings
from .surroundings import BaseTarget

if TYPE_CHECKING:
    import psycopg

    Console = psycopg.Connection[dict[str, Any]]

_PORT: Final = 6432


class PgbouncerTarget(BaseTarget[PgbouncerSettings]):
    """A pgbouncer whose admin console takes commands."""

    kind_name: ClassVar[str] = "pgbouncer"

    def reader(self) -> "PgbouncerProbe":
        """Give the side that only reads."""
        return PgbouncerProbe(self)

    @contextmanager
    def console(self) -> Iterator["Console"]:
        """Open a session of the admin console. Raises `Unreachable`, and `TargetError` for what it refuses."""
        import psycopg

        with closing(self._log_in()) as opened:
            try:
                yield opened
            except psycopg.OperationalError as error:
                raise Unreachable(
                    f"{self.name}: pgbouncer's console went away: {self.safe(error)}",
                    advice="Is it up? Resume: which pools are paused is looked at first.",
                ) from error
            except psycopg.Error as error:
                raise TargetError(
                    f"{self.name}: pgbouncer refused: {self.safe(error)}",
                    advice="The account must be one of admin_users; stats_users may only look.",
                ) from error

    def _log_in(self) -> "Console":
        import psycopg
        from psycopg.rows import dict_row

        settings = self.settings
        password = self.secrets.value(settings.password) if isinstance(settings.password, Secret) else None
        try:
            return psycopg.connect(
                host=settings.host,
                port=settings.port or _PORT,
                user=settings.user,
                password=password,
                dbname="pgbouncer",
                autocommit=True,
                connect_timeout=10,
                prepare_threshold=None,
                application_name=self.surroundings.label[:63],
                row_factory=dict_row,
            )
        except psycopg.OperationalError as error:
            raise Unreachable(
                f"{self.name}: pgbouncer's console does not answer: {self.safe(error)}",
                advice="Check host and port, and that the account is one of admin_users.",
            ) from error

    def pools(self, database: str) -> tuple[PoolState, ...]:
        """List the pools that lead to a database of the server."""
        with self.console() as console:
            rows = console.execute("SHOW DATABASES").fetchall()
        return tuple(PoolState(str(row["name"]), bool(row["paused"])) for row in rows if row["database"] == database)

    def execute(self, op: Op, execution: Execution) -> OpResult:  # noqa: ARG002  # its commands are short
        """Pause or release pools."""
        match op:
            case PoolPause():
                self._pause(op)
            case PoolRelease():
                self._release(op)
            case _:
                raise self.misplaced(op)
        return OpResult()

    def _pause(self, op: PoolPause) -> None:
        from psycopg import Error

        for pool in self.pools(op.database):
            if pool.paused:
                continue
            with self.console() as console:
                # PAUSE waits for what runs, and a cancelled one resumes the pool.
                timer = threading.Timer(op.patience, console.cancel)
                timer.start()
                try:
                    console.execute(f"PAUSE {quote(pool.name)}".encode())
                except Error as error:
                    raise StepFailed(
                        f"{self.name}: the pool {pool.name} could not be paused: {self.safe(error)}",
                        advice=f"Something ran in it for over {op.patience:.0f} seconds: SHOW CLIENTS tells what.",
                    ) from error
                finally:
                    timer.cancel()

    def _release(self, op: PoolRelease) -> None:
        for pool in self.pools(op.database):
            with self.console() as console:
                console.execute(f"RECONNECT {quote(pool.name)}".encode())
                if pool.paused:
                    console.execute(f"RESUME {quote(pool.name)}".encode())

    def findings(self) -> tuple[Finding, ...]:
        """Look whether the account may give commands."""
        with self.console() as console:
            row = console.execute("SHOW CONFIG").fetchone()
        return () if row is None else (self.finding("console", "ok", "the admin console takes commands"),)


class PgbouncerProbe(BaseProbe, PoolerReader):
    """The reading side of a pgbouncer."""

    kinds: ClassVar[tuple[str, ...]] = ("pgbouncer",)

    def __init__(self, target: PgbouncerTarget) -> None:
        super().__init__(target)
        self._console = target.console
        self._pools = target.pools

    def identity(self) -> Mapping[str, str]:
        """Read its version."""
        with self._console() as console:
            row = console.execute("SHOW VERSION").fetchone()
        return {"version": str(row["version"]) if row else "unknown"}

    def pools(self, database: str) -> tuple[PoolState, ...]:
        """List the pools that lead to a database of the server."""
        return self._pools(database)
