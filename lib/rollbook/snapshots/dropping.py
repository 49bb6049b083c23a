"""The op that drops what a snapshot was loaded into, on either family of servers."""

from typing import ClassVar

from ..dataclass import dataclass
from ..mysql.names import quote
from ..ops import Op
from ..postgres.dropping import DatabaseDrop
from .contents import Server


@dataclass(frozen=True, slots=True)
class SchemaDrop(Op):
    """Drop a schema of MariaDB or MySQL that bears the mark of *run*; one that is gone is fine."""

    op: ClassVar[str] = "sql.schema_drop"
    target: str
    database: str
    run: str

    def render(self) -> tuple[str, ...]:
        """Give the statement."""
        return (f"DROP DATABASE {quote(self.database)}  -- if it bears the mark of run {self.run}",)


def drop(server: Server, target: str, database: str, run: str) -> Op:
    """Give the op for a server's family."""
    return DatabaseDrop(target, database, run) if server == "postgresql" else SchemaDrop(target, database, run)
