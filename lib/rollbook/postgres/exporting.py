"""The op that writes the rows of a query to a CSV file on this machine."""

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op, Statement
from ..values import Plain


@dataclass(frozen=True, slots=True)
class CsvExport(Op):
    """Write a query's rows to *path* as CSV with a head, mode 0600; renamed in when complete."""

    op: ClassVar[str] = "postgres.export"
    target: str
    database: str
    query: str
    path: str
    parameters: Mapping[str, Plain] = field(default_factory=dict)

    def render(self) -> tuple[str, ...]:
        """Give the statement and the file."""
        shown = Statement(f"COPY ({self.query}) TO STDOUT (FORMAT csv, HEADER)", self.parameters).render()
        return (f"{shown}\n    in {self.database}, read-only, to {self.path}",)
