"""`postgres.drop_kept`: the database that a swap kept is dropped, when nobody wants to go back any more."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Refuse, Subject, Undo, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.dropping import DatabaseDrop
from ...postgres.rights import missing
from ...postgres.scratch import Mark
from ...postgres.swapping import SwapRecord
from ...targets.base import PostgresReader
from ...values import Plain
from .databases import Listed, list_databases
from .surroundings import read_account

_LOOK = """
    SELECT CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
           THEN pg_catalog.pg_database_size(d.oid) END AS bytes,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) AS sessions
    FROM pg_catalog.pg_database d WHERE d.datname = :database"""


@dataclass(frozen=True, slots=True)
class KeptState:
    """Whether it is there; *swapped_at* says since when it is not live any more."""

    exists: bool
    oid: int = evidence(default=0)
    bytes: int | None = evidence(default=None)
    swapped_at: str = evidence(default="")
    run: str = evidence(default="")
    refused: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class PostgresDropKept(Action[KeptState]):
    """
    Drop a database that `postgres.swap` kept. It cannot be taken back: the swap can be undone only until then.

    Refused where the database does not bear the mark of a swap, is the live one, or has somebody in it.
    """

    kind: ClassVar[str] = "postgres.drop_kept"
    example: ClassVar[Mapping[str, Plain]] = {"database": "shop_rbkept_20260102T030405.678Z-1a2b3c"}
    by_hand: ClassVar[str] = """
In the database `postgres`: `\\l+` lists the kept databases with their sizes and marks; `DROP DATABASE "<database>";`
"""

    database: str = field(metadata={"help": "its name; the swap's output `kept`"})
    server: Ref[PostgresReader] = Ref("db")

    def __post_init__(self) -> None:
        if not self.database:
            raise ValueError("database: expected the name of a database")

    def subjects(self) -> frozenset[Subject]:
        """Name the database."""
        return frozenset({Subject(self.server.name, "database", self.database)})

    def probe(self, read: Readers) -> KeptState:
        """Look at it."""
        server = read[self.server]
        found = list_databases(server).get(self.database)
        if found is None:
            return KeptState(exists=False)
        look = next(server.rows_in(server.maintenance, _LOOK, {"database": self.database}))
        mark, record = found.mark, SwapRecord.parse(found.comment)
        return KeptState(
            exists=True,
            oid=found.oid,
            bytes=look["bytes"],
            swapped_at=record.at if record else "",
            run=mark.run if mark else "",
            refused=self._refused(server, found, mark, look["sessions"]),
        )

    def _refused(self, server: PostgresReader, found: Listed, mark: Mark | None, sessions: int) -> tuple[str, ...]:
        refused = []
        if found.name == server.database or mark is None or mark.role != "kept":
            refused.append("it does not bear the mark of a database that a swap kept")
        if sessions:
            refused.append(f"{sessions} sessions are in it")
        return (*refused, *missing(read_account(server).rename()[:1]))

    def desired(self, before: KeptState) -> KeptState:
        """Want it gone."""
        return replace(before, exists=False)

    def ops(self, old: KeptState, new: KeptState) -> tuple[Op, ...]:
        """Drop it. Raises `RefusedError` where it is none that a swap kept, or somebody is in it."""
        if not old.exists or new.exists:
            return ()
        if old.refused:
            raise RefusedError(f"{self.database} is not dropped:\n" + "\n".join(f"  - {one}" for one in old.refused))
        return (DatabaseDrop(self.server.name, self.database, old.run),)

    def undo(self, change: Change[KeptState]) -> Undo[KeptState]:  # noqa: ARG002  # whatever was in it is gone
        """Refuse it: nothing brings it back."""
        return Refuse("a dropped database is gone; only a backup brings back what was in it")

    def details(self, change: Change[KeptState]) -> tuple[str, ...]:
        """Say how old and how large it is."""
        before = change.before
        if not change.ops:
            return ()
        size = "of unknown size" if before.bytes is None else f"{before.bytes / 1e6:.0f} MB"
        return (f"kept by run {before.run} since {before.swapped_at or 'an unknown time'}, {size}",)

    def outputs(self, after: KeptState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # nothing is left to tell of
        """Give its name."""
        return {"database": self.database, "exists": after.exists}
