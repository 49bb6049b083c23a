"""`postgres.fence`: writers shut out of the live database, and let in again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Literal

from ...action import Action, Change, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...ops import Op, OpResult
from ...postgres.fencing import FENCE, FenceMark, FenceSet, SessionsEnd, split_comment
from ...postgres.rights import Account, missing
from ...targets.base import PostgresReader
from ...values import RUN_ID, Plain
from .databases import list_databases
from .surroundings import Sessions, Writer, read_account, read_obstacles, read_sessions, read_writers, unruled

How = Literal["limit", "roles"]


@dataclass(frozen=True, slots=True)
class FenceState:
    """
    How writers are kept out: the database's connection limit, which roles may log in, and the mark that tells it.

    *shut*: they are kept out, and no session of theirs is left.
    """

    shut: bool
    limit: int
    roles: Mapping[str, bool]
    mark: FenceMark | None
    how: How = evidence(default="limit")
    comment: str = evidence(default="", help="what others wrote on the database")
    oid: int = evidence(default=0)
    database: str = evidence(default="")
    maintenance: str = evidence(default="")
    sessions: tuple[Sessions, ...] = evidence(default=())
    refused: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class PostgresFence(Action[FenceState]):
    """
    Shut writers out of the live database, and end their sessions, so that nothing is written until it is swapped.

    Where the account is a superuser, by `CONNECTION LIMIT 0`, which superusers alone pass. Else by `NOLOGIN` for every
    role that may write to it, but for the tool's own accounts and those in `leave`; that holds for all databases of
    the server. `up: false` takes the fence down again: how things were before stands on the database itself, in the
    last line of its comment, which `postgres.swap` hands on to the database that becomes live.

    That nobody wrote behind the fence is proved, not assumed: the final pass of `postgres.carry` notes the server's
    counters of written rows before it reads, and `postgres.swap` compares them when every session has ended.
    Prepared transactions, logical slots and enabled subscriptions of the live database are refused.
    """

    kind: ClassVar[str] = "postgres.fence"
    example: ClassVar[Mapping[str, Plain]] = {"leave": ["monitoring"]}
    by_hand: ClassVar[str] = """
As a superuser, in the database `postgres`: `ALTER DATABASE "LIVE" CONNECTION LIMIT 0;` and down again
`ALTER DATABASE "LIVE" CONNECTION LIMIT -1;`. Without one: `ALTER ROLE "WRITER" NOLOGIN;` for each role that writes, and
`LOGIN` afterwards. Then `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'LIVE' AND pid <>
pg_backend_pid();` until none is left.
"""

    server: Ref[PostgresReader] = Ref("db")
    up: bool = field(default=True, metadata={"help": "false takes the fence down"})
    leave: tuple[str, ...] = field(default=(), metadata={"help": "roles that may go on logging in"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which stands on the fence"})

    def subjects(self) -> frozenset[Subject]:
        """Name the live database's door."""
        return frozenset({Subject(self.server.name, FENCE)})

    def probe(self, read: Readers) -> FenceState:
        """Read who may enter, and who is in."""
        server = read[self.server]
        live = list_databases(server)[server.database]
        account, sessions = read_account(server), read_sessions(server)
        how: How = "limit" if account.superuser else "roles"
        writers = read_writers(server) if how == "roles" and live.accepts else ()
        spared = {*server.accounts(), *self.leave}
        roles = {one.role: one.may_log_in for one in writers if one.role not in spared and not one.superuser}
        comment, mark = split_comment(live.comment)
        inside = [one for one in sessions if one.others and one.role not in self.leave]
        return FenceState(
            shut=not inside and (live.connections == 0 if how == "limit" else not any(roles.values())),
            limit=live.connections,
            roles=roles,
            mark=mark,
            how=how,
            comment=comment,
            oid=live.oid,
            database=live.name,
            maintenance=server.maintenance,
            sessions=sessions,
            refused=tuple(self._refused(server, account, sessions, writers)),
        )

    def _refused(
        self, server: PostgresReader, account: Account, sessions: Sequence[Sessions], writers: Sequence[Writer]
    ) -> Iterator[str]:
        yield from read_obstacles(server)
        yield from missing((*account.rename()[:1], *account.end_sessions()))
        own = server.accounts()
        for one in sessions:
            if one.others and one.role in own:
                yield (
                    f"{one.others} sessions of others use the tool's own account {one.role}, which a fence cannot shut"
                    " out: give Rollbook a role of its own"
                )
            elif one.others and one.superuser and one.role not in self.leave:
                yield f"{one.others} sessions of the superuser {one.role}, whom a fence cannot shut out: end them first"
        if not account.superuser:
            yield from missing(account.shut_out(unruled(account, writers, (*own, *self.leave))))

    def desired(self, before: FenceState) -> FenceState:
        """Want nobody in, or everybody who was."""
        mark = before.mark
        if self.up:
            told = FenceMark(self.run, before.limit, tuple(name for name, may in before.roles.items() if may))
            limit = 0 if before.how == "limit" else before.limit
            # Where there is a mark, it tells how things were before somebody let a part of the fence down.
            return replace(before, shut=True, limit=limit, roles=dict.fromkeys(before.roles, False), mark=mark or told)
        return before if mark is None else _down(before, mark)

    def ops(self, old: FenceState, new: FenceState) -> tuple[Op, ...]:
        """Set what differs, then end the sessions. Raises `RefusedError` where a fence would not hold."""
        ops: list[Op] = []
        roles = {name: may for name, may in new.roles.items() if old.roles.get(name) is not may}
        if roles or old.limit != new.limit or old.mark != new.mark:
            if new.mark is not None and old.refused:
                raise RefusedError("A fence would not hold:\n" + "\n".join(f"  - {one}" for one in old.refused))
            name, place = self.server.name, old.maintenance
            comment = old.comment if new.mark is None else new.mark.on(old.comment)
            ops.append(FenceSet(name, old.database, old.oid, place, new.limit, comment, roles))
        if new.shut and not old.shut:
            ops.append(SessionsEnd(self.server.name, old.database, old.oid, old.maintenance))
        return tuple(ops)

    def undo(self, change: Change[FenceState]) -> Undo[FenceState]:
        """Let in again whoever was let in before; or shut out again."""
        before = change.before
        mine = before.mark is not None and before.mark.run == self.run
        # A fence that somebody let down in part was put up again: before that, it was this run's too. One that an undo
        # took down was up before, and comes back whole.
        own = before.mark if mine and change.after.mark is not None else None
        return Reverse(_down(before, own) if self.up and own is not None else before)

    def verdict(self, change: Change[FenceState]) -> Verdict:
        """Sort it."""
        return "update" if change.ops else "noop"

    def details(self, change: Change[FenceState]) -> tuple[str, ...]:
        """Say who is shut out, and what else that touches."""
        if not change.ops or not change.after.shut:
            return ()
        if change.after.mark is None:
            return ("nobody is let in by this: they were shut out before the fence was put up",)
        inside = ", ".join(f"{one.role} {one.sessions}" for one in change.before.sessions) or "none"
        lines = [f"sessions now: {inside}"]
        if change.after.how == "roles":
            lines.append("NOLOGIN keeps these roles out of every database of the server")
        return tuple(lines)

    def outputs(self, after: FenceState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the probe tells them
        """Give how the fence stands."""
        roles = list(after.mark.roles) if after.mark is not None else []
        return {"up": after.shut, "how": after.how, "roles": roles, "database": after.database}


def _down(state: FenceState, mark: FenceMark) -> FenceState:
    roles = {name: may or name in mark.roles for name, may in state.roles.items()}
    # Whom somebody had shut out before stays so; nobody is in, for all sessions were ended.
    shut = mark.limit == 0 if state.how == "limit" else not any(roles.values())
    return replace(state, shut=shut, limit=mark.limit, roles=roles, mark=None)
