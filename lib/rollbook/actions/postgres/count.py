"""`postgres.count`: how many rows tables have."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Final

from ...action import Change, Fact, Readers, Ref, Subject, evidence, identity
from ...dataclass import dataclass
from ...ops import OpResult
from ...postgres.names import Name
from ...postgres.scratch import subject_names
from ...targets.base import PostgresReader
from ...values import Plain

# Tables, partitioned and foreign ones among them, and views: whatever gives rows by its name.
_THERE: Final = """\
SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"""


@dataclass(frozen=True, slots=True)
class CountState:
    """Which tables are missing, and the rows of those that are there."""

    missing: tuple[str, ...] = identity()
    rows: Mapping[str, int] = evidence()


@dataclass(frozen=True, slots=True)
class Count(Fact[CountState]):
    """
    Count the rows of tables, exactly; views count as well.

    A table that is not there counts as missing, and is no error: after a bad deploy that is often what is asked.
    """

    kind: ClassVar[str] = "postgres.count"
    example: ClassVar[Mapping[str, Plain]] = {"tables": ["auth_user", "channels_post"]}
    by_hand: ClassVar[str] = "`SELECT count(*) FROM TABLE;` for each of `<tables>`, in psql."
    output_names: ClassVar[tuple[str, ...] | None] = ("rows", "missing", "total")

    tables: tuple[str, ...] = field(
        metadata={"help": "names as they are, without quotes; schema.name outside of public"}
    )
    database: str = field(default="", metadata={"help": "another database of the server; the live one, unless given"})
    server: Ref[PostgresReader] = Ref("db")

    def __post_init__(self) -> None:
        if not self.tables:
            raise ValueError("tables: expected at least one")

    def subjects(self) -> frozenset[Subject]:
        """Name the count, and the database."""
        server = self.server.name
        where = [Subject(server, "database", name) for name in subject_names(self.database)]
        own = Subject(server, self.kind, ",".join(self.tables))
        return frozenset({own, *(where if self.database else (Subject(server, "live"),))})

    def probe(self, read: Readers) -> CountState:
        """Count."""
        server = read[self.server]
        database = server.database if not self.database else self.database
        rows: dict[str, int] = {}
        for table in self.tables:
            name = _name(table)
            there = server.rows_in(
                database,
                _THERE,
                {"schema": name.schema, "name": name.name},
            )
            if any(True for _ in there):
                query = f"SELECT count(*) AS rows FROM {name.sql}"  # noqa: S608  # a quoted name
                rows[table] = int(str(next(server.rows_in(database, query))["rows"]))
        return CountState(tuple(table for table in self.tables if table not in rows), rows)

    def outputs(self, after: CountState, results: Sequence[OpResult]) -> Mapping[str, Plain]:  # noqa: ARG002  # it only reads
        """Give the counts by table, and their sum."""
        return {"rows": dict(after.rows), "missing": list(after.missing), "total": sum(after.rows.values())}

    def details(self, change: Change[CountState]) -> tuple[str, ...]:
        """Show a line a table."""
        state = change.before
        return tuple(f"{table}: {state.rows.get(table, 'MISSING')}" for table in self.tables)


def _name(text: str) -> Name:
    schema, dot, name = text.partition(".")
    return Name(schema, name) if dot else Name("public", text)
