"""`postgres.query`: what a query gives, for later steps and for the plan."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import ClassVar

from ...action import Change, Fact, Readers, Ref, Subject, evidence
from ...dataclass import dataclass
from ...ops import OpResult
from ...postgres.scratch import subject_names
from ...targets.base import PostgresReader
from ...values import Plain

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class QueryState:
    """The rows, as JSON has them; *more* when there were others beyond the limit."""

    rows: tuple[Mapping[str, Plain], ...] = evidence(default=())
    more: bool = evidence(default=False)


@dataclass(frozen=True, slots=True)
class Query(Fact[QueryState]):
    """
    Run a query that only reads, in a read-only transaction, and give its rows to later steps.

    Values go into `params` and are written `:name` in the query. What it gives is shown in the plan and kept in the
    journal: leave columns out that hold people's data. With `expect_rows`, another number of rows refuses the run.
    """

    kind: ClassVar[str] = "postgres.query"
    example: ClassVar[Mapping[str, Plain]] = {
        "query": "SELECT app, name FROM django_migrations WHERE app = :app ORDER BY id",
        "params": {"app": "channels"},
    }
    by_hand: ClassVar[str] = "`psql -X -d <database>`, `SET default_transaction_read_only = on;`, then `<query>`."
    output_names: ClassVar[tuple[str, ...] | None] = ("rows", "first", "count", "more")

    query: str
    params: Mapping[str, Plain] = field(default_factory=dict)
    database: str = field(default="", metadata={"help": "another database of the server; the live one, unless given"})
    limit: int = field(default=100, metadata={"help": "rows that are kept"})
    expect_rows: int | None = field(default=None, metadata={"help": "how many rows it must give"})
    server: Ref[PostgresReader] = Ref("db")

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise ValueError("query: expected a SELECT")
        if not 1 <= self.limit <= 10_000:
            raise ValueError("limit: expected 1 to 10000 rows; postgres.export writes more to a file")

    def subjects(self) -> frozenset[Subject]:
        """Name the query, and the database."""
        server = self.server.name
        where = [Subject(server, "database", name) for name in subject_names(self.database)]
        own = Subject(server, self.kind, self.query)
        return frozenset({own, *(where if self.database else (Subject(server, "live"),))})

    def probe(self, read: Readers) -> QueryState:
        """Run it."""
        server = read[self.server]
        rows = server.rows_in(self.database or server.database, self.query, self.params)
        found = tuple(islice(rows, self.limit + 1))
        return QueryState(tuple(map(_kept, found[: self.limit])), len(found) > self.limit)

    def refusal(self, state: QueryState) -> str | None:
        """Refuse another number of rows than expected."""
        if self.expect_rows is None or (len(state.rows) == self.expect_rows and not state.more):
            return None
        given = f"more than {self.limit}" if state.more else str(len(state.rows))
        return f"the query gives {given} rows, and must give {self.expect_rows}: {self.query}"

    def outputs(self, after: QueryState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the rows, the first of them, and how many there are."""
        rows = list(after.rows)
        return {"rows": rows, "first": rows[0] if rows else None, "count": len(rows), "more": after.more}

    def details(self, change: Change[QueryState]) -> tuple[str, ...]:
        """Show the first rows."""
        state = change.before
        shown = [json.dumps(row, ensure_ascii=False) for row in state.rows[:_SHOWN]]
        left = len(state.rows) - len(shown)
        more = [f"… and {left} more rows"] * bool(left) + ["… and others beyond the limit"] * state.more
        return tuple(shown or ["no rows"]) + tuple(more)


def _kept(row: Mapping[str, Plain]) -> Mapping[str, Plain]:
    """Give a row as JSON has it; times, bytes, and numbers that are not finite as the server writes them."""
    kept: Mapping[str, Plain] = json.loads(json.dumps(row, default=_written), parse_constant=str)
    return kept


def _written(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
