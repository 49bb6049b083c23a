"""`postgres.compare`: two databases are made of the same, and hold the same."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Literal

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...postgres.loss import TableLoss
from ...postgres.objects import told, unlike
from ...postgres.scratch import subject_names
from ...targets.base import PostgresReader
from ...values import Plain

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Compare(Assertion):
    """
    Compare the live database with another of its server: what both are made of, and the rows of their tables.

    What they are made of is every table, column, constraint, index, view, function, trigger, sequence, type, owner,
    privilege and comment, as the server writes them. `rows: same` wants equal tables, `kept` only that no row of
    `against` is missing or changed in live (people may have added some), `none` does not look at rows. Tables and kinds
    of object in `ignore` are left out.
    """

    kind: ClassVar[str] = "postgres.compare"
    example: ClassVar[Mapping[str, Plain]] = {"against": "forum_before", "rows": "kept", "ignore": ["django_session"]}
    by_hand: ClassVar[str] = """
`pg_dump --schema-only` of both databases through `diff`, then the tables' rows: `COPY (SELECT * FROM t ORDER BY id) TO
STDOUT` of both sides through `diff`. Neither `showmigrations` nor the number of rows in `django_migrations` shows it.
"""

    against: str
    rows: Literal["same", "kept", "none"] = "same"
    objects: bool = field(default=True, metadata={"help": "compare what they are made of"})
    ignore: tuple[str, ...] = field(default=(), metadata={"help": "tables, or kinds of object such as privileges"})
    server: Ref[PostgresReader] = Ref("db")

    def __post_init__(self) -> None:
        if self.rows == "none" and not self.objects:
            raise ValueError("expected rows: same or kept, or objects: true; else nothing is compared")

    def subjects(self) -> frozenset[Subject]:
        """Name the comparison."""
        server = self.server.name
        other = (Subject(server, "database", name) for name in subject_names(self.against))
        return frozenset({Subject(server, self.kind, self.against), Subject(server, "live"), *other})

    def describe(self) -> str:
        """Say what must hold."""
        parts = ["made of the same"] * self.objects
        parts += {"same": ["hold the same rows"], "kept": ["no row is lost or changed"], "none": []}[self.rows]
        return f"the live database and {self.against}: {', '.join(parts)}"

    def probe(self, read: Readers) -> Outcome:
        """Compare both."""
        server = read[self.server]
        problems: list[str] = []
        if self.objects:
            ours, theirs = server.objects(self.against), server.objects(server.database)
            problems += told(unlike(ours, theirs, ignore=self.ignore), ours, theirs, limit=_SHOWN)
        compared = () if self.rows == "none" else server.losses(self.against, depth="rows")
        problems += self._losses(compared)
        seen: dict[str, Plain] = {"differences": problems[: 2 * _SHOWN], "tables": len(compared)}
        message = "; ".join(problems[:_SHOWN]) or f"{self.describe()}: so it is"
        return Outcome(not problems, message, seen)

    def _losses(self, compared: tuple[TableLoss, ...]) -> Iterator[str]:
        for one in compared:
            if one.table in self.ignore:
                continue
            yield from one.renamed
            if not one.rows_differ:
                continue
            lost = one.live is None or bool(one.changed or one.deleted)
            if self.rows == "same" or lost:
                yield _counted(one)


def _counted(one: TableLoss) -> str:
    if one.live is None:
        return f"{one.table} is missing ({one.backup} rows)"
    if one.backup is None:
        return f"{one.table} is there only in live ({one.live} rows)"
    return f"{one.table}: {one.added} rows more, {one.changed or 0} changed, {one.deleted} missing"
