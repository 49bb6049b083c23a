"""What the benchmarks print: tables in Markdown, and aims with whether they hold."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """A ratio measured in one run, and the most that it should be."""

    text: str
    ratio: float
    most: float

    @property
    def holds(self) -> bool:
        """Tell whether the aim is reached."""
        return self.ratio <= self.most

    def __str__(self) -> str:
        return f"{'holds ' if self.holds else 'MISSED'}  {self.ratio:.2f} (aim: at most {self.most:g})  {self.text}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows under a head, as Markdown that also reads well as it is."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def seconds(value: float) -> str:
    """Write seconds with three figures."""
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
