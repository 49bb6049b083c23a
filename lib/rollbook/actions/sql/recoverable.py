"""`sql.recoverable`: whether a database beside live still has what is to come back, before anything is done."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...errors import RefusedError
from ...migrations.narrowed import filled_nulls, narrowed_types
from ...migrations.operation import Narrowing
from ...migrations.table import aligned
from ...ops import OpResult
from ...postgres.scratch import subject_names
from ...recovering import Asked, Existing, check_said, left_told, look_at
from ...targets.base import RecoveryReader
from ...values import Plain
from .servers import require_source


@dataclass(frozen=True, slots=True)
class SourceState:
    """
    The source, and of what it has the tables (with its rows) and columns that live lacks just now.

    *untold* are columns of live of which nothing tells what their cells hold that nobody wrote.
    """

    source: str = identity()
    rows: Mapping[str, int] = evidence()
    columns: tuple[str, ...] = evidence(default=())
    untold: tuple[str, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class SqlRecoverable(Fact[SourceState]):
    """
    See that a database beside live has every table and column that is to come back from it.

    Before a way back is gone: a backup from after the migration, or of another site, has nothing to give, and that is
    to be known while everything is still as it is. A source that lacks what `only` calls by its whole name is refused.
    After it, with `existing: fill`, the output `untold` names columns that `sql.recover` would refuse to fill before
    somebody says what the way back put there; `look` has the queries that show it. Rows that no key tells apart on both
    sides are refused as well.
    """

    kind: ClassVar[str] = "sql.recoverable"
    example: ClassVar[Mapping[str, Plain]] = {
        "source": "{{ steps.restore.outputs.database }}",
        "only": ["channels_comment", "podcasts_show.contact"],
    }
    by_hand: ClassVar[str] = """
- PostgreSQL: `psql -d <source> -c '\\d TABLE'` for each table of `<only>`; MySQL, MariaDB: `SHOW CREATE TABLE
  <source>.TABLE`
"""
    output_names: ClassVar[tuple[str, ...] | None] = ("rows", "columns", "untold", "look")

    source: str = field(metadata={"help": "a database of the server: restored, a clone, or a loaded snapshot"})
    only: tuple[str, ...] = field(default=(), metadata={"help": "tables, or table.column, or patterns of them"})
    existing: Existing = field(default="leave", metadata={"help": "fill: of tables and columns that are there, too"})
    left: Mapping[str, str | bool | int | float | None] = field(
        default_factory=dict, metadata={"help": "what a column's cells hold that nobody wrote, by table.column"}
    )
    said: tuple[str, ...] = field(
        default=(), metadata={"help": "the same as table.column=value, from somebody who looked; goes before left"}
    )
    narrowing: tuple[Narrowing, ...] = field(
        default=(),
        metadata={"help": "columns that held less meanwhile, as django.pending tells: what that left is computed"},
    )
    server: Ref[RecoveryReader] = Ref("db")

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source: expected the name of a database")
        check_said(self.said)

    def subjects(self) -> frozenset[Subject]:
        """Name the source, which an earlier step may make, and the live database."""
        server = self.server.name
        source = (Subject(server, "database", name) for name in subject_names(self.source))
        return frozenset({Subject(server, self.kind, self.source), Subject(server, "live"), *source})

    def probe(self, read: Readers) -> SourceState:
        """Compare it with live."""
        server = read[self.server]
        require_source(server, self.source)
        left, narrowed = left_told(self.left, self.said), narrowed_types(self.narrowing)
        filled = filled_nulls(self.narrowing)
        found = server.recovery(Asked(self.source, self.only, self.existing, left, narrowed=narrowed, filled=filled))
        if found.keyless:
            raise RefusedError(
                f"no key tells the rows of these apart, here and in {self.source}: {', '.join(found.keyless)}.",
                advice="Name in only: what else is to come back, and bring these back by hand.",
            )
        return SourceState(self.source, found.rows, tuple(str(one) for one in found.columns), found.untold)

    def details(self, change: Change[SourceState]) -> tuple[str, ...]:
        """Show what of it live lacks, and what nothing tells."""
        found = change.after
        lines = [(name, f"{rows:,} rows in {found.source}, and is not in live") for name, rows in found.rows.items()]
        lines += [(name, f"in {found.source}, and is not in live") for name in found.columns]
        lines += [(name, "in live, and nothing tells what the way back put there") for name in found.untold]
        return tuple(aligned(lines)) or (f"{found.source} has all of it, and live has it too, with or without rows",)

    def outputs(self, after: SourceState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the rows of tables, and the columns, that live lacks, and columns of which nothing tells what is in."""
        untold, look = list(after.untold), list(look_at(after.untold))
        return {"rows": dict(after.rows), "columns": list(after.columns), "untold": untold, "look": look}
