"""Tables of decisions: by age and severity, as written, and as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from itertools import pairwise

from ...dataclass import dataclass
from ...figures import aligned, size, span
from ...schema import format_duration


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the *decisions* by severity for what is younger than *below*, and what is at *risk* by then."""

    below: timedelta | None = field(default=None, metadata={"help": "the age that the row ends before; the last: none"})
    risk: str = field(default="", metadata={"help": "what a rollback would lose at that age"})
    decisions: Mapping[str, str] = field(default_factory=dict, metadata={"rest": ""})


@dataclass(frozen=True, slots=True)
class Cure:
    """One way out with what it costs; *time* and *downtime* may be seconds, *disk* bytes."""

    cure: str
    time: str | int | float = ""
    disk: str | int = ""
    downtime: str | int | float = ""
    loss: str = ""


def check_table(rows: Sequence[Row]) -> None:
    """Raise ValueError where *rows* leave an age or a severity without one decision."""
    if not rows:
        raise ValueError("table: expected at least one row")
    *bounded, last = (row.below for row in rows)
    if last is not None:
        raise ValueError("table: the last row is for all that is older, so it has no below:")
    ends = [timedelta(0), *(end or timedelta(0) for end in bounded)]
    if any(end <= before for before, end in pairwise(ends)):
        raise ValueError("table: each row but the last ends with a below: that is more than that of the row before")
    names = rows[0].decisions.keys()
    if not names:
        raise ValueError("table: a row gives a decision for each severity, such as critical: rollback")
    for number, row in enumerate(rows, 1):
        if row.decisions.keys() != names:
            raise ValueError(
                f"table: row {number} is for {', '.join(row.decisions)}, and the first for {', '.join(names)}"
            )


def row_at(rows: Sequence[Row], age: timedelta) -> int:
    """Find the row for *age*: each begins where the one before ends, and what is as old as a bound is past it."""
    return next(number for number, row in enumerate(rows) if row.below is None or age < row.below)


def table_lines(rows: Sequence[Row], at: int, severity: str) -> Iterator[str]:
    """Yield the table with the cell that applies in brackets."""
    names = list(rows[0].decisions)
    risks = [row.risk for row in rows]
    cells = [["age", *names, *(["at risk"] if any(risks) else [])]]
    begins = "0"
    for number, row in enumerate(rows):
        ends = _bound(row.below) if row.below is not None else ""
        marked = [
            f"[{decision}]" if number == at and name == severity else decision
            for name, decision in row.decisions.items()
        ]
        cells.append(
            [f"{begins} to {ends}" if ends else f"from {begins}", *marked, *([row.risk] if any(risks) else [])]
        )
        begins = ends
    yield from aligned(cells)


def _bound(below: timedelta) -> str:
    """Print a bound in hours, as people speak of deploys, where it is one of whole hours."""
    hours, rest = divmod(below, timedelta(hours=1))
    return format_duration(below) if rest else f"{hours} h"


def cure_lines(cures: Sequence[Cure]) -> Iterator[str]:
    """Yield the cures beside each other."""
    cells = [["cure", "time", "disk", "downtime", "what could be lost"]]
    cells += [[one.cure, span(one.time), size(one.disk), span(one.downtime), one.loss] for one in cures]
    yield from aligned([[cell or "not known" for cell in line] for line in cells])
