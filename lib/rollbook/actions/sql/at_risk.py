"""`sql.at_risk`: the rows and values that a migration will take, counted before anything is done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...migrations.operation import Narrowing
from ...migrations.table import aligned
from ...ops import OpResult
from ...tally import tallied
from ...targets.base import SqlReader
from ...values import Plain
from .counting import ColumnRisk, NarrowRisk, TableRisk, Wanted, count_risks

_NUMBER: Final = "{:,}"


@dataclass(frozen=True, slots=True)
class RiskState:
    """What is named and not there, and what is at risk of the rest, which moves on while people write."""

    missing: tuple[str, ...] = identity()
    tables: tuple[TableRisk, ...] = evidence(default=())
    columns: tuple[ColumnRisk, ...] = evidence(default=())
    narrowing: tuple[NarrowRisk, ...] = evidence(default=())


@dataclass(frozen=True, slots=True)
class AtRisk(Fact[RiskState]):
    """
    Count what a migration will take: the rows of doomed tables, the values in doomed columns, what will not fit.

    Of a doomed column count those rows that have a value, and of these those whose value is another than a row has
    where nobody filled it in (`defaults`, or the column's own default). Of a column that is to hold less, the rows
    that do not fit: too long, out of range, NULL. What `django.pending` gives fits these arguments as it is. Tables
    with more rows than `exact_below`, by the server's own estimate, are not counted: the estimate is given, and said
    to be one.
    """

    kind: ClassVar[str] = "sql.at_risk"
    example: ClassVar[Mapping[str, Plain]] = {
        "tables": "{{ steps.pending.outputs.tables + steps.pending.outputs.emptied }}",
        "columns": "{{ steps.pending.outputs.columns + steps.pending.outputs.rewritten }}",
        "narrowing": "{{ steps.pending.outputs.narrowing }}",
        "defaults": "{{ steps.pending.outputs.defaults }}",
    }
    by_hand: ClassVar[str] = """
- `SELECT count(*) FROM TABLE` for each of `<tables>`
- `SELECT count(*), count(COLUMN) FROM TABLE` for each of `<columns>`, and with `WHERE COLUMN <> DEFAULT`
- for each of `<narrowing>`: `SELECT count(*) FROM TABLE WHERE char_length(COLUMN) > N OR COLUMN IS NULL`, or the range
"""
    output_names: ClassVar[tuple[str, ...] | None] = (
        "rows",
        "tables",
        "columns",
        "narrowing",
        "missing",
        "tables_at_risk",
        "columns_at_risk",
        "nothing",
        "table",
        "tally",
    )

    tables: tuple[str, ...] = field(default=(), metadata={"help": "names as the database has them"})
    columns: tuple[str, ...] = field(default=(), metadata={"help": "as table.column"})
    narrowing: tuple[Narrowing, ...] = field(
        default=(), metadata={"help": "columns that are to hold less: {column: table.column, to: type, required: bool}"}
    )
    defaults: Mapping[str, Plain] = field(
        default_factory=dict, metadata={"help": "the value that table.column has where nobody filled it in"}
    )
    exact_below: int = field(default=5_000_000, metadata={"help": "tables with more rows are estimated"})
    server: Ref[SqlReader] = Ref("db")

    def subjects(self) -> frozenset[Subject]:
        """Name the count, and the live database."""
        server, own = self.server.name, ",".join((*self.tables, *self.columns))
        return frozenset({Subject(server, self.kind, own), Subject(server, "live")})

    def probe(self, read: Readers) -> RiskState:
        """Count."""
        wanted = Wanted(self.tables, self.columns, self.narrowing, self.defaults, self.exact_below)
        missing, found = count_risks(read[self.server], wanted)
        return RiskState(
            missing,
            tuple(one for one in found if isinstance(one, TableRisk)),
            tuple(one for one in found if isinstance(one, ColumnRisk)),
            tuple(one for one in found if isinstance(one, NarrowRisk)),
        )

    def outputs(self, after: RiskState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the counts by name, and the names of what has any."""
        tables = {one.table: one.rows for one in after.tables}
        columns = {one.column: one.telling for one in after.columns}
        narrowing = {one.column: one.misfits for one in after.narrowing}
        return {
            "rows": sum(tables.values()),
            "tables": tables,
            "columns": columns,
            "narrowing": narrowing,
            "missing": list(after.missing),
            "tables_at_risk": [name for name, rows in tables.items() if rows],
            "columns_at_risk": sorted({name for name, rows in (*columns.items(), *narrowing.items()) if rows}),
            "nothing": not any((*tables.values(), *columns.values(), *narrowing.values())),
            "table": "\n".join(_lines(after)),
            "tally": [*tallied("counted", {**narrowing, **columns, **tables}), *_absent(after)],
        }

    def details(self, change: Change[RiskState]) -> tuple[str, ...]:
        """Show the counts."""
        return tuple(_lines(change.after)) or ("nothing is named, so nothing is at risk",)


def _absent(state: RiskState) -> list[Plain]:
    return tallied("absent", dict.fromkeys(state.missing, 0))


def _lines(state: RiskState) -> Iterator[str]:
    rows = [(one.table, _of_table(one)) for one in state.tables]
    rows += [(one.column, _of_column(one)) for one in state.columns]
    rows += [(one.column, _of_narrowing(one)) for one in state.narrowing]
    rows += [(name, "is not there") for name in state.missing]
    return iter(aligned(rows))


def _about(count: int, *, exact: bool) -> str:
    return _NUMBER.format(count) if exact else f"about {_NUMBER.format(count)}"


def _of_table(one: TableRisk) -> str:
    return f"{_about(one.rows, exact=one.exact)} rows"


def _of_column(one: ColumnRisk) -> str:
    if not one.exact:
        return f"up to {_about(one.rows, exact=False)} values; the table is too large to be counted here"
    filled = f"{_NUMBER.format(one.filled)} of {_NUMBER.format(one.rows)} rows have a value"
    if one.standard is None:
        return filled
    return f"{filled}, {_NUMBER.format(one.telling)} another than {one.standard!r}"


def _of_narrowing(one: NarrowRisk) -> str:
    becomes = f"{one.old} -> {one.to}: " if one.to else ""
    if not one.exact:
        return f"{becomes}not looked at, about {_NUMBER.format(one.rows)} rows"
    parts = [f"{_NUMBER.format(one.nulls)} rows are NULL and must not be"] if one.required else []
    if one.to and one.reason:
        said = "do not fit" if one.looked else "may not fit: no query can tell"
        parts.append(f"{_NUMBER.format(one.unfit)} of {_NUMBER.format(one.rows)} rows {said} ({one.reason})")
    return becomes + ("; ".join(parts) or "every value fits")
