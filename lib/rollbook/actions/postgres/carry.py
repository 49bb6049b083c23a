"""`postgres.carry`: the users' rows, from the live database into the one restored from a backup."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Leave, Readers, Ref, Subject, Undo, evidence
from ...dataclass import dataclass
from ...ops import Op, OpResult
from ...postgres.carrying import DECISIONS, CarryPass
from ...postgres.conflict import Choice, Side
from ...postgres.passes import Differing, Told, pass_subject
from ...postgres.rights import missing, require
from ...postgres.rules import Rule
from ...postgres.swapping import SwapRecord
from ...schema import build, encode
from ...targets.base import PostgresReader
from ...values import RUN_ID, Plain, Unknown
from .databases import list_databases
from .outlook import Outlook, read_outlook
from .reading import holds_passes

_LATER: Final = Unknown("steps.this step.outputs.rows")
_PASSES: Final = """
    SELECT final, run, number, told - 'writes' AS told FROM rollbook.passes ORDER BY at DESC"""


@dataclass(frozen=True, slots=True)
class CarryState:
    """Whether this pass was carried through; the rest is what it, or the latest pass before it, told."""

    carried: bool
    live: str = evidence(default="")
    rows: int | Unknown = evidence(default=0)
    conflicts: int | Unknown = evidence(default=0)
    told: Told | None = evidence(default=None)
    before: Told | None = evidence(default=None, help="what the pass before this one told")
    outlook: Outlook | None = evidence(default=None, help="None while the restored database is not there")
    lacking: tuple[str, ...] = evidence(default=(), help="rights that the account lacks, with their GRANT")
    account: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class PostgresCarry(Action[CarryState]):
    """
    Carry the rows that users wrote since the backup from the live database into the restored one.

    A three-way merge by primary key, cell by cell: `base` (the backup migrated forward by the deployed code), the
    backup as restored, and live. Without a `base` nothing tells the migration's doings from the users', except in
    `untouched` tables. A pass is one transaction of the restored database: killed, it has not been. A first pass
    (`final: false`) may run while users write; the `final` one belongs behind `postgres.fence`. Rows without a key that
    both sides have are counted, by the final pass; the first one only tells what of them will not fit.

    What does not fit is a conflict: exported with both sides below `folder`, and settled by `answers` (by kind and
    table), else by `conflicts`. With `ask` a final pass with other conflicts keeps nothing and asks who wins, for all
    of them or for each kind and table; where nobody can answer the run waits, and `resume` goes on with `--answer
    STEP=live` (or `backup`, or `"edited_by_both app_user=live, others=backup"`). With `stop` it fails instead, and a
    resume takes the same answers. Either way it writes `decisions.csv` beside the conflicts, a line a kind and table;
    whoever writes `live` or `backup` there needs no answer but `resume`. With `ask` the first pass writes that file
    already, so that most is decided while users still work; both passes then want the same `folder`.

    Tables of Django's own have rules: `django_migrations` stays as in the backup, for it says what the schema is.
    `django_content_type` and `auth_permission` stay too, but for rows that carried rows point at, which are brought
    in; ids are mapped by what they name (`app_label` and `model`, content type and `codename`) wherever they clash.
    `django_session` is the users' (live wins), `django_admin_log` is carried like every other table, with its content
    types mapped. `tables` says otherwise, for these and for any other table.
    """

    kind: ClassVar[str] = "postgres.carry"
    example: ClassVar[Mapping[str, Plain]] = {
        "restored": "{{ steps.restore.outputs.database }}",
        "base": "{{ steps.base.outputs.database }}",
        "folder": "{{ run.folder }}/carry",
        "final": True,
        "conflicts": "ask",
        "answers": {"unique_clash accounts_user": "live"},
        "tables": {"search_log": "leave"},
    }
    by_hand: ClassVar[str] = """
There is no short way. For each table of `<restored>`, children after the tables that they point at: compare the rows of
live with those of the backup by key (`COPY … TO` from both, sorted, then `diff`), and bring over what users inserted,
changed and deleted; leave out what the migration did. Then set every sequence at or above live's `last_value`, and look
every foreign key up with a `LEFT JOIN`.
"""

    restored: str = field(metadata={"help": "the database restored from the backup"})
    folder: str = field(metadata={"help": "a folder on this machine for what has no place: {{ run.folder }}/carry"})
    server: Ref[PostgresReader] = Ref("db")
    base: str = field(default="", metadata={"help": "the backup migrated forward, where there is one"})
    final: bool = field(default=False, metadata={"help": "the last pass, while nobody writes"})
    number: int = field(default=1, metadata={"help": "which pass of its sort this is, where a runbook has several"})
    conflicts: Choice = field(default="stop", metadata={"help": "who wins where answers: does not say it"})
    answers: Mapping[str, Side] = field(
        default_factory=dict, metadata={"help": 'live or backup by kind and table: {"unique_clash app_user": live}'}
    )
    untouched: tuple[str, ...] = field(default=(), metadata={"help": "tables that the migration left alone"})
    tables: Mapping[str, Rule] = field(default_factory=dict, metadata={"help": "rules for whole tables"})
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which the pass is written down with"})

    def __post_init__(self) -> None:
        if not self.restored:
            raise ValueError("restored: expected the name of a database")
        if self.number < 1:
            raise ValueError("number: expected at least 1")

    def subjects(self) -> frozenset[Subject]:
        """Name the passes of the restored database."""
        return frozenset({Subject(self.server.name, *pass_subject(self.restored, self.number, final=self.final))})

    def probe(self, read: Readers) -> CarryState:
        """Read from the restored database's own ledger whether this run's pass was carried through."""
        server = read[self.server]
        with server.together():
            return self._look(server)

    def _look(self, server: PostgresReader) -> CarryState:
        databases = list_databases(server)
        found, base = databases.get(self.restored), databases.get(self.base)
        if found is None or not found.accepts or self.restored == server.database:
            return CarryState(False, server.database, lacking=_lacking(server, ""), account=server.accounts()[0])
        if SwapRecord.parse(found.comment) is not None:
            # It was live, with the passes in it, and a way back led from it: the swap carries what was written since.
            return CarryState(carried=True, live=server.database)
        passes = tuple(_passes(server, self.restored))
        own = next((told for mark, told in passes if mark == (self.final, self.run, self.number)), None)
        own = None if own is None or own.overtaken else own
        if own is not None:
            return _carried(server.database, own)
        return CarryState(
            carried=False,
            live=server.database,
            before=passes[0][1] if passes else None,
            outlook=read_outlook(
                server, self.restored, self.base if base is not None and base.accepts else "", self.tables
            ),
            lacking=_lacking(server, self.restored),
            account=server.accounts()[0],
        )

    def desired(self, before: CarryState) -> CarryState:
        """Want the pass carried through; what it finds is known when it has."""
        if before.carried:
            return before
        return replace(before, carried=True, rows=_LATER, conflicts=_LATER, before=None, outlook=None)

    def ops(self, old: CarryState, new: CarryState) -> tuple[Op, ...]:
        """Carry it, where it was not."""
        if old.carried or not new.carried:
            return ()
        require(old.lacking, f"the account {old.account} of {self.server}", "carrying rows over")
        carry = CarryPass(
            target=self.server.name,
            live=old.live,
            restored=self.restored,
            base=self.base,
            run=self.run,
            folder=self.folder,
            final=self.final,
            number=self.number,
            conflicts=self.conflicts,
            answers=self.answers,
            tables=self.tables,
            untouched=self.untouched,
        )
        return (carry,)

    def undo(self, change: Change[CarryState]) -> Undo[CarryState]:  # noqa: ARG002  # live was only read
        """Leave it: live was only read, and the restored database goes as it came."""
        return Leave("the rows are in a database that is not live, and stay there")

    def details(self, change: Change[CarryState]) -> tuple[str, ...]:
        """Say per table what the pass does, as far as that is known, and which conflicts the pass before met."""
        return tuple(self._details(change))

    def _details(self, change: Change[CarryState]) -> Iterator[str]:
        before = change.before
        if before.outlook is None:
            yield f"what it does per table is known when {self.restored} is there"
        else:
            yield from before.outlook.lines(before.before)
        if before.before is not None:
            yield from (
                f"conflict of the pass before: {count} times {name}" for name, count in before.before.conflicts.items()
            )
        if self.conflicts == "ask":
            yield f"decisions are taken from {self.folder}/{DECISIONS}"
            if self.final:
                yield "where rows do not fit and nobody has decided, it keeps nothing and asks who wins"
        if change.after.told is not None:
            yield from _counted(change.after.told.differing)
            yield from change.after.told.renamed
            yield from _compared(change.after.told.whole)
            if made := change.after.told.partitions:
                yield f"partitions made that the backup did not have, as live has them: {', '.join(made)}"

    def came_about(self, before: CarryState, after: CarryState) -> tuple[str, ...]:  # noqa: ARG002  # all is new
        """Say per table what was carried over, what did not fit, and where that is listed."""
        told = after.told or Told()
        listed = (f"listed: {one.what}, {one.rows} rows in {one.path}" for one in told.exported)
        clashes = (f"conflict: {count} times {name}" for name, count in told.conflicts.items())
        return (*(_counted(told.differing) or ("no row differed",)), *told.renamed, *clashes, *listed)

    def outputs(self, after: CarryState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # the probe tells them
        """Give how many rows differed, per table too, the conflicts, and the files with what has no place."""
        if isinstance(after.rows, Unknown):  # planned: a later step must not take it for nothing
            later = dict.fromkeys(("tables", "kinds", "conflicts_file", "exported"), encode(_LATER))
            return {"rows": encode(after.rows), "conflicts": encode(after.conflicts), **later}
        told = after.told or Told()
        files = [one for one in told.exported if one.what == "conflicts"]
        return {
            "rows": encode(after.rows),
            "tables": encode(told.differing),
            "conflicts": encode(after.conflicts),
            "kinds": dict(told.conflicts),
            "conflicts_file": files[0].path if files else "",
            "exported": encode(told.exported),
        }


def _lacking(server: PostgresReader, restored: str) -> tuple[str, ...]:
    """Say which rights a pass takes that the account lacks: reading all of live, writing all of *restored*."""
    rights = server.access(server.database).read_all()
    if restored:
        there = server.access(restored)
        rights = (*rights, *there.own(), *there.stage())
    return missing(rights)


def _passes(server: PostgresReader, restored: str) -> Iterator[tuple[tuple[bool, str, int], Told]]:
    """Give the passes that were carried through, the latest first."""
    if not holds_passes(server, restored):
        return
    for row in server.rows_in(restored, _PASSES):
        yield (row["final"], row["run"], row["number"]), build(Told, row["told"])


def _carried(live: str, told: Told) -> CarryState:
    return CarryState(
        carried=True,
        live=live,
        rows=sum(one.total for one in told.differing.values()),
        conflicts=sum(told.conflicts.values()),
        told=told,
    )


def _compared(whole: Mapping[str, str]) -> Iterator[str]:
    """Say of which tables every row was compared, and why; of all others only those written since were."""
    for why in sorted(set(whole.values())):
        yield f"every row was compared of {', '.join(sorted(name for name in whole if whole[name] == why))}: {why}"


def _counted(differing: Mapping[str, Differing]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {one.inserted} new, {one.updated} changed, {one.deleted} deleted rows"
        for name, one in differing.items()
    )
