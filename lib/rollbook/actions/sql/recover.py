"""`sql.recover`: tables and columns that a migration took, back in the live database."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import ClassVar

from ...action import Action, Change, Leave, Readers, Ref, Reverse, Subject, Undo, Verdict, evidence
from ...dataclass import dataclass
from ...errors import RefusedError
from ...migrations.narrowed import filled_nulls, narrowed_types
from ...migrations.operation import Narrowing
from ...mysql.recovering import MysqlRecovery
from ...ops import Op, OpResult
from ...postgres.recovering import Recovery
from ...postgres.rights import require
from ...postgres.scratch import subject_names
from ...recovering import Asked, Existing, ParentsGone, Place, Remake, check_said, left_told, look_at
from ...targets.base import RecoveryReader, SqlReader
from ...values import RUN_ID, Plain, Unknown
from .servers import require_source


@dataclass(frozen=True, slots=True)
class RecoverState:
    """Tables and columns that live lacks, those that are back and not settled yet, and those that are there to fill."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    begun: tuple[str, ...]
    fill: tuple[str, ...]
    found: Recovery | MysqlRecovery = evidence()
    due: bool = evidence(default=False, help="whether there was anything to bring back")
    lacking: tuple[str, ...] = evidence(default=(), help="rights that the account lacks, with their GRANT")
    account: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class Recover(Action[RecoverState]):
    """
    Bring the tables and columns that live lacks back into it, from a database beside it that still has them.

    On PostgreSQL the source is a database of the same server, on MySQL and MariaDB a schema: a backup restored beside
    live (`postgres.restore`, `role: scratch`), or a snapshot loaded there (`sql.snapshot_load`). What people wrote
    since stays where it is: no other row is touched. Tables come with their rows, keys, indexes, triggers and grants
    in one transaction. Columns are added first, then filled by primary key in small batches that keep no one waiting,
    and only where the cell is still as it was added: what somebody wrote there since stays, and is exported to
    `folder` beside the source's value. A NOT NULL column stays NULLable while rows that came since have no value.

    Rows whose parent was deleted meanwhile stop it (`parents_gone: stop`) or are settled (`settle`): they lose their
    reference where the column allows it, else they are left out, and a file shows them as they were. Twice changes
    nothing. The undo takes out exactly what it put in, and is refused where somebody has written into that.

    A migration that was taken back leaves its tables empty and its columns with a default. With `existing: fill` the
    tables and columns that `only` names are filled as well: rows whose key is not there come back with their ids, and
    cells that still hold NULL, the column's default, or what `left` says of them; of columns in `narrowing` those that
    hold what these types make of the source's cell. Rows and cells that somebody wrote since, and rows of which a
    unique value is taken, are left alone and exported; so are the source's cells of rows that are gone (`rowless`).

    Of a table that is filled, what it had besides and has no more is made again as `remake` says: comments, unless
    somebody wrote others there; grants, which somebody may have revoked on purpose; the rest (indexes, checks,
    policies, and on PostgreSQL triggers, which act from then on). What is not made again is told, with its statement;
    what was made again stays in an undo.

    MySQL and MariaDB cannot take DDL back. There each table is built beside under a working name, and all of them are
    renamed in at once when they are whole; each step is one that a resume finds and goes on from. Grants on a table
    outlive it there, so they hold again. Triggers come with tables that are built, and cannot be kept quiet: a table
    with one that filling, or its undo, would fire is refused, and those of tables that are filled are told. Foreign
    keys are made without the server reading the table again; rows that break one are told. Rows are put back in
    batches, each of which stays; between them others get their turn, and a `replica` that is named is waited for.
    """

    kind: ClassVar[str] = "sql.recover"
    example: ClassVar[Mapping[str, Plain]] = {
        "source": "{{ steps.restore.outputs.database }}",
        "only": ["channels_*", "podcasts_show.contact"],
        "parents_gone": "settle",
        "folder": "{{ run.folder }}/recovered",
    }
    by_hand: ClassVar[str] = """
- Tables: `pg_dump -t TABLE <source> | psql -X -v ON_ERROR_STOP=1 --single-transaction` into live, all of them at once
- Columns: `ALTER TABLE … ADD COLUMN` without NOT NULL; `\\copy (SELECT id, COLUMN FROM TABLE) TO file` in `<source>`,
  into a temporary table in live, and `UPDATE … FROM` it by id, where the cell is still empty
- Then constraints, indexes and NOT NULL as `\\d TABLE` shows them in `<source>`
- On MySQL and MariaDB: `SHOW CREATE TABLE`, `INSERT INTO live.TABLE SELECT … FROM <source>.TABLE`, and
  `UPDATE live.TABLE t JOIN <source>.TABLE s USING (id) SET t.COLUMN = s.COLUMN WHERE t.COLUMN IS NULL`
"""

    source: str = field(metadata={"help": "a database of the server that still has them"})
    folder: str = field(metadata={"help": "a folder on this machine for what is left out: {{ run.folder }}/recovered"})
    only: tuple[str, ...] = field(default=(), metadata={"help": "patterns of tables, or of table.column; else all"})
    parents_gone: ParentsGone = "stop"
    existing: Existing = field(
        default="leave", metadata={"help": "fill: put missing rows and cells of what only: names back, too"}
    )
    left: Mapping[str, str | bool | int | float | None] = field(
        default_factory=dict, metadata={"help": "what a column's cells hold that nobody wrote, by table.column"}
    )
    said: tuple[str, ...] = field(
        default=(), metadata={"help": "the same as table.column=value, from somebody who looked; goes before left"}
    )
    replica: Ref[SqlReader] | None = field(
        default=None, metadata={"help": "a MySQL or MariaDB replica; filling waits while it is 10 seconds behind"}
    )
    narrowing: tuple[Narrowing, ...] = field(
        default=(),
        metadata={"help": "columns that held less meanwhile, as django.pending tells: what that left is computed"},
    )
    remake: tuple[Remake, ...] = field(
        default=("comments",),
        metadata={"help": "what tables that are filled had besides, and get again: comments, grants, rest"},
    )
    stays: bool = field(
        default=False,
        metadata={"help": "an undo leaves what it made anew: the migration that is applied again then drops it"},
    )
    server: Ref[RecoveryReader] = Ref("db")
    run: str = field(default=str(RUN_ID), metadata={"help": "the run's id, which marks what is being brought back"})

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source: expected the name of a database")
        if self.existing == "fill" and not self.only:
            raise ValueError("only: expected the tables and columns to fill; rows that users deleted would come back")
        check_said(self.said)

    def subjects(self) -> frozenset[Subject]:
        """Name the live database's tables, and the source."""
        server = self.server.name
        source = (Subject(server, "database", name) for name in subject_names(self.source))
        return frozenset({Subject(server, self.kind, self.source), Subject(server, "live"), *source})

    def probe(self, read: Readers) -> RecoverState:
        """Compare live with the source."""
        server = read[self.server]
        if self.source == server.database:
            raise RefusedError("the source is the live database itself.", advice="Name the restored one in source:.")
        require_source(server, self.source)
        left = left_told(self.left, self.said)
        narrowed, filled = narrowed_types(self.narrowing), filled_nulls(self.narrowing)
        found = server.recovery(
            Asked(self.source, self.only, self.existing, left, self.parents_gone, narrowed, self.remake, filled)
        )
        if found.keyless:
            raise RefusedError(
                f"no key tells the rows of these tables apart: {', '.join(found.keyless)}.",
                advice="Name what else to recover in only:, and bring these back by hand.",
            )
        if found.untold:
            raise RefusedError(
                f"nothing tells which cells of {', '.join(found.untold)} the reverse migration left: NULL is not"
                " allowed there, and there is no default.",
                advice=f"See {'; '.join(look_at(found.untold))}, and say in left: what that put there.",
            )
        return RecoverState(
            lacking=found.lacking,
            account=found.account,
            tables=tuple(str(one.name) for one in found.tables),
            columns=tuple(str(one) for one in found.columns),
            begun=found.begun,
            fill=found.fill,
            found=found,
            due=bool(found.tables or found.columns or found.begun or found.fill or found.parts),
        )

    def probe_for(self, read: Readers, goal: RecoverState) -> RecoverState:
        """
        Compare live with the source; where that is away, as between two steps of an undo, take all of it for back.

        What takes it out again looks first, and takes nothing that is not as in the source. Rows and cells that were
        put into what was there are in it until they are taken out, whatever somebody deleted of them since. Where all
        of it is to be back again, it is looked at as at first.
        """
        server = read[self.server]
        if server.scratch_state(self.source) is None:
            return replace(goal, tables=(), columns=(), begun=(), fill=())
        if not (goal.tables or goal.columns or goal.begun or goal.fill):
            return self.probe(read)
        there = server.put_in(self.folder, goal.fill)
        return replace(self.probe(read), fill=tuple(part for part in goal.fill if part not in there))

    def desired(self, before: RecoverState) -> RecoverState:
        """Want all of it back, and settled."""
        return replace(before, tables=(), columns=(), begun=(), fill=())

    def ops(self, old: RecoverState, new: RecoverState) -> tuple[Op, ...]:
        """Bring back what is missing, or take out what is not to be there."""
        place = self._place()
        missing = (*old.tables, *old.columns, *old.begun)
        if new.tables or new.columns or new.fill:
            taken = missing if new.tables or new.columns else new.found.made
            return tuple(new.found.away(place, taken, old.fill))
        if not (missing or old.fill or old.found.parts):
            return ()
        require(old.lacking, f"the account {old.account} of {self.server}", "putting back")
        return tuple(old.found.back(place))

    def _place(self) -> Place:
        replica = self.replica.name if self.replica else ""
        return Place(self.server.name, self.source, self.parents_gone, self.folder, self.run, replica)

    def undo(self, change: Change[RecoverState]) -> Undo[RecoverState]:
        """Take out exactly what was put in, but what is to stay."""
        made = (*change.before.tables, *change.before.columns, *change.before.begun)
        if self.stays and made:
            told = (
                f"{', '.join(made)} stay, for the migration that is applied again to drop, with what is in them by then"
            )
            if not change.before.fill:
                return Leave(told)
            return Reverse(replace(change.before, tables=(), columns=(), begun=()), f"what was filled goes out; {told}")
        return Reverse(replace(change.before, begun=()), "what came back goes out again, unless somebody wrote into it")

    def verdict(self, change: Change[RecoverState]) -> Verdict:
        """Sort it."""
        if not change.ops:
            return "noop"
        before = change.before
        back = before.tables or before.columns or before.begun or before.fill or before.found.parts
        return "create" if back else "delete"

    def details(self, change: Change[RecoverState]) -> tuple[str, ...]:
        """Show what comes back, and what live lacks besides."""
        found = change.before.found
        lines = [f"{one.name}: {found.rows.get(str(one.name), 0)} rows" for one in found.tables]
        lines += [f"{one}: column of a table that stays" for one in found.columns]
        lines += [f"{name}: begun, to be settled" for name in change.before.begun]
        lines += [f"{one}: the rows that it lacks, of {found.rows.get(str(one), 0)}" for one in found.row_refills]
        lines += [f"{one}: cells that are {one.left_of('the cell there')}" for one in found.cell_refills]
        lines += [f"{one.table}: {one.statement}" for one in found.parts]
        beside = [f"not brought back: {name}" for name in found.beside]
        kept = [f"left as it is: {one}" for one in found.kept]
        return (
            *(lines or ["live lacks nothing of it that has its place" if kept else "live lacks nothing of it"]),
            *kept,
            *beside,
        )

    def outputs(self, after: RecoverState, results: Sequence[OpResult]) -> Mapping[str, Plain]:
        """Give what was loaded and filled, what was kept, and the files."""
        given: dict[str, Plain] = {"rows": 0, "cells": 0, "conflicts": 0, "rowless": 0}
        given |= {"unsettled": [], "files": [], "exported": [], "tally": []}
        if after.due and not results:
            return {name: Unknown(f"recover.{name}") for name in given} | self._told(after)
        for result in results:
            for name, value in result.outputs.items():
                if name in given:  # numbers and lists: each op did its part
                    given[name] += value
        return given | self._told(after)

    def _told(self, after: RecoverState) -> dict[str, Plain]:
        return {"beside": list(after.found.beside), "kept": list(after.found.kept)}
