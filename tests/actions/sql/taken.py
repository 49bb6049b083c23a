"""A live database that a deploy took something from, and beside it one that still has it, on whatever server."""

import csv
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from rollbook.action import Change
from rollbook.ops import Op, OpResult
from rollbook.planner.readers import LiveReaders
from rollbook.planner.step import decode_op, encode_op
from rollbook.registry import action_type
from rollbook.schema import build
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import FakeExecution


def open_pool(kind: str, url: str) -> TargetPool:
    """Open the target `db` of that *kind*, and this machine."""
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", kind, {"url": url})}
    return TargetPool(specs, SecretStore({}, redactor), redactor)


@dataclass(frozen=True, slots=True)
class Beside(ABC):
    """Both databases; live is the target `db`, and what a recovery writes down goes to *folder*."""

    live: ClassVar[str]
    backup: ClassVar[str]

    url: str
    pool: TargetPool
    folder: Path

    @property
    def read(self) -> LiveReaders:
        return LiveReaders(self.pool, lambda: datetime.now(UTC), threading.Event())

    @abstractmethod
    def execute(self, statements: str, database: str = "") -> None:
        """Send *statements* to a database, to live unless another is named."""

    @abstractmethod
    def exact(self, table: str, database: str) -> list[tuple[Any, ...]]:
        """Give a table's rows in order, every cell so that no difference is lost."""

    def contents(self, tables: Iterable[str], database: str) -> list[object]:
        return [self.exact(name, database) for name in tables]

    def both(self, statements: str) -> None:
        for database in (self.live, self.backup):
            self.execute(statements, database)

    def recover(self, **arguments: Any) -> Any:
        given = {"source": self.backup, "folder": str(self.folder), "run": "20260101T000000Z-abc", **arguments}
        return build(action_type("sql.recover"), given)

    def plan(self, action: Any) -> Change[Any]:
        before = action.probe(self.read)
        after = action.desired(before)
        ops = tuple(decode_op(encode_op(op)) for op in action.ops(before, after))
        assert ops == action.ops(before, after)
        return Change(before, after, ops)

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        return tuple(self.pool.execute(op, FakeExecution()) for op in ops)

    def do(self, action: Any) -> Change[Any]:
        """Plan it and carry it out; gives what was planned."""
        change = self.plan(action)
        self.carry_out(*change.ops)
        return change

    def undo(self, action: Any, change: Change[Any]) -> Any:
        """Take it back; gives the state that this was to lead to."""
        goal = action.undo(change).goal
        self.carry_out(*action.ops(action.probe_for(self.read, goal), goal))
        return goal

    def told(self, name: str) -> list[dict[str, str]]:
        """Read a file that was left in the folder."""
        return list(csv.DictReader((self.folder / name).read_text().splitlines()))
