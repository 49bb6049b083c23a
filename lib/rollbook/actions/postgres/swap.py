"""`postgres.swap`: a restored database in the place of the live one, which is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.conflict import Choice, Side
from ...postgres.likeness import liken, unlike
from ...postgres.obstacles import PUBLISH_ANEW, SUBSCRIBE_ANEW, SUBSCRIBED
from ...postgres.pooling import PoolPause, PoolRelease
from ...postgres.rights import missing
from ...postgres.scratch import Mark, scratch_name
from ...postgres.swapping import StaleSessionsEnd, Swap, SwapBack, SwapRecord
from ...targets.base import PoolerReader, PostgresReader
from ...values import RUN_ID, Plain
from .databases import Listed, list_databases
from .reading import holds_passes, read_properties
from .surroundings import read_account, read_obstacles
from .writes import read_written

_PUBLISHED = "SELECT pubname AS name FROM pg_catalog.pg_publication ORDER BY 1"
_INSIDE = """
    SELECT count(*) AS sessions FROM pg_catalog.pg_stat_activity
    WHERE datid = :oid AND backend_type = 'client backend'"""


@dataclass(frozen=True, slots=True)
class SwapState:
    """
    Whether this run's swap was made, told by the mark on the kept database; OIDs say which databases are meant.

    *paused*: the pooler holds its clients back; *stale*: sessions on standbys read the database that is not live;
    *noted*: live still holds what the passes wrote down, for an attempt was cut off right after names changed hands.
    """

    swapped: bool
    paused: bool = False
    stale: bool = False
    noted: bool = False
    live: str = evidence(default="")
    live_oid: int | None = evidence(default=None)
    incoming_oid: int | None = evidence(default=None)
    kept: str = evidence(default="")
    kept_oid: int | None = evidence(default=None)
    swapped_at: str = evidence(default="")
    maintenance: str = evidence(default="")
    refused: tuple[str, ...] = evidence(default=())
    notes: tuple[str, ...] = evidence(default=())
    written: tuple[str, ...] = evidence(default=(), help="what was written to the live database since the swap")


@dataclass(frozen=True, slots=True)
class PostgresSwap(Action[SwapState]):
    """
    Put the database `incoming` in the place of the live one, which is kept under the name `kept`, closed.

    Both are closed and their sessions ended; then both names change hands in one transaction, and the new live
    database is opened. Owner, grants, settings of the database and of roles in it, its comment and its connection
    limit go over to it. If a final pass of `postgres.carry` wrote into `incoming`, the swap proves that the live
    database was not written to since that pass began, or fails and leaves everything as it was.

    `pooler` names a pgbouncer: its clients wait while the names change hands, and its connections are made anew.
    `standbys` names standbys of the server: sessions there that go on reading the old database are ended.

    Undo carries what was written since the swap into the kept database, and puts it back. How rows stood then that the
    two databases hold otherwise (what the migration wrote, what was left out) is kept at the swap, so the users' doings
    are told from the rollback's: rows that only the kept database has stay. What users wrote into cells and rows that
    the kept database holds otherwise are conflicts, settled as in `postgres.carry` (`conflicts`, `answers`), with both
    sides in `folder`. Rows of tables without a key are counted. Where more than 100,000 rows of a table stood
    otherwise, or no pass was carried, they are not kept: all that differs in a changed row is a conflict then, and so
    are rows of the kept database alone; of a table without a key its new rows go to a file where too many differ. Put a
    `postgres.fence` before the swap and take it down after it in a step of its own: the undo then begins with putting
    it up again.
    """

    kind: ClassVar[str] = "postgres.swap"
    example: ClassVar[Mapping[str, Plain]] = {
        "incoming": "{{ steps.restore.outputs.database }}",
        "folder": "{{ run.folder }}/swap",
        "conflicts": "ask",
        "standbys": ["replica"],
        "pooler": "pgbouncer",
    }
    by_hand: ClassVar[str] = """
In the database `postgres`, as the owner of both:

- `ALTER DATABASE "LIVE" ALLOW_CONNECTIONS false; ALTER DATABASE "<incoming>" ALLOW_CONNECTIONS false;`
- `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('LIVE', '<incoming>');` until none is left
- `BEGIN; ALTER DATABASE "LIVE" RENAME TO "<kept>"; ALTER DATABASE "<incoming>" RENAME TO "LIVE"; ALTER DATABASE "LIVE"
  ALLOW_CONNECTIONS true; COMMIT;`
"""

    incoming: str = field(metadata={"help": "the database that is to become live"})
    server: Ref[PostgresReader] = Ref("db")
    kept: str = field(default="", metadata={"help": "the name that the old live database gets; made of the run's id"})
    folder: str = field(default="", metadata={"help": "a folder on this machine, for what an undo cannot place"})
    conflicts: Choice = field(default="stop", metadata={"help": "who wins in an undo where answers: does not say it"})
    answers: Mapping[str, Side] = field(
        default_factory=dict, metadata={"help": "live (what was written since) or backup (kept), by kind and table"}
    )
    standbys: tuple[Ref[PostgresReader], ...] = field(default=(), metadata={"help": "standbys of the server"})
    pooler: Ref[PoolerReader] | None = field(default=None, metadata={"help": "a pgbouncer before the server"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which stands on the kept database"})

    def __post_init__(self) -> None:
        if not self.incoming:
            raise ValueError("incoming: expected the name of a database")

    def subjects(self) -> frozenset[Subject]:
        """Name the live name, which is another database afterwards."""
        return frozenset({Subject(self.server.name, "live")})

    def target_names(self) -> tuple[str, ...]:
        """Name the server, its standbys and its pooler."""
        others = (self.server, *self.standbys, *([self.pooler] if self.pooler else []))
        return tuple(one.name for one in others)

    def probe(self, read: Readers) -> SwapState:
        """Look which databases have the names, and whether the kept one bears this run's mark."""
        server = read[self.server]
        there, live = list_databases(server), server.database
        kept = self.kept or scratch_name(live, "kept", self.run)
        mark = Mark(self.run, "kept", live)
        swapped = kept in there and there[kept].comment.partition("\n")[0] == str(mark)
        paused = self.pooler is not None and any(one.paused for one in read[self.pooler].pools(live))
        state = SwapState(
            swapped=swapped,
            paused=paused,
            live=live,
            live_oid=there[live].oid,
            incoming_oid=there[self.incoming].oid if self.incoming in there else None,
            kept=kept,
            kept_oid=there[kept].oid if swapped else None,
            maintenance=server.maintenance,
            refused=tuple(self._refused(server, there, kept, swapped=swapped)),
        )
        if swapped:
            return self._since(read, state, there[kept], readable=there[live].accepts)
        notes = tuple(self._notes(server, there)) if there[live].accepts else ()
        return replace(state, stale=self._stale(read, state.incoming_oid), notes=notes)

    def _since(self, read: Readers, state: SwapState, kept: Listed, *, readable: bool) -> SwapState:
        """Add what is known since the swap; in the middle of the way back the live database is closed."""
        record = SwapRecord.parse(kept.comment)
        server = read[self.server]
        return replace(
            state,
            stale=self._stale(read, kept.oid),
            noted=readable and holds_passes(server, state.live),
            swapped_at=record.at if record else "",
            written=read_written(server, record.writes) if record and readable else (),
        )

    def _stale(self, read: Readers, oid: int | None) -> bool:
        if oid is None:
            return False
        found = (next(read[one].rows_in(read[one].maintenance, _INSIDE, {"oid": oid})) for one in self.standbys)
        return any(row["sessions"] for row in found)

    def _refused(
        self, server: PostgresReader, there: Mapping[str, Listed], kept: str, *, swapped: bool
    ) -> Iterator[str]:
        account = read_account(server)
        yield from missing((*account.rename(), *account.end_sessions()))
        yield from read_obstacles(server)
        if not swapped and kept in there:
            yield f"there is a database {kept} already: choose another name in kept:"

    def _notes(self, server: PostgresReader, there: Mapping[str, Listed]) -> Iterator[str]:
        """Say what goes over to the new live database, and what does not."""
        live = server.database
        subscribed = server.rows_in(server.maintenance, SUBSCRIBED, {"database": live})
        yield from (f"not carried over: subscription {row['name']}; {SUBSCRIBE_ANEW}" for row in subscribed)
        if self.incoming not in there:
            yield f"what goes over from {live} is known when {self.incoming} is there"
            return
        have, want = (read_properties(server, name) for name in (self.incoming, live))
        yield from (f"carried over: {statement}" for statement in liken(self.incoming, have, want))
        yield from (f"not carried over: {one}" for one in unlike(have, want))
        if there[self.incoming].accepts:
            here, published = (
                {row["name"] for row in server.rows_in(name, _PUBLISHED)} for name in (self.incoming, live)
            )
            yield from (f"not carried over: publication {name}; {PUBLISH_ANEW}" for name in sorted(published - here))

    def desired(self, before: SwapState) -> SwapState:
        """Want it live."""
        if before.swapped:
            return replace(before, paused=False, stale=False, noted=False)
        return replace(
            before,
            swapped=True,
            paused=False,
            stale=False,
            live_oid=before.incoming_oid,
            incoming_oid=None,
            kept_oid=before.live_oid,
            notes=(),
        )

    def ops(self, old: SwapState, new: SwapState) -> tuple[Op, ...]:
        """Hold the pooler's clients back, swap, let them go on, and end who reads on. Raises `RefusedError`."""
        turned = old.swapped is not new.swapped
        if turned and old.refused:
            raise RefusedError("The swap cannot be made:\n" + "\n".join(f"  - {one}" for one in old.refused))
        ops: list[Op] = []
        if turned and self.pooler and not old.paused:
            ops.append(PoolPause(self.pooler.name, old.live))
        if turned:
            ops.append(self._swap(old) if new.swapped else self._swap_back(old))
        elif old.noted:
            # It finds the names changed, and does what comes after that.
            ops.append(self._swap(replace(old, live_oid=old.kept_oid, incoming_oid=old.live_oid)))
        if self.pooler and (turned or old.paused):
            ops.append(PoolRelease(self.pooler.name, old.live))
        if turned or old.stale:
            ops.extend(self._stale_ends(old, new))
        return tuple(ops)

    def _swap(self, old: SwapState) -> Op:
        return Swap(
            target=self.server.name,
            maintenance=old.maintenance,
            live=old.live,
            incoming=self.incoming,
            kept=old.kept,
            live_oid=old.live_oid or 0,
            incoming_oid=old.incoming_oid,
            run=self.run,
            folder=self.folder,
            conflicts=self.conflicts,
            answers=self.answers,
        )

    def _swap_back(self, old: SwapState) -> Op:
        return SwapBack(
            target=self.server.name,
            maintenance=old.maintenance,
            live=old.live,
            incoming=self.incoming,
            kept=old.kept,
            live_oid=old.live_oid or 0,
            kept_oid=old.kept_oid or 0,
            run=self.run,
            folder=self.folder,
            conflicts=self.conflicts,
            answers=self.answers,
        )

    def _stale_ends(self, old: SwapState, new: SwapState) -> Iterator[Op]:
        """Say which database is no longer live afterwards, and have the standbys' sessions in it ended."""
        name = old.kept if new.swapped else self.incoming
        oid = old.live_oid if old.swapped is not new.swapped else (old.kept_oid if new.swapped else old.incoming_oid)
        for one in self.standbys:
            yield StaleSessionsEnd(one.name, name, oid or 0, old.maintenance)

    def undo(self, change: Change[SwapState]) -> Undo[SwapState]:
        """Carry back what was written since, and put the kept database in its place again."""
        return Reverse(replace(change.before, paused=False, stale=False), "with the rows written since")

    def verdict(self, change: Change[SwapState]) -> Verdict:
        """Sort it."""
        return "update" if change.ops else "noop"

    def details(self, change: Change[SwapState]) -> tuple[str, ...]:
        """Say what goes over, or what was written since."""
        before = change.before
        if not change.ops:
            return ()
        if not before.swapped:
            return (f"kept as {before.kept}, closed, until postgres.drop_kept", *before.notes)
        written = (f"written since the swap: {one}" for one in before.written)
        return tuple(written) or ("nothing was written since the swap",)

    def came_about(self, before: SwapState, after: SwapState) -> tuple[str, ...]:  # noqa: ARG002  # it is what was found
        """Say what went over to the new live database and what did not, which the plan may not have known yet."""
        return before.notes

    def outputs(self, after: SwapState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give both databases, and what could not be given to the new live one."""
        given: dict[str, Plain] = {
            "live_oid": after.live_oid,
            "kept": after.kept,
            "kept_oid": after.kept_oid,
            "swapped_at": after.swapped_at,
        }
        for result in results:
            given.update({name: result.outputs[name] for name in ("not_carried",) if name in result.outputs})
        return given
