"""`decide.matrix`: what to do about a deploy, by its age and by how bad it is."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import ClassVar

from ...action import Change, Fact, Readers, Subject, evidence, identity
from ...dataclass import dataclass
from ...figures import span
from ...schema import encode, parse_instant
from ...values import Plain
from .table import Cure, Row, check_table, cure_lines, row_at, table_lines


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done; *advised* is what the table says, *seconds* how old the deploy was when it was asked."""

    decision: str = identity()
    advised: str = evidence()
    against: bool = evidence(default=False)
    reason: str = evidence(default="")
    severity: str = evidence(default="")
    deployed_at: str = evidence(default="")
    seconds: float = evidence(default=0.0)


@dataclass(frozen=True, slots=True)
class DecideMatrix(Fact[Decision]):
    """
    Look up in a table what to do about a deploy: rows are ages, columns severities, cells decisions.

    A row begins where the one before ends: what is just as old as a bound is past it. `override` goes against the
    table and needs a `reason`. `cures` are shown beside it, for whoever must choose between two ways out. Where people
    decide by what an earlier step showed, its output `advised` is what counts: meanwhile the deploy grows older.
    """

    kind: ClassVar[str] = "decide.matrix"
    example: ClassVar[Mapping[str, Plain]] = {
        "deployed_at": "2024-05-01T12:30:00Z",
        "severity": "major",
        "table": [
            {"below": "24h", "risk": "low", "critical": "rollback", "major": "rollback"},
            {"risk": "high", "critical": "rollback", "major": "fix-forward"},
        ],
    }
    by_hand: ClassVar[str] = (
        "Find the row for the time since the deploy (a row begins where the one before ends) and the column for how "
        "bad it is. Whoever decides otherwise writes down why."
    )

    severity: str
    table: tuple[Row, ...] = field(metadata={"help": "rows by age, each with below: and a decision for each severity"})
    deployed_at: datetime | None = field(default=None, metadata={"help": "when it was deployed, with its zone"})
    age: timedelta | None = field(default=None, metadata={"help": "how long ago that was, instead"})
    advised: str = field(default="", metadata={"help": "what the table said when it was shown; else what it says now"})
    override: str = field(default="", metadata={"help": "a decision that may differ from the table's"})
    reason: str = field(default="", metadata={"help": "why, where it does"})
    cures: tuple[Cure, ...] = field(default=(), metadata={"help": "ways out, with time, disk, downtime and loss"})

    def __post_init__(self) -> None:
        check_table(self.table)
        columns = self.table[0].decisions
        if self.severity not in columns:
            raise ValueError(f"severity: expected one of {', '.join(columns)}; found {self.severity!r}")
        if (self.deployed_at is None) == (self.age is None):
            raise ValueError("expected one of deployed_at and age")
        known = dict.fromkeys(decision for row in self.table for decision in row.decisions.values())
        for name in ("advised", "override"):
            given = getattr(self, name)
            if given and given not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}; found {given!r}")

    def subjects(self) -> frozenset[Subject]:
        """Name nothing: only the clock is looked at."""
        return frozenset()

    def probe(self, read: Readers) -> Decision:
        """Look at the clock, and up in the table."""
        now = parse_instant(read.now())
        age = self.age if self.age is not None else now - (self.deployed_at or now)
        advised = self.advised or self._says(age)
        decision = self.override or advised
        return Decision(
            decision,
            advised,
            against=decision != advised,
            reason=self.reason.strip(),
            severity=self.severity,
            deployed_at=encode(self.deployed_at or (now - age).replace(microsecond=0)),
            seconds=age.total_seconds(),
        )

    def _says(self, age: timedelta) -> str:
        return self.table[row_at(self.table, age)].decisions[self.severity]

    def refusal(self, state: Decision) -> str | None:
        """Refuse a deploy that is yet to come, and a decision against the table that nobody gives a reason for."""
        if state.seconds < 0:
            return (
                f"The deploy at {state.deployed_at} is {span(-state.seconds)} ahead of this machine's clock: look at "
                "the time that was given, at its zone, and at the clock."
            )
        if state.against and not state.reason:
            return f"The table says {state.advised}: to {state.decision} instead needs a reason."
        return None

    def details(self, change: Change[Decision]) -> tuple[str, ...]:
        """Show the table with the cell that applies, what goes against it, and the cures."""
        found = change.before
        at = row_at(self.table, timedelta(seconds=found.seconds))
        lines = [
            f"deployed {found.deployed_at}, {span(found.seconds)} ago; severity {found.severity}: {found.advised}",
            *table_lines(self.table, at, found.severity),
        ]
        if found.advised != self._says(timedelta(seconds=found.seconds)):
            lines.append(
                f"it said {found.advised} when it was shown to whoever decided; the deploy has grown older since"
            )
        if found.against:
            lines.append(f"AGAINST THE TABLE: {found.decision}, because {found.reason}")
        return (*lines, *(cure_lines(self.cures) if self.cures else ()))
