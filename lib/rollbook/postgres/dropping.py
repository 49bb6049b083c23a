"""The op that drops a database which a run of ours made or kept."""

from typing import ClassVar

from ..dataclass import dataclass
from ..ops import Op
from .names import quote


@dataclass(frozen=True, slots=True)
class DatabaseDrop(Op):
    """Drop a database that bears the mark of *run* and that nobody is connected to; one that is gone is fine."""

    op: ClassVar[str] = "postgres.database_drop"
    target: str
    database: str
    run: str

    def render(self) -> tuple[str, ...]:
        """Give the statement."""
        return (f"DROP DATABASE {quote(self.database)}  -- if it bears the mark of run {self.run}, and nobody uses it",)
